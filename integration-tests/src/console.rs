//! A console as the browser opens it: a WebSocket with a ticket, and RFB in it.

use anyhow::Context;
use futures::{SinkExt, StreamExt};
use gwm_testkit::vnc::VncClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::spawn;

/// An open console.
pub struct Console {
    /// The viewer.
    pub vnc: VncClient<DuplexStream>,
    /// Yields code and reason of the WebSocket's close.
    pub closed: tokio::task::JoinHandle<(Option<CloseCode>, String)>,
}

/// Opens a console by what `POST /consoles` answered.
///
/// # Errors
/// Refused, or not RFB.
pub async fn open_console(url: &str, ticket: &str, origin: &str) -> anyhow::Result<Console> {
    let mut request = url.into_client_request()?;
    let headers = request.headers_mut();
    let offered = format!("binary, gwm.ticket.{ticket}");
    headers.insert("sec-websocket-protocol", offered.parse()?);
    headers.insert("origin", origin.parse()?);
    let (socket, response) = tokio_tungstenite::connect_async(request).await?;
    let chosen = response.headers().get("sec-websocket-protocol");
    let chosen = chosen.and_then(|v| v.to_str().ok()).unwrap_or_default();
    anyhow::ensure!(chosen == "binary", "sub-protocol {chosen:?} was selected");
    let (mut out, mut incoming) = socket.split();
    let (near, far) = tokio::io::duplex(1 << 20);
    let (mut from_viewer, mut to_viewer) = tokio::io::split(far);
    let closed = spawn(async move {
        let mut buffer = vec![0; 65_536];
        loop {
            tokio::select! {
                message = incoming.next() => match message {
                    Some(Ok(Message::Binary(bytes))) => {
                        if to_viewer.write_all(&bytes).await.is_err() {
                            return (None, "the viewer went".to_owned());
                        }
                    }
                    Some(Ok(Message::Close(frame))) => {
                        return frame.map_or((None, String::new()), |frame| {
                            (Some(frame.code), frame.reason.to_string())
                        });
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return (None, error.to_string()),
                    None => return (None, "ended without a close".to_owned()),
                },
                read = from_viewer.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => {
                        drop(out.close().await);
                        return (None, "the viewer went".to_owned());
                    }
                    Ok(count) => {
                        let bytes = buffer[..count].to_vec();
                        if let Err(error) = out.send(Message::binary(bytes)).await {
                            return (None, error.to_string());
                        }
                    }
                },
            }
        }
    });
    match VncClient::connect(near, None).await {
        Ok(vnc) => Ok(Console { vnc, closed }),
        Err(error) => {
            let (code, reason) = closed.await.context("the console's pump")?;
            Err(error).with_context(|| format!("closed with {code:?} {reason:?}"))
        }
    }
}
