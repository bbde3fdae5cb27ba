//! Carrying bytes between a browser's WebSocket and a node's VNC server.

use std::fmt;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::BytesMut;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rfb::{Step, greet_browser};

/// The close code of a console that could not be opened; the reason says why.
pub(crate) const NOT_OPENED: u16 = 4011;

/// Read from the node at once; also what one console may send before others have their turn.
const PIECE: usize = 16 << 10;
/// A browser that answers no ping for this long is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
/// The longest reason that a close frame takes.
const LONGEST_REASON: usize = 120;

/// Why a console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The browser left.
    Browser,
    /// The node closed: shut down, migrated, rebooted.
    Node,
    /// The right, the session or the token ended.
    RightEnded,
    /// auth was silent for too long.
    AuthSilent,
    /// The browser does not speak RFB.
    NotRfb,
    /// This process ends.
    Shutdown,
}

impl End {
    /// WebSocket's close code; from 4000 on they are ours.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Browser => 1000,
            Self::Node => 4004,
            Self::RightEnded => 4003,
            Self::AuthSilent => 4013,
            Self::NotRfb => 4005,
            Self::Shutdown => 4006,
        }
    }

    /// The stable word in events.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Browser => "browser_left",
            Self::Node => "node_closed",
            Self::RightEnded => "right_ended",
            Self::AuthSilent => "auth_silent",
            Self::NotRfb => "not_rfb",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Browser => "closed",
            Self::Node => "the instance's screen is gone: it was stopped, rebooted or moved",
            Self::RightEnded => "the right to this console ended",
            Self::AuthSilent => "permissions could not be checked for too long",
            Self::NotRfb => "the browser does not speak RFB 3.8",
            Self::Shutdown => "this proxy is being restarted: reconnect",
        })
    }
}

/// Closes with words; a browser that is gone already is no error.
pub(crate) async fn close(socket: &mut WebSocket, code: u16, reason: &str) {
    let mut end = reason.len().min(LONGEST_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let frame = CloseFrame { code, reason: reason[..end].into() };
    let closing = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            // The browser's own close frame, so that ours arrives before the connection ends.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    drop(tokio::time::timeout(Duration::from_secs(2), closing).await);
}

/// Greets the browser, then carries both ways until one end is over.
pub(crate) async fn carry(socket: &mut WebSocket, node: TcpStream) -> End {
    let (mut from_node, mut to_node) = node.into_split();
    let (mut to_browser, mut from_browser) = socket.split();
    let (mut greeting, first) = greet_browser();
    if to_browser.send(Message::Binary(first.into())).await.is_err() {
        return End::Browser;
    }
    let mut piece: &[u8] = &[];
    let mut message;
    loop {
        match greeting.hear(piece) {
            Step::Wrong(why) => {
                tracing::info!(why, "browser's handshake refused");
                return End::NotRfb;
            }
            Step::Done(init) => {
                if to_node.write_all(&init).await.is_err() {
                    return End::Node;
                }
                break;
            }
            Step::Say(words) => {
                let spoke = !words.is_empty();
                if spoke && to_browser.send(Message::Binary(words.into())).await.is_err() {
                    return End::Browser;
                }
                if spoke {
                    // Something may wait behind what was answered.
                    piece = &[];
                    if let Step::Done(init) = greeting.hear(piece) {
                        if to_node.write_all(&init).await.is_err() {
                            return End::Node;
                        }
                        break;
                    }
                }
            }
        }
        let patience = tokio::time::timeout(PING_EVERY, next_binary(&mut from_browser)).await;
        match patience {
            Ok(Some(bytes)) => {
                message = bytes;
                piece = &message;
            }
            Ok(None) | Err(_) => return End::Browser,
        }
    }

    let down = async {
        let mut ping = tokio::time::interval(PING_EVERY);
        ping.reset();
        // Held only while bytes move: an idle console keeps no buffer of its own.
        loop {
            tokio::select! {
                ready = from_node.readable() => {
                    if ready.is_err() {
                        return End::Node;
                    }
                    let mut buffer = BytesMut::with_capacity(PIECE);
                    match from_node.read_buf(&mut buffer).await {
                        Ok(0) | Err(_) => return End::Node,
                        Ok(_) => {
                            if to_browser.send(Message::Binary(buffer.freeze())).await.is_err() {
                                return End::Browser;
                            }
                        }
                    }
                }
                _ = ping.tick() => {
                    if to_browser.send(Message::Ping(bytes::Bytes::new())).await.is_err() {
                        return End::Browser;
                    }
                }
            }
        }
    };
    let up = async {
        while let Some(bytes) = next_binary(&mut from_browser).await {
            if to_node.write_all(&bytes).await.is_err() {
                return End::Node;
            }
        }
        End::Browser
    };
    tokio::select! {
        end = down => end,
        end = up => end,
    }
}

/// The next bytes of the browser; `None` when it is gone. Text is not spoken here.
async fn next_binary(
    from: &mut (impl StreamExt<Item = Result<Message, axum::Error>> + Unpin),
) -> Option<bytes::Bytes> {
    loop {
        match from.next().await? {
            Ok(Message::Binary(bytes)) => return Some(bytes),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Text(_) | Message::Close(_)) | Err(_) => return None,
        }
    }
}
