//! Keeps a copy of the list of instances, as an integrator does: reads the list once, follows its
//! events from there, and whenever it is started again goes on where it was.
//!
//! `follow JOURNAL`, with `GWM_URL` and `GWM_TOKEN` for the list, `NATS_URL` and `NATS_SEED_FILE` for
//! the events, and `INTEGRATOR`, the name of the NATS user.
//!
//! The journal holds what was applied, `CLUSTER/UUID REVISION OBJECT` (or `gone`) a line, and after
//! each batch a line that says where to go on, `= SEQUENCE STREAM`. Lines after the last of those are
//! of a batch that was cut off, and are forgotten: what is held and where to go on always belong
//! together. That, and comparing revisions, is all it takes.

#![expect(clippy::print_stdout, reason = "a program that says what it does")]

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::Stream;
use futures::StreamExt;
use serde_json::Value;

const STREAM: &str = "GWM_INVENTORY";
const BATCH: usize = 200;
const PATIENCE: Duration = Duration::from_millis(250);

#[tokio::main]
async fn main() -> Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut copy = Copy::load(&std::env::args().nth(1).context("follow JOURNAL")?)?;
    let stream = connect().await?;
    let made = stream.cached_info().created.to_string();
    let first = stream.cached_info().state.first_sequence;
    // Without a place to go on, or when what comes next is gone, or when sequences began again:
    // everything is read.
    if copy.made != made || copy.next < first {
        println!("listing");
        while let Err(error) = list(&mut copy, &made).await {
            println!("listing again: {error:#}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    follow(&mut copy, &stream).await
}

fn env(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

async fn connect() -> Result<Stream> {
    let seed = std::fs::read_to_string(env("NATS_SEED_FILE")?).context("NATS_SEED_FILE")?;
    let client = async_nats::ConnectOptions::with_nkey(seed.trim().to_owned())
        .custom_inbox_prefix(format!("_INBOX_{}", env("INTEGRATOR")?))
        .connect(env("NATS_URL")?)
        .await?;
    let context = async_nats::jetstream::with_domain(client, "replay");
    context.get_stream(STREAM).await.context("looking at the stream")
}

/// Reads `stream_sequence` first and the list after it, so that all events up to the one are in the
/// other.
async fn list(copy: &mut Copy, made: &str) -> Result<()> {
    let (url, token) = (format!("{}/api/v1/instances", env("GWM_URL")?), env("GWM_TOKEN")?);
    let http = reqwest::Client::new();
    let page = http.get(format!("{url}?limit=1")).bearer_auth(&token).send().await?;
    let page: Value = serde_json::from_str(&page.error_for_status()?.text().await?)?;
    let sequence = page["stream_sequence"].as_u64().context("no stream_sequence")?;
    let lines = http.get(url).bearer_auth(token).header("Accept", "application/x-ndjson");
    let lines = lines.send().await?.error_for_status()?;
    // What the gateway remembers is from before that sequence.
    ensure!(!lines.headers().contains_key("gwm-stale"), "the list is an old one");
    let lines = lines.text().await?;
    copy.clear()?;
    let mut whole = false;
    for line in lines.lines() {
        let item: Value = serde_json::from_str(line)?;
        whole = item["end"] == true;
        if !whole {
            copy.apply(&item, false)?;
        }
    }
    ensure!(whole, "the list broke off");
    copy.commit(sequence + 1, made)
}

async fn follow(copy: &mut Copy, stream: &Stream) -> Result<()> {
    let name = env("INTEGRATOR")?;
    // What an earlier run left: where it starts can't be changed.
    drop(stream.delete_consumer(&name).await);
    let config = pull::Config {
        name: Some(name),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: copy.next },
        ack_policy: AckPolicy::None,
        inactive_threshold: Duration::from_secs(300),
        ..pull::Config::default()
    };
    let consumer: PullConsumer = stream.create_consumer(config).await?;
    let made = copy.made.clone();
    let mut received = 0;
    loop {
        println!("at {}", copy.next);
        let batch = consumer.batch().max_messages(BATCH).expires(PATIENCE);
        let mut messages = batch.messages().await?;
        let mut next = copy.next;
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| anyhow::anyhow!("{error}"))?;
            let place = message.info().map_err(|error| anyhow::anyhow!("{error}"))?;
            received += 1;
            ensure!(place.consumer_sequence == received, "a message was lost on the way");
            next = place.stream_sequence + 1;
            let event: Value = serde_json::from_slice(&message.payload)?;
            let kind = event["type"].as_str().unwrap_or_default();
            if kind.starts_with("org.ganeti.gwm.stream.reset.") {
                copy.forget()?;
                bail!("the stream was made anew");
            }
            if let Some(what) = kind.strip_prefix("org.ganeti.gwm.instance.") {
                let gone = what.starts_with("removed.") || what.starts_with("forgotten.");
                copy.apply(&event["data"]["object"], gone)?;
            }
        }
        if next > copy.next {
            println!("writing");
            copy.commit(next, &made)?;
        }
    }
}

/// What is held, in memory and in the journal.
struct Copy {
    journal: File,
    /// Lines that wait for the end of their batch.
    lines: String,
    /// Revisions by cluster and UUID; those of the gone too, for what may come late.
    revisions: HashMap<String, u64>,
    next: u64,
    made: String,
}

impl Copy {
    fn load(path: &str) -> Result<Self> {
        let mut journal =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let (mut good, mut place, mut pending) = (0, 0, Vec::new());
        let (mut revisions, mut next, mut made) = (HashMap::new(), 0, String::new());
        let mut reader = BufReader::new(&journal);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 {
            place += line.len() as u64;
            // Only the last one can be cut off.
            let Some(whole) = line.strip_suffix('\n') else { break };
            let mut parts = whole.splitn(3, ' ').map(ToOwned::to_owned);
            let mut part = || parts.next().context("a line is not as it should be");
            let (key, number) = (part()?, part()?.parse::<u64>()?);
            if key == "=" {
                revisions.extend(pending.drain(..));
                (next, made, good) = (number, part()?, place);
            } else {
                pending.push((key, number));
            }
            line.clear();
        }
        journal.set_len(good)?;
        journal.seek(SeekFrom::End(0))?;
        Ok(Self { journal, lines: String::new(), revisions, next, made })
    }

    /// Takes an object over if it is newer than what is held.
    fn apply(&mut self, object: &Value, gone: bool) -> Result<()> {
        let text = |field: &str| object[field].as_str().context("an object without identity");
        let key = format!("{}/{}", text("cluster")?, text("uuid")?);
        let revision = object["revision"].as_u64().context("an object without revision")?;
        let held = self.revisions.get(&key).copied().unwrap_or(0);
        if revision > held {
            let what = if gone { "gone".to_owned() } else { object.to_string() };
            self.lines += &format!("{key} {revision} {what}\n");
            self.revisions.insert(key, revision);
        }
        Ok(())
    }

    fn commit(&mut self, next: u64, made: &str) -> Result<()> {
        self.lines += &format!("= {next} {made}\n");
        self.journal.write_all(self.lines.as_bytes())?;
        self.journal.sync_data()?;
        self.lines.clear();
        self.next = next;
        made.clone_into(&mut self.made);
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        self.revisions.clear();
        self.forget()
    }

    /// The next start reads everything.
    fn forget(&mut self) -> Result<()> {
        self.lines.clear();
        self.journal.set_len(0)?;
        self.journal.rewind()?;
        Ok(())
    }
}
