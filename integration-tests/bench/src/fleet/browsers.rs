//! One event to a thousand browsers: through the gateway, against axum's server-sent events alone. Both
//! read the very same message from NATS.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing;
use axum::serve::ListenerExt;
use futures::future::try_join_all;
use futures::{Stream, StreamExt as _};
use gwm_integration_tests::{Api, Integrator, Part, Stack};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;

use super::events::publish;
use super::pages::no_delay;
use super::process::{Usage, cpu_of};
use crate::report::{Report, Times};

const BROWSERS: usize = 1000;
const EVENTS: usize = 40;
const ROUNDS: usize = 3;
const LOST: Duration = Duration::from_secs(20);

/// What the peer's program is called with, beside where NATS is and the file with who it is there.
pub(crate) const PEER: &str = "sse-peer";

/// What a thousand saw.
#[derive(Debug, Default)]
struct Seen {
    times: Times,
    cpu: f64,
    events: usize,
}

impl Seen {
    fn cpu_ms(&self) -> f64 {
        self.cpu / self.events as f64 * 1e3
    }
}

pub(crate) async fn run(report: &mut Report, stack: &Stack, admin: &Api) -> anyhow::Result<()> {
    let mut database = PgConnection::connect(&stack.database_url(Part::CacheUpdater)?).await?;
    let (mut peer, peer_port) = start_peer(&stack.nats_url(), &stack.integrator_seed()).await?;
    let peer_id = peer.id().context("the peer runs")?;
    let port = admin.base().rsplit(':').next().context("a port")?.parse()?;
    let cookie = admin.cookie().context("she is signed in")?;
    let ours_request = format!(
        "GET /api/v1/events HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookie}\r\n\r\n"
    );
    let peer_request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (mut ours, mut theirs) = (Seen::default(), Seen::default());
    for _ in 0..ROUNDS {
        let gateway = || Ok(Usage::of(stack.root())?.cpu("web-gateway"));
        round(&mut ours, port, &ours_request, &mut database, gateway).await?;
        round(&mut theirs, peer_port, peer_request, &mut database, || cpu_of(peer_id)).await?;
    }
    peer.kill().await?;
    let text = |seen: &Seen| {
        let p50 = seen.times.percentile(50) * 1e3;
        format!("p50 {p50:.1} ms, {:.1} ms of CPU an event", seen.cpu_ms())
    };
    let time = ours.times.percentile(50) / theirs.times.percentile(50);
    let cpu = ours.cpu_ms() / theirs.cpu_ms();
    let what = "event -> 1,000 browsers, p50";
    report.ratio(what, text(&ours), text(&theirs), time, "<= 1.5x", time <= 1.5);
    let what = "event -> 1,000 browsers, CPU an event";
    report.ratio(what, text(&ours), text(&theirs), cpu, "<= 1.5x", cpu <= 1.5);
    Ok(())
}

/// A thousand come, see some events, and go.
async fn round(
    seen: &mut Seen,
    port: u16,
    request: &str,
    database: &mut PgConnection,
    cpu: impl Fn() -> anyhow::Result<f64>,
) -> anyhow::Result<()> {
    let wanted = Arc::new(Mutex::new(String::new()));
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut browsers = JoinSet::new();
    let streams = (0..BROWSERS).map(|_| open(port, request));
    for stream in try_join_all(streams).await? {
        browsers.spawn(read(stream, Arc::clone(&wanted), tell.clone()));
    }
    let before = cpu()?;
    for _ in 0..EVENTS {
        let id = uuid::Uuid::now_v7();
        *wanted.lock().unwrap_or_else(PoisonError::into_inner) = id.to_string();
        let committed = publish(database, id).await?;
        for _ in 0..BROWSERS {
            let at: Instant =
                tokio::time::timeout(LOST, told.recv()).await?.context("all are read")?;
            seen.times.add(at.duration_since(committed));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    seen.cpu += cpu()? - before;
    seen.events += EVENTS;
    browsers.shutdown().await;
    Ok(())
}

async fn open(port: u16, request: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    anyhow::ensure!(head.ends_with(b" 200"), "{}", String::from_utf8_lossy(&head));
    Ok(stream)
}

/// Tells when what is wanted has come.
async fn read(
    mut stream: TcpStream,
    wanted: Arc<Mutex<String>>,
    tell: mpsc::UnboundedSender<Instant>,
) {
    let mut buffer = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut buffer).await {
        let now = Instant::now();
        let id = wanted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let came = !id.is_empty() && buffer.windows(id.len()).any(|part| part == id.as_bytes());
        // The whole message, else its rest would count once more.
        if came && buffer.ends_with(b"\n\n\r\n") {
            buffer.clear();
            if tell.send(now).is_err() {
                return;
            }
        }
    }
}

async fn start_peer(nats: &str, seed: &Path) -> anyhow::Result<(Child, u16)> {
    let mut peer = Command::new(std::env::current_exe()?)
        .args([PEER, nats])
        .arg(seed)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut line = String::new();
    let output = peer.stdout.take().context("it is piped")?;
    BufReader::new(output).read_line(&mut line).await?;
    Ok((peer, line.trim().parse().context("the peer's port")?))
}

/// The peer: what one would write in an afternoon, for nobody in particular.
pub(crate) async fn peer(nats: &str, seed: &Path) -> anyhow::Result<()> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let _subscription = Integrator::subscribe(nats, seed, Some(tell)).await?;
    let live: broadcast::Sender<Arc<str>> = broadcast::Sender::new(2000);
    let listeners = live.clone();
    let router = Router::new().route("/", routing::get(async move || stream(&listeners)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let forward = async {
        while let Some(event) = told.recv().await {
            drop(live.send(event.to_string().into()));
        }
    };
    tokio::select! {
        served = axum::serve(listener.tap_io(no_delay), router) => Ok(served?),
        () = forward => Ok(()),
    }
}

fn stream(
    live: &broadcast::Sender<Arc<str>>,
) -> Sse<impl Stream<Item = Result<Event, std::convert::Infallible>> + use<>> {
    let events = futures::stream::unfold(live.subscribe(), async |mut live| {
        let event = live.recv().await.ok()?;
        Some((event, live))
    });
    Sse::new(events.map(|event| Ok(Event::default().data(event))))
}
