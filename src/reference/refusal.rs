//! Why a frame was not obeyed, in words for its sender.
//!
//! It relies on fixed texts. It must never repeat what the client sent: a token may be in it (IM-AUTH-09, IM-ERR-03).

use crate::stomp::{Fault, FaultKind};

/// A frame that is answered with ERROR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The `message` header.
    pub(super) message: &'static str,
    /// The body.
    pub(super) detail: String,
    /// The `version` header: what is spoken here, where nothing was in common (STOMP12-VER-05).
    pub(super) versions: Option<&'static str>,
}

impl Refusal {
    /// A refusal that its message explains.
    pub(super) fn plain(message: &'static str) -> Refusal {
        Refusal { message, detail: message.to_owned(), versions: None }
    }

    /// A refusal with more to say than its message.
    pub(super) fn because(message: &'static str, detail: impl Into<String>) -> Refusal {
        Refusal { message, detail: detail.into(), versions: None }
    }

    /// A header that the frame must have is not there (STOMP12-HDR-01).
    pub(super) fn missing(name: &str) -> Refusal {
        Refusal::because("Missing header", format!("The header `{name}` is required."))
    }

    /// What came was no frame.
    pub(super) fn malformed(fault: &Fault) -> Refusal {
        if fault.kind == FaultKind::TooLarge {
            return Refusal::because("Frame too large", "The frame is beyond the limits of this server.");
        }
        Refusal::because("Malformed frame", format!("At octet {}: see {}.", fault.at, fault.kind.clause()))
    }
}
