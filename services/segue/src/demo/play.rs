use anyhow::{Context as _, ensure};
use code_issuer::domain::faces::qr;
use segue_proto::{
    common::v1::{AccessInfo, Customer, Face, Identity, RemainingWork, Session},
    issuer::v1::{CreateHandoffRequest, CreateHandoffResponse, DeliveryState, HandoffState},
    router::v1::{Assignment, AssignmentChange, Priority},
    selector::v1::Candidate,
};
use serde_json::json;

use super::{CustomerPage, Desk, Stage, desk::new_uuid};
use crate::{
    Addresses,
    demo_data::{DEMO_AGENT, DEMO_WORK_PROFILE, demo_customer},
};

const SOURCE: &str = "web_chat";
const WORK_ORDER: &str = "WO-2026-0042";

/// A played handoff.
#[derive(Debug)]
pub struct Handoff {
    /// Its id.
    pub id: String,
    /// The contact on the target platform.
    pub contact: String,
}

/// Who takes part.
struct Play<'a> {
    stage: &'a Stage,
    pages: String,
    desk: Desk,
}

/// Plays one handoff (R1 to R12); fails at the first step that doesn't hold.
pub async fn play(addresses: &Addresses, stage: &Stage) -> anyhow::Result<Handoff> {
    let desk = stage.step("The agent signs in", Desk::sign_in(addresses, DEMO_AGENT)).await?;
    let mut play = Play { stage, pages: format!("http://{}", addresses.pages), desk };
    let played = play.handoff().await;
    let signed_out = play.desk.sign_out().await;
    let handoff = played?;
    signed_out.context("the agent can't sign out")?;
    stage.say("\nEvery step held: one customer, one agent, two platforms.");
    Ok(handoff)
}

impl Play<'_> {
    async fn handoff(&mut self) -> anyhow::Result<Handoff> {
        let (mut chat, contact) = self.first_conversation().await?;
        let issued = self.hand_off(&chat).await?;
        let id =
            issued.handoff.as_ref().map(|handoff| handoff.id.clone()).context("no handoff in the answer")?;
        let target = issued.handoff.and_then(|handoff| handoff.target).map(|target| target.platform);
        let target = target.context("no target in the answer")?;
        let code = self.card(&mut chat).await?;
        let assignment = self.second_conversation(&target, &code).await?;
        let admitted = assignment.contact.context("no contact in the assignment")?.id;
        self.old_conversation_ends(&mut chat, &contact, &id).await?;
        self.desk.complete(&admitted).await?;
        Ok(Handoff { id, contact: admitted })
    }

    /// R1: a request is queued, an agent is assigned, the desk has it.
    async fn first_conversation(&mut self) -> anyhow::Result<(CustomerPage, String)> {
        let (stage, pages) = (self.stage, self.pages.clone());
        let customer = demo_customer()?;
        let who = json!({ "phone": customer.phone, "member_id": customer.member_id });
        let chat = stage.step("A customer asks for help in the web chat", async {
            let chat = CustomerPage::start(&pages, SOURCE, &customer.name, &who).await?;
            chat.write("你好，我要补充理赔材料。 Hello, I have papers for my claim.").await?;
            Ok(chat)
        });
        let chat = chat.await?;
        let desk = &mut self.desk;
        let contact = stage
            .step("The router offers the customer to the agent, who takes them", async {
                let offer = desk.wait_for(&chat.session, AssignmentChange::Offered).await?;
                let contact = offer.contact.context("no contact in the offer")?;
                desk.accept(&contact.id).await?;
                desk.wait_for(&chat.session, AssignmentChange::Assigned).await?;
                Ok(contact.id)
            })
            .await?;
        stage.sees("agent", &format!("contact {contact}\nthe papers can't be uploaded in this chat"));
        Ok((chat, contact))
    }

    /// R2 to R7: switching information, the choice of the platform, the code.
    async fn hand_off(&mut self, chat: &CustomerPage) -> anyhow::Result<CreateHandoffResponse> {
        let customer = demo_customer()?;
        let identity = |kind: &str, value: &str| Identity {
            kind: kind.to_owned(),
            value: value.to_owned(),
            unverified: false,
        };
        let request = CreateHandoffRequest {
            request_id: new_uuid(),
            work_order: WORK_ORDER.to_owned(),
            agent: self.desk.agent.clone(),
            source: Some(Session { platform: SOURCE.to_owned(), session: chat.session.clone() }),
            customer: Some(Customer {
                identities: vec![
                    identity("phone", &customer.phone),
                    identity("member_id", &customer.member_id),
                ],
            }),
            remaining_work: Some(RemainingWork {
                profile: DEMO_WORK_PROFILE.to_owned(),
                summary: "Upload the hospital's invoice; everything else is checked.".to_owned(),
                context: [("identity".to_owned(), "verified".to_owned())].into(),
                conversation_summary: "Was in hospital in May; the claim lacks the invoice.".to_owned(),
                ..RemainingWork::default()
            }),
            locale: "zh-CN".to_owned(),
            ..CreateHandoffRequest::default()
        };
        let (stage, desk) = (self.stage, &mut self.desk);
        let issued = stage.step("The desk asks for a handoff", desk.hand_off(request)).await?;
        let handoff = issued.handoff.as_ref().context("no handoff in the answer")?;
        stage.sees("services", &explain(&handoff.candidates));
        ensure!(handoff.state() == HandoffState::Issued, "the handoff is {:?}", handoff.state());
        ensure!(handoff.delivery_state() == DeliveryState::Delivered, "the code was not delivered");
        let info = issued.access_info.as_ref().context("no access information in the answer")?;
        stage.sees("agent", &format!("the customer was sent: {}", shown_to_agent(info)));
        Ok(issued)
    }

    /// R8: the customer has the access information in the conversation that goes on.
    async fn card(&mut self, chat: &mut CustomerPage) -> anyhow::Result<String> {
        let entry =
            self.stage.step("The customer is shown the access card", chat.wait_for_entry("card")).await?;
        let card = entry.rest.get("card").context("the card is empty")?;
        let message = card["message"].as_str().context("the card has no message")?;
        let faces = card["faces"].as_array().context("the card has no code")?;
        let digits = faces.iter().find(|face| face["kind"] == "digits").context("the card has no digits")?;
        self.stage.sees("customer", message);
        if let Some(uri) = card["entry_uri"].as_str().filter(|uri| !uri.is_empty()) {
            self.stage.sees("", &qr::terminal(uri)?);
        }
        digits["display"].as_str().map(str::to_owned).context("the digits are missing")
    }

    /// R9 to R11: the code is entered elsewhere; same agent, first in line, with the whole context.
    async fn second_conversation(&mut self, target: &str, code: &str) -> anyhow::Result<Assignment> {
        let (stage, pages) = (self.stage, self.pages.clone());
        let customer = demo_customer()?;
        let account = customer.accounts.iter().find(|account| account.platform == target);
        let who = json!({ "account": account.map(|account| account.id.clone()).unwrap_or_default() });
        let page = CustomerPage::start(&pages, target, &customer.name, &who).await?;
        let title = format!("The customer enters the code on {target}");
        let request_id = new_uuid();
        let redeemed = stage.step(&title, page.redeem(code, &request_id)).await?;
        stage.sees("customer", &format!("with agent {}, work order {}", redeemed.agent, redeemed.work_order));
        ensure!(redeemed.agent == self.desk.agent && !redeemed.waiting, "it is not the same agent");
        ensure!(redeemed.work_order == WORK_ORDER, "the work order was lost");
        let desk = &mut self.desk;
        let assigned = desk.wait_for(&page.session, AssignmentChange::Assigned);
        let assignment = stage.step("The same agent has the customer again", assigned).await?;
        let contact = assignment.contact.as_ref().context("no contact in the assignment")?;
        ensure!(contact.priority() == Priority::Handoff, "the customer was not first in line");
        let work = assignment.remaining_work.as_ref().context("the remaining work was lost")?;
        stage
            .sees("agent", &format!("{}: {}\ndone: {:?}", assignment.work_order, work.summary, work.context));
        Ok(assignment)
    }

    /// R12: the old conversation is over, for the customer, the router and the issuer.
    async fn old_conversation_ends(
        &mut self,
        chat: &mut CustomerPage,
        contact: &str,
        handoff: &str,
    ) -> anyhow::Result<()> {
        let (stage, desk) = (self.stage, &mut self.desk);
        let closed = stage.step("The old conversation is closed", chat.wait_for_entry("closed")).await?;
        stage.sees("customer", closed.rest.get("message").and_then(|text| text.as_str()).unwrap_or("closed"));
        let ended = stage.step("The handoff is complete", desk.end_of(handoff)).await?;
        ensure!(ended.state() == HandoffState::Switched, "the handoff ended {:?}", ended.state());
        stage.sees("services", &format!("{handoff} is SWITCHED; {contact} went on as {}", ended.contact_id));
        Ok(())
    }
}

/// The selection as a table.
fn explain(candidates: &[Candidate]) -> String {
    let mut lines = vec![format!("{:<18} {:<9} {:<8} reasons", "platform", "eligible", "account")];
    for candidate in candidates {
        let yes = |condition| if condition { "yes" } else { "no" };
        let reasons: Vec<String> = candidate
            .reasons
            .iter()
            .map(|reason| {
                reason.code().as_str_name().trim_start_matches("SELECTION_REASON_CODE_").to_lowercase()
            })
            .collect();
        lines.push(format!(
            "{:<18} {:<9} {:<8} {}",
            candidate.platform,
            yes(candidate.eligible),
            yes(candidate.has_account),
            reasons.join(", ")
        ));
    }
    lines.join("\n")
}

fn shown_to_agent(info: &AccessInfo) -> String {
    let named: Vec<&str> = info.faces.iter().map(|face| name_of(face.kind())).collect();
    match named.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => named.join(""),
    }
}

fn name_of(face: Face) -> &'static str {
    match face {
        Face::Unspecified => "a form that this program doesn't know",
        Face::Digits => "digits",
        Face::Letters => "letters",
        Face::Words => "words",
        Face::Characters => "Chinese words",
        Face::Picture => "pictures",
        Face::Qr => "a QR code",
    }
}

#[cfg(test)]
mod tests {
    use segue_proto::common::v1::CodeFace;

    use super::*;

    #[test]
    fn each_face_is_named() {
        let faces = (1..=6).map(|kind| CodeFace { kind, ..CodeFace::default() }).collect();
        let shown = shown_to_agent(&AccessInfo { faces, ..AccessInfo::default() });
        assert_eq!(shown, "digits, letters, words, Chinese words, pictures and a QR code");
    }
}
