//! The quick input control's other side (R9, R10): what the customer entered is passed on, and not looked at.

use axum::{Extension, Json, extract::State, http::HeaderMap};
use segue_proto::{issuer::v1::RedeemCodeRequest, router::v1::ContactState};
use segue_runtime::Fields;
use serde::{Deserialize, Serialize};

use super::{Shared, body::Body, client::Client, customer::open_session, problem::Problem};
use crate::{commands::sessions::admit, domain::Admitted};

/// An attempt. The code is in the body, as a URL ends up in logs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Redeem {
    platform: String,
    /// UUID; the same again, for an attempt whose answer was lost, gets the same answer.
    request_id: String,
    code: String,
}

/// The customer goes on here.
#[derive(Serialize)]
pub(super) struct Redeemed {
    agent: String,
    work_order: String,
    /// First in line, and not with the agent yet.
    waiting: bool,
}

pub(super) async fn redeem(
    State(web): State<Shared>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Body(form): Body<Redeem>,
) -> Result<Json<Redeemed>, Problem> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&form.request_id);
    let code = fields.text("code", form.code.trim(), 1..=1024);
    fields.finish()?;
    let session = open_session(&web, &headers, &form.platform).await?;
    if web.platform(&session.platform).is_none_or(|platform| !platform.quick_input) {
        return Err(Problem::field("platform", "takes no codes"));
    }
    let request = RedeemCodeRequest {
        request_id,
        code,
        platform: session.platform.clone(),
        session: session.id.clone(),
        account: session.account.reveal().clone(),
        // The page takes the account that its visitor names; nobody has signed in.
        account_verified: false,
        source_address: client.address.to_string(),
    };
    let answer = web.clients.redeem_code(request).await?;
    let waiting = answer.contact_state() != ContactState::Assigned;
    let admitted = Admitted {
        handoff_id: answer.handoff_id,
        contact_id: answer.contact_id,
        agent: answer.agent,
        work_order: answer.work_order,
        waiting,
    };
    let redeemed =
        Redeemed { agent: admitted.agent.clone(), work_order: admitted.work_order.clone(), waiting };
    // A customer who had asked for any agent in this conversation has the same contact still: it is the handoff's from now on.
    admit(&web.store, &session.id, admitted).await?;
    Ok(Json(redeemed))
}
