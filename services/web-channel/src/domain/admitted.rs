/// What a redeemed code says about a conversation.
pub(crate) struct Admitted {
    pub(crate) handoff_id: String,
    pub(crate) contact_id: String,
    pub(crate) agent: String,
    pub(crate) work_order: String,
    pub(crate) waiting: bool,
}
