//! A decision over gRPC, with mTLS and all layers, against a bare tonic server that answers the same message.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::future::join_all;
use gwm_integration_tests::{Part, Stack};
use gwm_proto::auth::access_client::AccessClient;
use gwm_proto::auth::access_server::{Access, AccessServer};
use gwm_proto::auth::{
    BatchCheckRequest, BatchCheckResponse, CheckRequest, CheckResponse, WatchRequest, WatchResponse,
};
use gwm_proto::common::ObjectRef;
use tokio_stream::Stream;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server};
use tonic::{Request, Response, Status, async_trait};

use crate::report::{Report, Times};

const ROUNDS: usize = 10;
const EACH: usize = 200;
const AT_ONCE: usize = 64;

pub(crate) async fn run(report: &mut Report, stack: &Stack) -> anyhow::Result<()> {
    let bare = AccessClient::new(bare().await?);
    let ours = AccessClient::new(channel(stack)?);
    let one = check();
    ready(&ours, &one).await?;

    let (mut mine, mut theirs) = (Times::default(), Times::default());
    let (mut my_rate, mut their_rate) = (Vec::new(), Vec::new());
    let (mut single, mut fifty) = (Times::default(), Times::default());
    for _ in 0..ROUNDS {
        alone(&ours, &one, &mut mine).await?;
        alone(&bare, &one, &mut theirs).await?;
        my_rate.push(rate(&ours, &one).await?);
        their_rate.push(rate(&bare, &one).await?);
        batch(&ours, &one, 1, &mut single).await?;
        batch(&ours, &one, 50, &mut fifty).await?;
    }
    let text = |times: &Times| format!("p50 {:.0} us", times.median().as_secs_f64() * 1e6);
    let ratio = mine.median().as_secs_f64() / theirs.median().as_secs_f64();
    let what = "Check over gRPC, mTLS and all layers, against bare tonic";
    report.ratio(what, text(&mine), text(&theirs), ratio, "<= 1.75x", ratio <= 1.75);
    let (mine, theirs) = (middle(my_rate), middle(their_rate));
    let text = |rate: f64| format!("{rate:.0}/s");
    let what = "the same, 64 in flight";
    let ratio = mine / theirs;
    report.ratio(what, text(mine), text(theirs), ratio, ">= 0.25x", ratio >= 0.25);
    let ratio = fifty.median().as_secs_f64() / single.median().as_secs_f64();
    let text = |times: &Times| format!("p50 {:.0} us", times.median().as_secs_f64() * 1e6);
    let what = "BatchCheck of 50 against one";
    report.ratio(what, text(&fifty), text(&single), ratio, "<= 2x", ratio <= 2.0);
    Ok(())
}

fn middle(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// One of the seeded grants: the second one's user, cluster and instance, whose ids are MD5 sums.
fn check() -> CheckRequest {
    let uuid = |text: &str| text.to_owned();
    CheckRequest {
        user_id: uuid("e4774cdd-a079-3f86-414e-8b9140bb6db4"),
        permission: "view".to_owned(),
        object: Some(ObjectRef {
            kind: "instance".to_owned(),
            cluster_id: uuid("a9f7e979-65d6-cf79-9a52-9102a973b8b9"),
            uuid: uuid("9ce88802-f075-91e5-ce04-57ef51ece021"),
        }),
    }
}

/// Waits until auth has read what was seeded.
async fn ready(client: &AccessClient<Channel>, one: &CheckRequest) -> anyhow::Result<()> {
    for _ in 0..300 {
        if client.clone().check(one.clone()).await.is_ok_and(|a| a.into_inner().allowed) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the seeded grants do not count")
}

async fn alone(
    client: &AccessClient<Channel>,
    one: &CheckRequest,
    times: &mut Times,
) -> anyhow::Result<()> {
    for _ in 0..EACH {
        let mut client = client.clone();
        times.round(client.check(one.clone())).await.context("check")?;
    }
    Ok(())
}

async fn batch(
    client: &AccessClient<Channel>,
    one: &CheckRequest,
    size: usize,
    times: &mut Times,
) -> anyhow::Result<()> {
    for _ in 0..EACH {
        let mut client = client.clone();
        let request = BatchCheckRequest { checks: vec![one.clone(); size] };
        times.round(client.batch_check(request)).await.context("batch")?;
    }
    Ok(())
}

/// Answers a second with so many asking at once.
async fn rate(client: &AccessClient<Channel>, one: &CheckRequest) -> anyhow::Result<f64> {
    let started = Instant::now();
    let asking = (0..AT_ONCE).map(|_| async {
        let mut client = client.clone();
        for _ in 0..EACH / 4 {
            client.check(one.clone()).await?;
        }
        Ok::<_, Status>(())
    });
    for asked in join_all(asking).await {
        asked.context("check")?;
    }
    Ok((AT_ONCE * (EACH / 4)) as f64 / started.elapsed().as_secs_f64())
}

/// As job-runner comes to auth.
fn channel(stack: &Stack) -> anyhow::Result<Channel> {
    let read = |name: &str| std::fs::read(stack.tls_file(name)).context(name.to_owned());
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read("ca.pem")?))
        .domain_name("auth.gwm.internal")
        .identity(Identity::from_pem(read("job-runner.pem")?, read("job-runner.key")?));
    let address = format!("https://{}", stack.grpc_address(Part::Auth, 0));
    Ok(Endpoint::from_shared(address)?.tls_config(tls)?.connect_lazy())
}

/// A server without TLS, layers or anything to decide, in a thread of its own as a process would be.
async fn bare() -> anyhow::Result<Channel> {
    let (sender, receiver) = tokio::sync::oneshot::channel::<SocketAddr>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            let _taken = sender.send(listener.local_addr()?);
            let server = Server::builder().add_service(AccessServer::new(Bare));
            server.serve_with_incoming(TcpListenerStream::new(listener)).await?;
            anyhow::Ok(())
        })
    });
    let address = receiver.await.context("the bare server")?;
    Ok(Endpoint::from_shared(format!("http://{address}"))?.connect_lazy())
}

struct Bare;

#[async_trait]
impl Access for Bare {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(CheckResponse { allowed: true, visible: true, revision: 1 }))
    }

    async fn batch_check(
        &self,
        _: Request<BatchCheckRequest>,
    ) -> Result<Response<BatchCheckResponse>, Status> {
        Err(Status::unimplemented("only one is measured"))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("only one is measured"))
    }
}
