//! What goes wrong with plugins and their host, as a refusal: each code of the documents has one fault, and what it
//! failed with is told in `details`.

use application::{
    failure::Reason,
    hosting::{Refused, Undelivered},
    operating::faults::Code,
};
use axum::http::header::RETRY_AFTER;
use domain::operation::OperationFault;
use serde_json::{Map, Value};

use super::{Fault, PAUSE, Refusal};

impl From<OperationFault> for Refusal {
    fn from(fault: OperationFault) -> Self {
        // A code of a later version.
        let code = Code::of(&fault).unwrap_or(Code::InstallationFailed);
        let details = match fault.details {
            Value::Object(details) => details,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Map::new()
            }
        };
        let mut refusal = Self::new(kind(code), fault.message).coded(code.as_str()).detailed(details);
        // A fault of ours is nobody's business.
        refusal.details.retain(|name, value| name != "reason" || *value != Reason::Internal.as_str());
        refusal
    }
}

fn kind(code: Code) -> Fault {
    match code {
        Code::NotFound => Fault::NotFound,
        Code::AlreadyInstalled | Code::Dependency => Fault::Conflict,
        Code::PermissionDenied => Fault::Forbidden,
        Code::InstallationFailed | Code::StartupFailed => Fault::Plugin,
        Code::Incompatible | Code::Configuration => Fault::Meaningless,
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Error(error) => error.into(),
            Refused::Fault(fault) => fault.into(),
        }
    }
}

impl From<Undelivered> for Refusal {
    fn from(undelivered: Undelivered) -> Self {
        let not_running = |message: &str| Self::new(Fault::Conflict, message).coded("PLUGIN_NOT_RUNNING");
        match undelivered {
            Undelivered::Error(error) => error.into(),
            Undelivered::NotRunning => not_running("The plugin is not running; enable or restart it"),
            Undelivered::Died => not_running("The plugin ended before it answered"),
            Undelivered::Busy => {
                let told = "The plugin has as many messages waiting as it may have; send it again later";
                let mut refusal = Self::new(Fault::Limited, told);
                refusal.headers.insert(RETRY_AFTER, PAUSE);
                refusal
            }
            Undelivered::TimedOut => Self::new(Fault::Late, "The plugin did not answer in time")
                .coded("PLUGIN_COMMUNICATION_TIMEOUT"),
            Undelivered::TooLarge => {
                Self::new(Fault::TooLarge, "The message is too large for the plugin's protocol")
            }
        }
    }
}

impl Refusal {
    pub(crate) fn detailed(self, details: Map<String, Value>) -> Self {
        Self { details, ..self }
    }

    pub(crate) fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_code_has_the_status_of_the_document_and_keeps_its_details() {
        let statuses = Code::ALL.map(|code| {
            let refusal = Refusal::from(code.because("why", json!({"field": "x"})));
            assert_eq!((refusal.code, &refusal.details["field"]), (Some(code.as_str()), &json!("x")));
            refusal.fault.status().as_u16()
        });
        assert_eq!(statuses, [404, 409, 409, 403, 500, 500, 400, 400]);
    }

    #[test]
    fn a_fault_of_ours_is_not_told_and_a_code_of_tomorrow_is_a_failure() {
        let ours = Refusal::from(Code::InstallationFailed.because("why", json!({"reason": "INTERNAL"})));
        assert!(ours.details.is_empty());
        let theirs = Refusal::from(Code::InstallationFailed.because("why", json!({"reason": "DISK_FULL"})));
        assert_eq!(theirs.details["reason"], "DISK_FULL");
        let fault = OperationFault { code: "NEW".to_owned(), message: String::new(), details: Value::Null };
        let unknown = Refusal::from(fault);
        assert_eq!((unknown.fault, unknown.code), (Fault::Plugin, Some("PLUGIN_INSTALLATION_FAILED")));
    }

    #[test]
    fn a_message_that_is_not_answered_says_why() {
        for (undelivered, status, code) in [
            (Undelivered::NotRunning, 409, Some("PLUGIN_NOT_RUNNING")),
            (Undelivered::Died, 409, Some("PLUGIN_NOT_RUNNING")),
            (Undelivered::Busy, 429, None),
            (Undelivered::TimedOut, 408, Some("PLUGIN_COMMUNICATION_TIMEOUT")),
            (Undelivered::TooLarge, 413, None),
        ] {
            let refusal = Refusal::from(undelivered);
            assert_eq!((refusal.fault.status().as_u16(), refusal.code), (status, code), "{refusal:?}");
        }
    }
}
