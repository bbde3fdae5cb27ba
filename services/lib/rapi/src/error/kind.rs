//! The kinds of failure, each with a sentence for a person.

use crate::trust::Fingerprint;

use super::Class;

/// How far a call was when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Looking up the name, connecting, TLS.
    Connect,
    /// Connected; the request may be there, the answer isn't.
    Answer,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The name has no address.
    #[error("the host name {host} has no address: check its spelling and this machine's DNS")]
    Dns {
        /// The name that was looked up.
        host: String,
    },
    /// Nothing listens there.
    #[error(
        "the connection was refused: nothing listens on that port; is ganeti-rapi running on the master, and on this port?"
    )]
    Refused,
    /// No route, network down.
    #[error("the host can't be reached: {detail}; check address, routing and firewall")]
    Unreachable {
        /// The operating system's words.
        detail: String,
    },
    /// Time ran out.
    #[error("{}", match phase {
        Phase::Connect => "no connection within the time limit: the host is down or a firewall drops the packets",
        Phase::Answer => "no answer within the time limit: the cluster's master may be overloaded or hanging",
    })]
    TimedOut {
        /// How far it was.
        phase: Phase,
    },
    /// The port doesn't speak TLS.
    #[error("the port answers, but not with TLS: RAPI speaks HTTPS, usually on port 5080")]
    NotTls,
    /// TLS failed for another reason than the certificate.
    #[error(
        "TLS is spoken there, but the handshake failed ({detail}): is it RAPI's port, usually 5080?"
    )]
    TlsFailed {
        /// The TLS library's words.
        detail: String,
    },
    /// Not the pinned certificate.
    #[error(
        "the server's certificate changed: expected {expected}, seen {seen}; nothing was sent. Compare it on the master and confirm the new one if it was renewed"
    )]
    CertificateChanged {
        /// The pinned one.
        expected: Fingerprint,
        /// The one shown now.
        seen: Fingerprint,
    },
    /// The certificate isn't acceptable to the CA, or not usable.
    #[error("the server's certificate was not accepted: {detail}")]
    CertificateInvalid {
        /// Why.
        detail: String,
    },
    /// 401.
    #[error(
        "RAPI refused user name or password (401): check the line in /var/lib/ganeti/rapi/users on the master"
    )]
    Unauthorized,
    /// 403.
    #[error("RAPI says this user may not do that (403){}", suffix(message))]
    Forbidden {
        /// Ganeti's words; empty when it gave only its standard sentence.
        message: String,
    },
    /// 404, in RAPI's own form.
    #[error("Ganeti doesn't know it (404){}", suffix(message))]
    NotFound {
        /// Ganeti's words.
        message: String,
    },
    /// 400 and other refusals of the request.
    #[error("Ganeti refused the request ({status}){}", suffix(message))]
    BadRequest {
        /// The status.
        status: u16,
        /// Ganeti's words.
        message: String,
    },
    /// 503: queue full or drained, or (consoles) not available now.
    #[error("Ganeti takes no such request now (503){}", suffix(message))]
    Busy {
        /// Ganeti's words.
        message: String,
    },
    /// 504 (or 502 from RAPI about the master daemon).
    #[error(
        "Ganeti's master daemon doesn't answer RAPI ({status}): check ganeti-luxid and ganeti-wconfd on the master{}",
        suffix(message)
    )]
    MasterDown {
        /// The status.
        status: u16,
        /// Ganeti's words.
        message: String,
    },
    /// 501, 415: this RAPI doesn't offer it.
    #[error("this RAPI doesn't offer that ({status}){}", suffix(message))]
    Unsupported {
        /// The status.
        status: u16,
        /// Ganeti's words.
        message: String,
    },
    /// 500, 502.
    #[error(
        "Ganeti failed on the request ({status}){}; its log is /var/log/ganeti/rapi-daemon.log on the master",
        suffix(message)
    )]
    ServerError {
        /// The status.
        status: u16,
        /// Ganeti's words.
        message: String,
    },
    /// The answer is larger than the caller allows.
    #[error("the answer is larger than {limit} bytes and was not read to the end")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The connection ended inside the request or the answer.
    #[error("the connection broke off before the answer was complete")]
    Cut,
    /// An answer that no RAPI gives.
    #[error("the server's answer is not RAPI's: {detail}")]
    Protocol {
        /// What was odd.
        detail: String,
    },
    /// A name or value that can't be put into a request.
    #[error("{detail}")]
    InvalidInput {
        /// What and why.
        detail: String,
    },
}

fn suffix(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl ErrorKind {
    /// A stable word for interfaces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Dns { .. } => "rapi_dns",
            Self::Refused => "rapi_refused",
            Self::Unreachable { .. } => "rapi_unreachable",
            Self::TimedOut { .. } => "rapi_timed_out",
            Self::NotTls => "rapi_not_tls",
            Self::TlsFailed { .. } => "rapi_tls_failed",
            Self::CertificateChanged { .. } => "rapi_certificate_changed",
            Self::CertificateInvalid { .. } => "rapi_certificate_invalid",
            Self::Unauthorized => "rapi_unauthorized",
            Self::Forbidden { .. } => "rapi_forbidden",
            Self::NotFound { .. } => "rapi_not_found",
            Self::BadRequest { .. } => "rapi_bad_request",
            Self::Busy { .. } => "rapi_busy",
            Self::MasterDown { .. } => "rapi_master_down",
            Self::Unsupported { .. } => "rapi_unsupported",
            Self::ServerError { .. } => "rapi_server_error",
            Self::TooLarge { .. } => "rapi_too_large",
            Self::Cut => "rapi_cut",
            Self::Protocol { .. } => "rapi_protocol",
            Self::InvalidInput { .. } => "rapi_invalid_input",
        }
    }

    pub(super) fn class_before_send(&self) -> Class {
        match self {
            Self::InvalidInput { .. } => Class::Final,
            Self::Dns { .. }
            | Self::Refused
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::NotTls
            | Self::TlsFailed { .. }
            | Self::CertificateChanged { .. }
            | Self::CertificateInvalid { .. }
            | Self::Unauthorized
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::BadRequest { .. }
            | Self::Busy { .. }
            | Self::MasterDown { .. }
            | Self::Unsupported { .. }
            | Self::ServerError { .. }
            | Self::TooLarge { .. }
            | Self::Cut
            | Self::Protocol { .. } => Class::NotSent,
        }
    }

    /// Only a refusal that Ganeti itself words counts as one; everything odd stays unknown.
    pub(super) fn class_after_send(&self) -> Class {
        match self {
            // Raised before a job is queued: the queue is full or drained.
            Self::Busy { .. } => Class::NotSent,
            Self::Unauthorized
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::BadRequest { .. }
            | Self::Unsupported { .. }
            | Self::InvalidInput { .. } => Class::Final,
            Self::Dns { .. }
            | Self::Refused
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::NotTls
            | Self::TlsFailed { .. }
            | Self::CertificateChanged { .. }
            | Self::CertificateInvalid { .. }
            | Self::MasterDown { .. }
            | Self::ServerError { .. }
            | Self::TooLarge { .. }
            | Self::Cut
            | Self::Protocol { .. } => Class::Unknown,
        }
    }
}
