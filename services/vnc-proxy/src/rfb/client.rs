//! Towards the node: we are the client of its VNC server.

use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{RfbError, read_reason, vnc_auth};

const NONE: u8 = 1;
const VNC_AUTH: u8 = 2;

/// Brings the connection to where `ClientInit` is to be sent. Speaks 3.8, 3.7 and 3.3, whichever
/// the server has.
pub(crate) async fn greet_node<S: AsyncRead + AsyncWrite + Unpin>(
    node: &mut S,
    password: Option<&SecretString>,
) -> Result<(), RfbError> {
    let mut version = [0; 12];
    node.read_exact(&mut version).await?;
    let minor = match &version {
        b"RFB 003.003\n" | b"RFB 003.005\n" => 3,
        b"RFB 003.007\n" => 7,
        v if v.starts_with(b"RFB ") && v[11] == b'\n' => 8,
        _ => return Err(RfbError::NotRfb),
    };
    node.write_all(format!("RFB 003.00{minor}\n").as_bytes()).await?;
    let chosen = if minor == 3 { given(node).await? } else { choose(node, password).await? };
    match chosen {
        VNC_AUTH => authenticate(node, password).await?,
        // Before 3.8 no result follows type None.
        _ if minor < 8 => return Ok(()),
        _ => {}
    }
    if node.read_u32().await? == 0 {
        return Ok(());
    }
    let reason = if minor == 8 { read_reason(node).await } else { String::new() };
    if chosen == VNC_AUTH { Err(RfbError::WrongPassword) } else { Err(RfbError::Refused(reason)) }
}

/// 3.3: the server decides.
async fn given<S: AsyncRead + Unpin>(node: &mut S) -> Result<u8, RfbError> {
    match node.read_u32().await? {
        0 => Err(RfbError::Refused(read_reason(node).await)),
        1 => Ok(NONE),
        2 => Ok(VNC_AUTH),
        other => Err(RfbError::NoSecurityType(vec![u8::try_from(other).unwrap_or(u8::MAX)])),
    }
}

async fn choose<S: AsyncRead + AsyncWrite + Unpin>(
    node: &mut S,
    password: Option<&SecretString>,
) -> Result<u8, RfbError> {
    let count = node.read_u8().await?;
    if count == 0 {
        return Err(RfbError::Refused(read_reason(node).await));
    }
    let mut types = vec![0; count.into()];
    node.read_exact(&mut types).await?;
    // None where it is offered: a server that offers both lets anybody in anyway.
    let chosen = if types.contains(&NONE) {
        NONE
    } else if types.contains(&VNC_AUTH) {
        if password.is_none() {
            return Err(RfbError::PasswordNeeded);
        }
        VNC_AUTH
    } else {
        return Err(RfbError::NoSecurityType(types));
    };
    node.write_u8(chosen).await?;
    Ok(chosen)
}

async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    node: &mut S,
    password: Option<&SecretString>,
) -> Result<(), RfbError> {
    let password = password.ok_or(RfbError::PasswordNeeded)?;
    let mut challenge = [0; 16];
    node.read_exact(&mut challenge).await?;
    node.write_all(&vnc_auth::response(password.expose_secret(), challenge)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says `script` whatever it hears; answers what the client made of it and sent.
    async fn against(script: &[u8], password: Option<&str>) -> (Result<(), RfbError>, Vec<u8>) {
        let (mut ours, theirs) = tokio::io::duplex(4096);
        let (mut read, mut write) = tokio::io::split(theirs);
        write.write_all(script).await.unwrap();
        write.shutdown().await.unwrap();
        let password = password.map(SecretString::from);
        let outcome = greet_node(&mut ours, password.as_ref()).await;
        drop(ours);
        let mut sent = Vec::new();
        read.read_to_end(&mut sent).await.unwrap();
        (outcome, sent)
    }

    #[tokio::test]
    async fn version_3_8_without_password() {
        let (outcome, sent) = against(b"RFB 003.008\n\x01\x01\0\0\0\0", None).await;
        outcome.unwrap();
        assert_eq!(sent, b"RFB 003.008\n\x01");
    }

    #[tokio::test]
    async fn version_3_3_without_password_has_no_result() {
        let (outcome, sent) = against(b"RFB 003.003\n\0\0\0\x01", None).await;
        outcome.unwrap();
        assert_eq!(sent, b"RFB 003.003\n");
    }

    #[tokio::test]
    async fn a_password_is_sent_encrypted_and_a_wrong_one_is_named() {
        let script =
            [b"RFB 003.008\n\x01\x02".as_slice(), &[7; 16], &[0, 0, 0, 1, 0, 0, 0, 2], b"no"]
                .concat();
        let (outcome, sent) = against(&script, Some("secret")).await;
        assert!(matches!(outcome, Err(RfbError::WrongPassword)));
        assert_eq!(sent[12], 2);
        assert_eq!(sent[13..], vnc_auth::response("secret", [7; 16]));
    }

    #[tokio::test]
    async fn what_can_be_wrong_has_its_own_words() {
        let wants = against(b"RFB 003.008\n\x01\x02", None).await.0;
        assert!(matches!(wants, Err(RfbError::PasswordNeeded)));
        let tls = against(b"RFB 003.008\n\x01\x13", None).await.0;
        assert!(matches!(tls, Err(RfbError::NoSecurityType(t)) if t == [0x13]));
        let busy = against(b"RFB 003.008\n\0\0\0\0\x04busy", None).await.0;
        assert!(matches!(busy, Err(RfbError::Refused(t)) if t == "busy"));
        let http = against(b"HTTP/1.1 400 Bad Request\r\n\r\n", None).await.0;
        assert!(matches!(http, Err(RfbError::NotRfb)));
        let cut = against(b"RFB 003.008\n\x05\x01", None).await.0;
        assert!(matches!(cut, Err(RfbError::Io(_))));
        let odd = against(b"RFB 999.999\n\x01\x01\0\0\0\0", None).await.0;
        assert!(odd.is_ok());
    }
}
