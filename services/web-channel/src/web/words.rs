//! What people are told, by reason, in English and Chinese. A reason that people here can do nothing about gets the
//! words for a fault.

use segue_proto::common::v1::ErrorReason;

const FAULT: (&str, &str) =
    ("Something went wrong on our side. Please try again.", "系统出现问题，请稍后重试。");

pub(super) fn words(reason: ErrorReason) -> (&'static str, &'static str) {
    use ErrorReason as R;
    match reason {
        R::InvalidField => ("Please check what you entered.", "请检查您填写的内容。"),
        R::RequestIdReused => ("This was sent before with other content.", "该请求已以其他内容提交过。"),
        R::PlatformNotFound | R::PlatformDisabled => {
            ("This platform is not in service.", "该平台暂未开通服务。")
        }
        R::WorkProfileNotFound => ("There is no such work profile.", "没有该业务类型。"),
        R::TargetIsSource => ("The customer is on this platform already.", "客户已在该平台上。"),
        R::AgentNotOnTarget => ("You don't serve that platform.", "您不服务于该平台。"),
        R::NoEligiblePlatform => {
            ("No platform can take the remaining work just now.", "目前没有平台可以办理剩余业务。")
        }
        R::AgentMustChoose => ("Please choose the platform to go on with.", "请选择要继续办理的平台。"),
        R::FaceNotUsable | R::FaceTooWeak => of_faces(reason),
        R::AgentNotFound => ("There is no agent with this number.", "没有该工号的坐席。"),
        R::AgentUnavailable => ("This agent can't take the contact just now.", "该坐席目前无法接手。"),
        R::AgentOffline => ("The agent is not signed in.", "坐席未登录。"),
        R::HandoffNotFound => ("There is no such handoff.", "没有该切换记录。"),
        R::HandoffState => ("The handoff has gone on meanwhile.", "该切换的状态已变化。"),
        R::HandoffInProgress => ("This customer already has a code.", "该客户已有一个有效的快速接入码。"),
        R::SessionNotOfAgent => ("This conversation is not with you.", "该会话不由您服务。"),
        R::CodeMalformed | R::CodeNotAccepted => of_codes(reason),
        R::CodeReplaced | R::CodeAlreadyUsed | R::CodeExpired | R::CodeCancelled | R::CodeRetired => {
            of_codes(reason)
        }
        R::TooManyAttempts => (
            "There were too many wrong codes. Please wait, or ask the agent for a new code.",
            "错误次数过多，请稍后再试，或向坐席索取新的快速接入码。",
        ),
        R::RevokeTooLate => ("It is too late to take this switch back.", "已超过可撤回的时间。"),
        R::AdmissionPending => {
            ("Your code is accepted; we are connecting you.", "快速接入码已接受，正在为您接通。")
        }
        R::AdmissionFailed => (
            "Your code was accepted but we can't connect you here. Please go on in the old conversation.",
            "快速接入码已接受，但暂时无法接通，请在原会话中继续。",
        ),
        R::ContactNotFound
        | R::ContactState
        | R::ContactIsHandoff
        | R::ContactNotYours
        | R::OfferWithdrawn => of_contacts(reason),
        R::CallerUnknown | R::CallerNotAllowed | R::CallerNotOwner | R::ApproverIsProposer => FAULT,
        R::SessionNotFound => ("Please start a conversation first.", "请先开始会话。"),
        R::DependencyUnavailable | R::StoreUnavailable => {
            ("The service can't be reached just now. Please try again.", "服务暂时无法访问，请稍后重试。")
        }
        R::Overloaded => {
            ("There is a lot going on. Please try again in a moment.", "当前访问较多，请稍后重试。")
        }
        R::DeadlineExceeded => ("That took too long. Please try again.", "处理超时，请重试。"),
        R::Unspecified
        | R::Internal
        | R::InvalidPageToken
        | R::InvalidResumeToken
        | R::PlatformExists
        | R::EtagMismatch
        | R::AccountNotFound
        | R::AgentInUse
        | R::FeatureNotFound
        | R::FeatureInUse
        | R::ImportInProgress
        | R::ImportNotFound
        | R::ImportNotResumable
        | R::IdentityShared
        | R::AdapterChangeNotProposed
        | R::ServiceListEntryNotFound
        | R::ServiceListEntryClosed => FAULT,
    }
}

/// What a customer is told of a code that doesn't work.
fn of_codes(reason: ErrorReason) -> (&'static str, &'static str) {
    match reason {
        ErrorReason::CodeMalformed => (
            "This can't be the code. Please compare it and enter it again.",
            "快速接入码格式不对，请核对后重新输入。",
        ),
        ErrorReason::CodeNotAccepted => (
            "This code is not valid here. It may be mistyped, used or expired; ask the agent for a new one.",
            "快速接入码无效：可能输入有误、已使用或已过期，请向坐席索取新的快速接入码。",
        ),
        ErrorReason::CodeReplaced => (
            "The agent has sent you a newer code. Please enter that one.",
            "坐席已发送新的快速接入码，请输入新的。",
        ),
        ErrorReason::CodeAlreadyUsed => (
            "This code was used already. If that wasn't you, tell the agent.",
            "该快速接入码已被使用。如非本人操作，请告知坐席。",
        ),
        ErrorReason::CodeExpired => (
            "This code is too old. Please ask the agent for a new one.",
            "该快速接入码已过期，请向坐席索取新的快速接入码。",
        ),
        ErrorReason::CodeRetired => (
            "This code is not safe any more, as others have tried to guess it. Please ask the agent for a new one.",
            "有人多次尝试猜测该快速接入码，出于安全考虑已停用，请向坐席索取新的快速接入码。",
        ),
        ErrorReason::CodeCancelled => (
            "This code was cancelled or replaced. Please enter the newest one, or ask the agent for one.",
            "该快速接入码已取消或被替换，请输入最新的，或向坐席索取。",
        ),
        _ => FAULT,
    }
}

/// What an agent is told of the forms of codes.
fn of_faces(reason: ErrorReason) -> (&'static str, &'static str) {
    match reason {
        ErrorReason::FaceNotUsable => {
            ("No form of code works on both platforms.", "两个平台没有可共用的快速接入码形式。")
        }
        ErrorReason::FaceTooWeak => {
            ("This form of code would be too easy to guess just now.", "该形式的快速接入码目前安全强度不足。")
        }
        _ => FAULT,
    }
}

/// What an agent is told of a contact.
fn of_contacts(reason: ErrorReason) -> (&'static str, &'static str) {
    use ErrorReason as R;
    match reason {
        R::ContactNotFound => ("There is no such contact.", "没有该联络。"),
        R::ContactState => ("The contact has gone on meanwhile.", "该联络的状态已变化。"),
        R::ContactIsHandoff => ("A handoff is first in line already.", "快速接入的客户已排在最前。"),
        R::OfferWithdrawn => ("This offer has gone to others.", "该邀请已撤回，将由其他坐席接待。"),
        R::ContactNotYours => ("This contact is with another agent.", "该联络由其他坐席负责。"),
        _ => FAULT,
    }
}
