//! `/api/v1/events` as a browser follows it.

use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::Value;

use crate::Api;

/// One message of the stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerEvent {
    /// `message`, or a name given by the server.
    pub name: String,
    /// Goes into `Last-Event-ID`.
    pub id: String,
    /// The data.
    pub data: Value,
}

/// An open stream.
pub struct EventStream {
    bytes: BoxStream<'static, Result<Vec<u8>, String>>,
    buffer: String,
    /// The id of the last message.
    pub last_id: String,
}

impl EventStream {
    /// Opens it, after an id if one is given.
    ///
    /// # Errors
    /// Refused.
    pub async fn open(api: &Api, after: Option<&str>) -> anyhow::Result<Self> {
        let mut request = api
            .request(Method::GET, "/events")
            .header(ACCEPT, "text/event-stream")
            .timeout(Duration::from_secs(3600));
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let response = request.send().await.context("opening the event stream")?;
        let status = response.status();
        anyhow::ensure!(status.is_success(), "the event stream was answered {status}");
        let bytes = response.bytes_stream();
        let bytes = bytes.map(|chunk| chunk.map(|b| b.to_vec()).map_err(|e| e.to_string())).boxed();
        Ok(Self { bytes, buffer: String::new(), last_id: after.unwrap_or_default().to_owned() })
    }

    /// The next message; `None` when the server ended the stream.
    pub async fn next(&mut self) -> Option<ServerEvent> {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let block: String = self.buffer.drain(..end + 2).collect();
                let event = parse(&block);
                if event == ServerEvent::default() {
                    continue;
                }
                if !event.id.is_empty() {
                    self.last_id.clone_from(&event.id);
                }
                return Some(event);
            }
            match self.bytes.next().await {
                Some(Ok(chunk)) => self.buffer.push_str(&String::from_utf8_lossy(&chunk)),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next message for which `wanted` holds, within a generous time.
    ///
    /// # Errors
    /// The stream ended, or none came.
    pub async fn find(
        &mut self,
        wanted: impl Fn(&ServerEvent) -> bool,
    ) -> anyhow::Result<ServerEvent> {
        let search = async {
            while let Some(event) = self.next().await {
                if wanted(&event) {
                    return Ok(event);
                }
            }
            anyhow::bail!("the stream ended before the event came")
        };
        let found = tokio::time::timeout(Duration::from_secs(30), search).await;
        found.context("the event did not come within 30 s")?
    }
}

fn parse(block: &str) -> ServerEvent {
    let mut event = ServerEvent::default();
    let mut data = String::new();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.name),
            "id" => value.clone_into(&mut event.id),
            "data" => data.push_str(value),
            _ => {}
        }
    }
    if !data.is_empty() {
        event.data = serde_json::from_str(&data).unwrap_or(Value::Null);
        if event.name.is_empty() {
            "message".clone_into(&mut event.name);
        }
    }
    event
}
