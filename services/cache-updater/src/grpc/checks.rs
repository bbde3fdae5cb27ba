//! Checks of what administrators enter; each refusal names the field.

use gwm_kernel::Fault;
use gwm_proto::cache as pb;
use gwm_rapi::{Client, ClusterInfo, Credentials, Endpoint, Limits, OLDEST_VERSION};
use secrecy::SecretString;

use crate::error::{Error, Result};

const ENDPOINTS: usize = 8;
/// DES knows eight bytes of a VNC password; longer ones would be cut silently.
const VNC_PASSWORD: usize = 8;

/// What RAPI said against new settings, as the fault of the field that is wrong.
pub(super) fn refused(field: &str, error: Error) -> Fault {
    match &error {
        Error::Rapi(_)
        | Error::Address(_)
        | Error::OtherCluster { .. }
        | Error::Answer(_)
        | Error::Stored(_) => {
            let mut fault = Fault::invalid(field, error.to_string());
            fault.reason = error.reason().into();
            fault
        }
        Error::Database(_) | Error::Vault(_) | Error::Event(_) | Error::Fault(_) => error.into(),
    }
}

pub(super) fn field_of(error: &Error) -> &'static str {
    match error.reason() {
        "rapi_unauthorized" | "rapi_forbidden" => "read",
        "rapi_certificate_changed" | "rapi_certificate_invalid" => "fingerprint",
        _ => "endpoints",
    }
}

pub(super) fn endpoints(texts: &[String]) -> Result<Vec<String>, Fault> {
    if texts.is_empty() || texts.len() > ENDPOINTS {
        return Err(Fault::invalid("endpoints", "give from 1 to 8 endpoints"));
    }
    texts
        .iter()
        .map(|t| {
            Endpoint::parse(t)
                .map(|e| e.base_url())
                .map_err(|e| Fault::invalid("endpoints", format!("{t}: {e}")))
        })
        .collect()
}

pub(super) fn secret(
    field: &str,
    credential: Option<&pb::Credential>,
) -> Result<Option<Credentials>, Fault> {
    let Some(c) = credential else { return Ok(None) };
    if c.password.is_empty() || c.password.len() > 1024 {
        return Err(Fault::invalid(field, format!("{field}: give a password")));
    }
    Credentials::new(c.username.clone(), SecretString::from(c.password.clone()))
        .map(Some)
        .map_err(|e| Fault::invalid(field, format!("{field}: {e}")))
}

pub(super) fn vnc_password(
    console: Option<&pb::ConsoleSettings>,
) -> Result<Option<SecretString>, Fault> {
    let Some(password) = console.map(|c| &c.vnc_password).filter(|p| !p.is_empty()) else {
        return Ok(None);
    };
    if password.len() > VNC_PASSWORD {
        return Err(Fault::invalid("console.vnc_password", "a VNC password has at most 8 bytes"));
    }
    Ok(Some(SecretString::from(password.clone())))
}

/// Tries the write credential without changing anything.
pub(super) async fn check_write(
    client: &Client,
    write: &Credentials,
    trust: &gwm_rapi::Trust,
) -> Result<()> {
    let client =
        Client::new(client.endpoint().clone(), trust, Some(write.clone()), Limits::default())
            .map_err(|e| Error::Stored(e.to_string()))?;
    match client.may_write().await {
        Ok(true) => Ok(()),
        Ok(false) => {
            let mut fault = Fault::invalid(
                "write",
                format!(
                    "write: 403, this user lacks write: add the option write to the line of {} in \
                     /var/lib/ganeti/rapi/users",
                    write.username()
                ),
            );
            fault.reason = "rapi_lacks_write".into();
            Err(fault.into())
        }
        Err(error) => Err(refused("write", error.into()).into()),
    }
}

pub(super) fn check_version(info: &ClusterInfo) -> Result<(), Fault> {
    match info.version_numbers() {
        Some(numbers) if numbers < OLDEST_VERSION => {
            let version = info.software_version.clone().unwrap_or_default();
            let mut fault = Fault::invalid(
                "endpoints",
                format!("this is Ganeti {version}; at least 3.0 is needed"),
            );
            fault.reason = "rapi_too_old".into();
            Err(fault)
        }
        Some(_) | None => Ok(()),
    }
}
