//! How full platforms are is reported.

use segue_proto::selector::v1::ReportPlatformLoadResponse;
use segue_store::Conn;

use super::Outcome;
use crate::{
    errors,
    store::{self, loads::Load},
};

/// Records a load; the last report counts.
pub(crate) async fn report(conn: &mut Conn, load: &Load) -> Outcome<ReportPlatformLoadResponse> {
    if !store::loads::report(conn, load).await? {
        return Ok(Err(errors::platform_not_found("platform", &load.platform)));
    }
    Ok(Ok(ReportPlatformLoadResponse {}))
}
