//! What all instances take, as cache-updater tells it, beside what jobs have reserved and settled.

use std::pin::Pin;

use gwm_kernel::grpc::Peer;
use gwm_proto::auth::ownership_client::OwnershipClient;
use gwm_proto::auth::{ListReservationsRequest, ReserveRequest, Sizes};
use gwm_proto::cache::usage_server::{Usage, UsageServer};
use gwm_proto::cache::{InstanceUsage, WatchUsageRequest, WatchUsageResponse};
use gwm_proto::common::ObjectRef;
use gwm_testkit::wait_for;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use crate::quotas::{create, id, release, reserve, settle, sizes, used};
use crate::world::{PATIENCE, Person, World, admin, instance, user};

/// cache-updater as far as this is about: what a follower hears is what the test says.
#[derive(Clone)]
struct Fake(mpsc::UnboundedSender<Follower>);

type Follower = mpsc::Sender<WatchUsageResponse>;

#[tonic::async_trait]
impl Usage for Fake {
    type WatchUsageStream = Pin<Box<dyn Stream<Item = Result<WatchUsageResponse, Status>> + Send>>;

    async fn watch_usage(
        &self,
        _: Request<WatchUsageRequest>,
    ) -> Result<Response<Self::WatchUsageStream>, Status> {
        let (follower, said) = mpsc::channel(16);
        self.0.send(follower).map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(said).map(Ok))))
    }
}

struct Scene {
    gateway: Peer,
    jobs: Peer,
    admin: Person,
    ann: String,
    cluster: String,
    followers: mpsc::UnboundedReceiver<Follower>,
    _world: World,
    _replica: crate::world::Replica,
}

impl Scene {
    async fn new() -> Self {
        let mut world = World::new().await;
        let read = |path| std::fs::read_to_string(path).unwrap();
        let files = world.certificates();
        let (certificate, key) =
            (read(files.certificate("cache-updater")), read(files.key("cache-updater")));
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(certificate, key))
            .client_ca_root(Certificate::from_pem(read(world.ca())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (fake, followers) = mpsc::unbounded_channel();
        let server = Server::builder()
            .tls_config(tls)
            .unwrap()
            .add_service(UsageServer::new(Fake(fake)))
            .serve_with_incoming(TcpListenerStream::new(listener));
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        drop(tokio::spawn(server));
        world.set("GWM_AUTH__PEERS__CACHE_UPDATER", &url);
        let replica = world.replica("a").await;
        let gateway = world.gateway(&replica).await;
        let jobs = world.peer(&replica, "job-runner").await;
        let admin = admin(&gateway).await;
        let ann = user(&gateway, &admin, "ann").await.user_id;
        let cluster = instance().cluster_id;
        Self { gateway, jobs, admin, ann, cluster, followers, _world: world, _replica: replica }
    }

    /// The next time that everything is read.
    async fn read_begins(&mut self) -> Follower {
        let next = tokio::time::timeout(PATIENCE, self.followers.recv()).await;
        next.expect("auth follows").unwrap()
    }

    fn anns(&self, target: Sizes) -> ReserveRequest {
        create((&self.ann, ""), &self.cluster, target)
    }

    /// Memory of ann's, running.
    async fn uses(&self, wanted: u64) {
        let what = format!("ann to use {wanted}");
        wait_for(&what, PATIENCE, async || {
            let found = self.memory().await;
            if found == wanted { Ok(()) } else { Err(found) }
        })
        .await;
    }

    async fn memory(&self) -> u64 {
        used(&self.gateway, &self.admin, "user/ann", &self.cluster).await[0]
    }

    fn takes(&self, instance: &ObjectRef, memory_mib: u64, revision: u64) -> InstanceUsage {
        InstanceUsage {
            cluster_id: self.cluster.clone(),
            uuid: instance.uuid.clone(),
            memory_mib,
            vcpus: 1,
            disk_mib: 1,
            admin_up: true,
            revision,
        }
    }
}

fn all(instances: Vec<InstanceUsage>, last: bool) -> WatchUsageResponse {
    WatchUsageResponse { instances, whole: true, last }
}

fn change(instances: Vec<InstanceUsage>) -> WatchUsageResponse {
    WatchUsageResponse { instances, ..WatchUsageResponse::default() }
}

fn at(revision: u64, memory_mib: u64) -> Sizes {
    Sizes { revision, ..sizes(memory_mib, 1, 1) }
}

#[tokio::test]
async fn the_newer_revision_wins_and_what_is_settled_while_all_is_read_stays() {
    let mut scene = Scene::new().await;
    let before = settle(&scene.jobs, &scene.anns(at(9, 100))).await;
    let gone = settle(&scene.jobs, &scene.anns(at(1, 1000))).await;
    scene.uses(1100).await;
    drop(scene.read_begins().await);

    // All is read anew: what is settled meanwhile is newer than what was read, or isn't in it at all.
    let follower = scene.read_begins().await;
    let meanwhile = settle(&scene.jobs, &scene.anns(at(5, 20))).await;
    let new = settle(&scene.jobs, &scene.anns(at(1, 7))).await;
    let older = scene.takes(&meanwhile, 99, 4);
    follower.send(all(vec![older], false)).await.unwrap();
    // cache-updater's numbers have begun anew: of what was known before, all of that reading counts.
    let anew = scene.takes(&before, 200, 2);
    follower.send(all(vec![anew], true)).await.unwrap();
    scene.uses(200 + 20 + 7).await;

    // Then changes, in whatever order they come. Each comes with another one, which shows that it was looked at.
    let mut shown = 200;
    for (revision, memory, counts) in
        [(5, 98, 20), (4, 97, 20), (6, 30, 30), (6, 96, 30), (8, 0, 0)]
    {
        shown += 1;
        let both =
            vec![scene.takes(&meanwhile, memory, revision), scene.takes(&before, shown, shown)];
        follower.send(change(both)).await.unwrap();
        scene.uses(shown + counts + 7).await;
    }

    // What is gone and comes no more: not by a reading that broke off, but by a whole one.
    let known = scene.takes(&before, 300, 300);
    drop(follower);
    let follower = scene.read_begins().await;
    follower.send(all(vec![known.clone()], false)).await.unwrap();
    scene.uses(300 + 7).await;
    drop(follower);
    let follower = scene.read_begins().await;
    follower.send(all(vec![known], true)).await.unwrap();
    scene.uses(300).await;
    drop((gone, new));
}

#[tokio::test]
async fn no_recount_touches_what_an_open_job_has_reserved() {
    let mut scene = Scene::new().await;
    let stopped = settle(&scene.jobs, &scene.anns(Sizes { admin_up: false, ..at(1, 16) })).await;
    let new = scene.anns(at(0, 3));
    reserve(&scene.jobs, &new).await.unwrap();
    let start = ReserveRequest { instance_uuid: stopped.uuid.clone(), ..scene.anns(at(0, 16)) };
    reserve(&scene.jobs, &start).await.unwrap();
    scene.uses(19).await;
    let seen = |revision| InstanceUsage { admin_up: false, ..scene.takes(&stopped, 16, revision) };
    let (first, second) = (seen(1), seen(2));
    let marker = settle(&scene.jobs, &scene.anns(at(1, 0))).await;

    // It is stopped still, or not even in the inventory: what is reserved counts, and once.
    for (round, instances) in [vec![first], vec![second], Vec::new()].into_iter().enumerate() {
        let follower = scene.read_begins().await;
        let marked = 1000 * (round as u64 + 1);
        let sign = scene.takes(&marker, marked, marked);
        let everything = instances.into_iter().chain([sign]).collect();
        follower.send(all(everything, true)).await.unwrap();
        scene.uses(marked + 19).await;
    }
    let mut client = OwnershipClient::new(scene.jobs.clone());
    let all = client.list_reservations(ListReservationsRequest::default()).await.unwrap();
    let all: Vec<String> = all.into_inner().reservations.into_iter().map(|r| r.job_id).collect();
    assert!(all.contains(&new.job_id) && all.contains(&start.job_id), "{all:?}");
    release(&scene.jobs, &start.job_id, "").await;
    scene.uses(3000 + 3).await;
    release(&scene.jobs, &new.job_id, &id()).await;
    assert_eq!(scene.memory().await, 3003, "another try's");
    release(&scene.jobs, &new.job_id, &new.attempt).await;
    scene.uses(3000).await;
}
