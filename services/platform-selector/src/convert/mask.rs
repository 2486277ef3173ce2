use prost_types::FieldMask;
use segue_proto::selector::v1::Platform;
use segue_runtime::Fields;

/// Takes one field over from the first platform into the second.
type TakeOver = fn(&Platform, &mut Platform);

/// The fields that an update can change. The id names the platform; etag and times are the selector's.
const CHANGEABLE: [(&str, TakeOver); 13] = [
    ("display_name", |from, to| to.display_name.clone_from(&from.display_name)),
    ("status", |from, to| to.status = from.status),
    ("features", |from, to| to.features.clone_from(&from.features)),
    ("accepted_faces", |from, to| to.accepted_faces.clone_from(&from.accepted_faces)),
    ("delivered_faces", |from, to| to.delivered_faces.clone_from(&from.delivered_faces)),
    ("entry_uri_template", |from, to| to.entry_uri_template.clone_from(&from.entry_uri_template)),
    ("cost_units", |from, to| to.cost_units = from.cost_units),
    ("rank", |from, to| to.rank = from.rank),
    ("adapter_uri", |from, to| to.adapter_uri.clone_from(&from.adapter_uri)),
    ("service_hours", |from, to| to.service_hours.clone_from(&from.service_hours)),
    ("account_required", |from, to| to.account_required = from.account_required),
    ("live_lookup", |from, to| to.live_lookup = from.live_lookup),
    ("load_weight", |from, to| to.load_weight = from.load_weight),
];

/// Which fields an update takes over.
#[derive(Debug, Clone)]
pub(crate) struct Mask {
    taken: Vec<TakeOver>,
    /// Whether the adapter's address is one of them.
    pub(crate) names_adapter: bool,
}

impl Mask {
    /// Reads a mask; all fields for none, an empty one, or `*`.
    pub(crate) fn parse(fields: &mut Fields, mask: Option<&FieldMask>) -> Self {
        let paths = mask.map_or(&[][..], |mask| &mask.paths);
        fields.at_most("update_mask.paths", paths.len(), 2 * CHANGEABLE.len());
        if paths.is_empty() || paths == ["*"] {
            let taken = CHANGEABLE.iter().map(|(_, take_over)| *take_over).collect();
            return Self { taken, names_adapter: true };
        }
        let mut taken = vec![];
        for (index, path) in paths.iter().take(2 * CHANGEABLE.len()).enumerate() {
            match CHANGEABLE.iter().find(|(name, _)| name == path) {
                Some((_, take_over)) => taken.push(*take_over),
                None => fields.violation(
                    format!("update_mask.paths[{index}]"),
                    "must be a field of the platform that can be changed",
                ),
            }
        }
        Self { taken, names_adapter: paths.iter().any(|path| path == "adapter_uri") }
    }

    /// Takes the fields over.
    pub(crate) fn apply(&self, from: &Platform, to: &mut Platform) {
        for take_over in &self.taken {
            take_over(from, to);
        }
    }
}
