//! What an operation fails with: the words of the documents, a sentence, and details without internals.

use domain::operation::OperationFault;
use serde_json::{Value, json};

use crate::{error::Error, failure::Failure, ports::hosting::StartFault};

/// The codes that operations end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    NotFound,
    AlreadyInstalled,
    Dependency,
    PermissionDenied,
    InstallationFailed,
    StartupFailed,
    Incompatible,
    Configuration,
}

impl Code {
    pub const ALL: [Self; 8] = [
        Self::NotFound,
        Self::AlreadyInstalled,
        Self::Dependency,
        Self::PermissionDenied,
        Self::InstallationFailed,
        Self::StartupFailed,
        Self::Incompatible,
        Self::Configuration,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "PLUGIN_NOT_FOUND",
            Self::AlreadyInstalled => "PLUGIN_ALREADY_INSTALLED",
            Self::Dependency => "PLUGIN_DEPENDENCY_ERROR",
            Self::PermissionDenied => "PLUGIN_PERMISSION_DENIED",
            Self::InstallationFailed => "PLUGIN_INSTALLATION_FAILED",
            Self::StartupFailed => "PLUGIN_STARTUP_FAILED",
            Self::Incompatible => "PLUGIN_INCOMPATIBLE",
            Self::Configuration => "PLUGIN_CONFIGURATION_ERROR",
        }
    }

    /// Of a fault that came out of the log.
    pub fn of(fault: &OperationFault) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == fault.code)
    }

    pub fn fault(self, message: impl Into<String>) -> OperationFault {
        self.because(message, Value::Null)
    }

    pub fn because(self, message: impl Into<String>, details: Value) -> OperationFault {
        OperationFault { code: self.as_str().to_owned(), message: message.into(), details }
    }
}

/// Why a step came to no end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Halt {
    /// The operation fails.
    Fault(OperationFault),
    /// Somebody asked for it to stop.
    Cancelled,
    /// The log or the database is away, or this node was overtaken: nothing is taken back, somebody goes on later.
    Adrift(String),
}

impl From<OperationFault> for Halt {
    fn from(fault: OperationFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        if failure.reason == crate::failure::Reason::Cancelled {
            return Self::Cancelled;
        }
        let details = json!({"reason": failure.reason});
        Self::Fault(Code::InstallationFailed.because(failure.message, details))
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        use crate::error::Kind;
        match error.kind {
            Kind::Unavailable => Self::Adrift(error.message),
            Kind::NotFound => Self::Fault(Code::NotFound.fault(error.message)),
            Kind::Conflict => Self::Fault(Code::AlreadyInstalled.fault(error.message)),
            Kind::Forbidden | Kind::Unauthenticated => {
                Self::Fault(Code::PermissionDenied.fault(error.message))
            }
            Kind::Invalid | Kind::Limited => Self::Fault(Code::InstallationFailed.fault(error.message)),
        }
    }
}

/// In the words of the documents, with how its process ended.
pub fn not_started(fault: &StartFault) -> OperationFault {
    use crate::ports::hosting::Exit;
    let details = match fault {
        StartFault::Exited { exit: Exit::Code(code), stderr } => json!({"exit_code": code, "stderr": stderr}),
        StartFault::Exited { exit: Exit::Signal(signal), stderr } => {
            json!({"signal": signal, "stderr": stderr})
        }
        StartFault::Exited { exit, stderr } => json!({"exit": exit.to_string(), "stderr": stderr}),
        StartFault::TimedOut { after, stderr } => {
            json!({"timeout_seconds": after.as_secs(), "stderr": stderr})
        }
        StartFault::NoSandbox { missing } => json!({"missing_controls": missing}),
        StartFault::Refused(_)
        | StartFault::Impostor(_)
        | StartFault::Broken(_)
        | StartFault::NotMade(_)
        | StartFault::Stopped
        | StartFault::AlreadyRunning
        | StartFault::Unknown => json!({}),
    };
    Code::StartupFailed.because(fault.to_string(), details)
}
