//! From the layered errors of reqwest, hyper, rustls and the system to one kind.

use std::error::Error as StdError;
use std::io;

use crate::transport::ResolveError;
use crate::trust::PinMismatch;

use super::{ErrorKind, Phase, clean};

/// Names the failure of a connection or exchange. `sent` tells which side of the handshake it happened on.
pub(crate) fn kind_of_transport_error(error: &reqwest::Error, sent: bool) -> ErrorKind {
    let phase = if sent { Phase::Answer } else { Phase::Connect };
    if error.is_timeout() {
        return ErrorKind::TimedOut { phase };
    }
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(kind) = kind_of_cause(cause, phase) {
            return kind;
        }
        text = cause.to_string();
        next = cause.source();
    }
    if sent { ErrorKind::Cut } else { ErrorKind::Unreachable { detail: clean(&text) } }
}

/// Names the failure of a bare TLS connection, as the first look of a probe makes it.
pub(crate) fn kind_of_tls_error(error: &io::Error) -> ErrorKind {
    kind_of_io(error, Phase::Connect)
}

fn kind_of_cause(cause: &(dyn StdError + 'static), phase: Phase) -> Option<ErrorKind> {
    if let Some(error) = cause.downcast_ref::<ResolveError>() {
        return Some(ErrorKind::Dns { host: error.host.clone() });
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(kind_of_rustls(error));
    }
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return Some(kind_of_io(error, phase));
    }
    let error = cause.downcast_ref::<hyper::Error>()?;
    if error.is_parse() {
        return Some(ErrorKind::Protocol { detail: "not HTTP".to_owned() });
    }
    error.is_incomplete_message().then_some(ErrorKind::Cut)
}

fn kind_of_io(error: &io::Error, phase: Phase) -> ErrorKind {
    // An io::Error's source() skips the error it wraps, so that one is looked at here.
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(error) = inner {
        return kind_of_rustls(error);
    }
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()) {
        return kind_of_io(inner, phase);
    }
    let broken = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    );
    match phase {
        _ if error.kind() == io::ErrorKind::ConnectionRefused => ErrorKind::Refused,
        _ if error.kind() == io::ErrorKind::TimedOut => ErrorKind::TimedOut { phase },
        // A server that hangs up on a ClientHello is nearly always one that waits for plain text.
        Phase::Connect if broken => ErrorKind::NotTls,
        Phase::Connect => ErrorKind::Unreachable { detail: clean(&error.to_string()) },
        Phase::Answer => ErrorKind::Cut,
    }
}

fn kind_of_rustls(error: &rustls::Error) -> ErrorKind {
    if let rustls::Error::InvalidCertificate(reason) = error {
        if let rustls::CertificateError::Other(other) = reason
            && let Some(mismatch) = other.0.downcast_ref::<PinMismatch>()
        {
            return ErrorKind::CertificateChanged {
                expected: mismatch.expected,
                seen: mismatch.seen,
            };
        }
        return ErrorKind::CertificateInvalid { detail: certificate_words(reason) };
    }
    if matches!(error, rustls::Error::InvalidMessage(_)) {
        return ErrorKind::NotTls;
    }
    ErrorKind::TlsFailed { detail: clean(&error.to_string()) }
}

fn certificate_words(reason: &rustls::CertificateError) -> String {
    let text = reason.to_string();
    if format!("{reason:?}").contains("UnsupportedCertVersion") {
        return "it is an X.509 version 1 certificate, as Ganeti makes them itself: trust it by its fingerprint, \
                and let the server offer TLS 1.3"
            .to_owned();
    }
    if matches!(reason, rustls::CertificateError::UnknownIssuer) {
        return "it was not issued by the given authority".to_owned();
    }
    clean(&text)
}
