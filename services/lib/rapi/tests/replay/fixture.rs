//! Recorded answers of a real Ganeti 3.0.2.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::server::{Reply, Server, data};

#[derive(Deserialize)]
pub(crate) struct Fixture {
    pub(crate) request: Request,
    pub(crate) status: u16,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    body: Box<RawValue>,
    pub(crate) job: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
}

pub(crate) fn load(name: &str) -> Fixture {
    let path = data("rapi").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

impl Fixture {
    pub(crate) fn reply(&self) -> Reply {
        let mut reply = Reply::json(self.status, self.body.get());
        for (name, value) in &self.headers {
            reply = reply.with_header(name, value);
        }
        reply
    }
}

/// A server that gives one recorded answer to everything.
pub(crate) async fn serving(name: &str) -> Server {
    let fixture = load(name);
    Server::start(move |_| fixture.reply()).await
}

/// A server that gives the job of a recorded change.
pub(crate) async fn serving_job(name: &str) -> Server {
    let job = load(name).job.unwrap();
    Server::start(move |_| Reply::json(200, job.get())).await
}
