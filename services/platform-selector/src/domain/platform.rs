use super::{face::Faces, feature::Features, hours::ServiceHours};

/// A platform, as far as choosing goes.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Its id.
    pub id: String,
    /// For people; may be empty.
    pub display_name: String,
    /// Whether it takes handoffs.
    pub active: bool,
    /// What it can do.
    pub features: Features,
    /// Faces that can be entered there.
    pub accepted_faces: Faces,
    /// Faces that it can show or read to a customer.
    pub delivered_faces: Faces,
    /// When it is served; none: always.
    pub hours: Option<ServiceHours>,
    /// Share of an agent's attention, 0 to 100.
    pub cost_units: i32,
    /// Order among equals, higher first.
    pub rank: i32,
    /// Whether nothing can be done there without an account.
    pub account_required: bool,
    /// What it loses from its score when it is full, 0 to 100.
    pub load_weight: i32,
}

impl Platform {
    /// What people call it.
    pub fn name(&self) -> &str {
        if self.display_name.is_empty() { &self.id } else { &self.display_name }
    }
}
