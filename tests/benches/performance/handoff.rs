//! Whole handoffs, and redemptions alone.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use segue_proto::{
    common::v1::{ErrorReason, Session},
    issuer::v1::{CreateHandoffRequest, RedeemCodeRequest, RedeemCodeResponse},
};
use segue_runtime::reason_of;
use segue_testkit::request_id;
use segue_tests::Fixture;
use tonic::Status;

use crate::{
    callers::{Counted, over},
    contact,
    plan::Plan,
    system::{SOURCE, System},
};

/// How long a customer waits before asking again, as the answer asks for.
const PENDING: Duration = Duration::from_millis(20);

/// A code that nobody has entered.
pub struct Code {
    pub redemption: RedeemCodeRequest,
    agent: String,
}

/// Submit, accept, create, redeem, complete.
pub async fn whole(system: Arc<System>, caller: usize) -> Result<(), Status> {
    let system = &*system;
    let number = system.number();
    let contact = contact::begin(system, caller, SOURCE, &session_of(number)).await?;
    let code = create(system, caller, number, contact.agent).await?;
    let redeemed = redeem(system, caller, code.redemption).await?;
    contact::complete(system, caller, redeemed.contact_id, code.agent).await
}

pub async fn create(system: &System, caller: usize, number: usize, agent: String) -> Result<Code, Status> {
    let person = &system.people[number % system.people.len()];
    let request = CreateHandoffRequest {
        request_id: request_id(),
        agent: agent.clone(),
        work_order: format!("WO-{number}"),
        source: Some(Session { platform: SOURCE.to_owned(), session: session_of(number) }),
        customer: Some(person.customer.clone()),
        ..Fixture::handoff("")
    };
    let issued = system.clients(caller).issuer.create_handoff(request).await?.into_inner();
    let code = Fixture::digits(&issued);
    let redemption = RedeemCodeRequest {
        account: person.account.clone(),
        ..Fixture::redemption(&code, &format!("app-{number}"))
    };
    Ok(Code { redemption, agent })
}

/// Asks again, the same to the letter, while the router has not admitted the customer yet.
pub async fn redeem(
    system: &System,
    caller: usize,
    request: RedeemCodeRequest,
) -> Result<RedeemCodeResponse, Status> {
    loop {
        match system.clients(caller).issuer.redeem_code(request.clone()).await {
            Err(status) if reason_of(&status) == Some(ErrorReason::AdmissionPending) => {
                tokio::time::sleep(PENDING).await;
            }
            answer => return answer.map(tonic::Response::into_inner),
        }
    }
}

fn session_of(number: usize) -> String {
    format!("call-{number}")
}

/// Codes, as many as the plan has, or as can be made in its time.
pub async fn codes(system: &Arc<System>, plan: &Plan, most: usize) -> Vec<Code> {
    let made: Arc<Mutex<Vec<Code>>> = Arc::default();
    let (keep, system) = (made.clone(), system.clone());
    let deadline = Instant::now() + plan.create;
    over(plan.callers, (0..most).collect(), move |caller| {
        let (keep, system) = (keep.clone(), system.clone());
        async move {
            if Instant::now() < deadline {
                let number = system.number();
                let agent = system.agent_for(number);
                let code = create(&system, caller, number, agent).await?;
                keep.lock().unwrap().push(code);
            }
            Ok(())
        }
    })
    .await;
    std::mem::take(&mut *made.lock().unwrap())
}

/// A contact that was admitted, and its agent.
type Admitted = (String, String);

/// Redeems each of some codes.
pub async fn redeem_all(system: &Arc<System>, callers: usize, codes: Vec<Code>) -> (Counted, Vec<Admitted>) {
    let admitted: Arc<Mutex<Vec<Admitted>>> = Arc::default();
    let (keep, system) = (admitted.clone(), system.clone());
    let counted = over(callers, codes, move |code| {
        let (keep, system) = (keep.clone(), system.clone());
        async move {
            let redeemed = redeem(&system, system.number(), code.redemption).await?;
            keep.lock().unwrap().push((redeemed.contact_id, code.agent));
            Ok(())
        }
    })
    .await;
    let admitted = std::mem::take(&mut *admitted.lock().unwrap());
    (counted, admitted)
}

/// Completes contacts, so that their agents are free again.
pub async fn complete_all(system: &Arc<System>, callers: usize, admitted: Vec<Admitted>) {
    let system = system.clone();
    over(callers, admitted, move |(contact, agent)| {
        let system = system.clone();
        async move { contact::complete(&system, system.number(), contact, agent).await }
    })
    .await;
}
