//! Stand-ins for auth and cache-updater: as much of them as the job runner can see.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gwm_authz::{SignedAssertion, sign};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::access_server::Access;
use gwm_proto::auth::ownership_server::Ownership;
use gwm_proto::auth::watch_response::Body;
use gwm_proto::auth::*;
use gwm_proto::cache::clusters_server::Clusters;
use gwm_proto::cache::internal_server::Internal;
use gwm_proto::cache::inventory_server::Inventory;
use gwm_proto::cache::*;
use gwm_proto::common::ObjectRef;
use gwm_rapi_sim::{Admin, SimCluster};
use gwm_types::{ClusterId, SessionId, UserId};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status};

pub(crate) const SLUG: &str = "fra1";

/// What the stand-ins know and were told; tests change it while they run.
#[derive(Debug, Default)]
pub(crate) struct Knobs {
    pub(crate) read_only: bool,
    pub(crate) removed: bool,
    /// `GetWriteAccess`, `GetInstance` and all else of cache-updater fail.
    pub(crate) cache_down: bool,
    /// An administrator's word about the cluster.
    pub(crate) paused: bool,
    pub(crate) held_read_only: bool,
    /// The inventory can't read anything just now.
    pub(crate) blind: bool,
    pub(crate) settle_down: bool,
    pub(crate) settled: Vec<SettleRequest>,
    /// All that was asked for of auth.
    pub(crate) asked: Vec<ReserveRequest>,
    /// What auth has, by job.
    pub(crate) reserved: BTreeMap<String, ReserveRequest>,
    pub(crate) released: Vec<ReleasedJob>,
    /// Auth reserves, and its answer never comes.
    pub(crate) silent_after_reserving: bool,
    /// Nothing may grow.
    pub(crate) no_quota: bool,
    pub(crate) observed: Vec<ObserveInstanceRequest>,
    /// Password handed out instead of the right one, this often.
    pub(crate) wrong_passwords: u32,
    /// Who should be said to own which instance, by name; where tags are switched on.
    pub(crate) owners: Option<BTreeMap<String, String>>,
    /// What the inventory says is to be done, whatever Ganeti has.
    pub(crate) stale_tags: Option<OwnerTagChange>,
    /// How often the job runner has looked for something to do about them.
    pub(crate) tags_asked: u64,
}

/// What the installation's owner tags begin with.
pub(crate) const PREFIX: &str = "gwm:lab:owner:";

/// Both services, over one simulated cluster.
#[derive(Clone)]
pub(crate) struct Fakes {
    pub(crate) sim: SimCluster,
    pub(crate) cluster_id: ClusterId,
    pub(crate) knobs: Arc<Mutex<Knobs>>,
    key: Arc<ed25519_dalek::SigningKey>,
    pub(crate) admin: UserId,
    /// Has `power` on the instance that [`Fakes::granted`] names, and nothing else.
    pub(crate) jane: UserId,
    pub(crate) granted: String,
    /// Sees the whole cluster, and not where its instances run.
    pub(crate) vera: UserId,
    /// Moves instances there, so sees that too.
    pub(crate) otto: UserId,
}

impl Fakes {
    pub(crate) fn new(sim: SimCluster) -> Self {
        let granted = sim.look(|c| c.instances.values().next().map(|i| i.uuid.clone())).unwrap();
        Self {
            sim,
            cluster_id: ClusterId::generate(),
            knobs: Arc::default(),
            key: Arc::new(ed25519_dalek::SigningKey::from_bytes(&[7; 32])),
            admin: UserId::generate(),
            jane: UserId::generate(),
            granted,
            vera: UserId::generate(),
            otto: UserId::generate(),
        }
    }

    pub(crate) fn knobs<T>(&self, f: impl FnOnce(&mut Knobs) -> T) -> T {
        f(&mut self.knobs.lock().unwrap())
    }

    pub(crate) fn assertion(&self, user: UserId) -> SignedAssertion {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = i64::try_from(since.as_secs()).unwrap();
        let assertion = Assertion {
            key_id: "k1".to_owned(),
            user_id: user.to_string(),
            username: if user == self.admin { "root" } else { "jane" }.to_owned(),
            session_id: SessionId::generate().to_string(),
            issued_at: now,
            expires_at: now + 60,
            ..Default::default()
        };
        sign(&self.key, &assertion)
    }

    fn snapshot(&self) -> Snapshot {
        let right = Right {
            permissions: vec!["power".to_owned()],
            object: Some(ObjectRef {
                kind: "instance".to_owned(),
                cluster_id: self.cluster_id.to_string(),
                uuid: self.granted.clone(),
            }),
        };
        let on_cluster = |user: UserId, permission: &str| UserRights {
            user_id: user.to_string(),
            rights: vec![Right {
                permissions: vec![permission.to_owned()],
                object: Some(ObjectRef {
                    kind: "cluster".to_owned(),
                    cluster_id: self.cluster_id.to_string(),
                    uuid: String::new(),
                }),
            }],
            ..Default::default()
        };
        Snapshot {
            keys: vec![SigningKey {
                key_id: "k1".to_owned(),
                public_key: self.key.verifying_key().to_bytes().to_vec(),
            }],
            users: vec![
                UserRights {
                    user_id: self.admin.to_string(),
                    is_admin: true,
                    ..Default::default()
                },
                UserRights {
                    user_id: self.jane.to_string(),
                    rights: vec![right],
                    ..Default::default()
                },
                on_cluster(self.vera, "view"),
                on_cluster(self.otto, "migrate"),
            ],
            ..Default::default()
        }
    }

    fn up(&self) -> Result<(), Status> {
        if self.knobs(|k| k.cache_down) {
            return Err(Fault::unavailable("cache-updater does not answer").into());
        }
        Ok(())
    }

    fn instance(&self, object: &str) -> Option<Instance> {
        let found = self.sim.look(|c| {
            c.instances.values().find(|i| i.name == object || i.uuid == object).cloned()
        })?;
        Some(Instance {
            uuid: found.uuid,
            name: found.name,
            cluster: SLUG.to_owned(),
            cluster_id: self.cluster_id.to_string(),
            memory_mib: found.beparams.get("maxmem").and_then(serde_json::Value::as_u64),
            admin_state: if found.admin == Admin::Up { "up" } else { "down" }.to_owned(),
            ..Default::default()
        })
    }
}

#[tonic::async_trait]
impl Access for Fakes {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let first = WatchResponse { revision: 1, body: Some(Body::Snapshot(self.snapshot())) };
        let ticks = tokio_stream::wrappers::IntervalStream::new(tokio::time::interval(
            Duration::from_millis(200),
        ));
        let beat = |_| WatchResponse { revision: 1, body: Some(Body::Heartbeat(Heartbeat {})) };
        let stream = tokio_stream::once(first).chain(ticks.map(beat)).map(Ok);
        Ok(Response::new(Box::pin(stream)))
    }

    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Err(Status::unimplemented("not asked by the job runner"))
    }

    async fn batch_check(
        &self,
        _: Request<BatchCheckRequest>,
    ) -> Result<Response<BatchCheckResponse>, Status> {
        Err(Status::unimplemented("not asked by the job runner"))
    }
}

#[tonic::async_trait]
impl Ownership for Fakes {
    async fn settle(
        &self,
        request: Request<SettleRequest>,
    ) -> Result<Response<SettleResponse>, Status> {
        if self.knobs(|k| k.settle_down) {
            return Err(Fault::unavailable("auth is down").into());
        }
        let settled = request.into_inner();
        self.knobs(|k| {
            k.reserved.remove(&settled.job_id);
            k.settled.push(settled);
        });
        Ok(Response::new(SettleResponse {}))
    }

    async fn reserve(
        &self,
        request: Request<ReserveRequest>,
    ) -> Result<Response<ReserveResponse>, Status> {
        let asked = request.into_inner();
        self.knobs(|k| k.asked.push(asked.clone()));
        if self.knobs(|k| k.no_quota && asked.target.is_some()) {
            let text = "this is more than user/jane may use";
            return Err(Fault::new(ErrorCode::ResourceExhausted, "quota_exceeded", text).into());
        }
        self.knobs(|k| k.reserved.insert(asked.job_id.clone(), asked));
        if self.knobs(|k| k.silent_after_reserving) {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(ReserveResponse {}))
    }

    async fn release(
        &self,
        request: Request<ReleaseRequest>,
    ) -> Result<Response<ReleaseResponse>, Status> {
        for released in request.into_inner().jobs {
            self.knobs(|k| {
                let held = k.reserved.get(&released.job_id);
                let own = |r: &ReserveRequest| {
                    released.attempt.is_empty() || released.attempt == r.attempt
                };
                if held.is_some_and(own) {
                    k.reserved.remove(&released.job_id);
                }
                k.released.push(released);
            });
        }
        Ok(Response::new(ReleaseResponse {}))
    }

    async fn list_reservations(
        &self,
        request: Request<ListReservationsRequest>,
    ) -> Result<Response<ListReservationsResponse>, Status> {
        let after = request.into_inner().after_job_id;
        let reservations = self.knobs(|k| {
            let later = k.reserved.range((Bound::Excluded(after), Bound::Unbounded));
            let one = |(job_id, r): (&String, &ReserveRequest)| Reservation {
                job_id: job_id.clone(),
                attempt: r.attempt.clone(),
            };
            later.map(one).collect()
        });
        Ok(Response::new(ListReservationsResponse { reservations }))
    }
}

#[tonic::async_trait]
impl Clusters for Fakes {
    async fn get_cluster(
        &self,
        request: Request<GetClusterRequest>,
    ) -> Result<Response<Cluster>, Status> {
        self.up()?;
        SignedAssertion::of(&request)?;
        let asked = request.into_inner().cluster;
        if asked != SLUG && asked != self.cluster_id.to_string() {
            return Err(Fault::not_found("cluster").into());
        }
        Ok(Response::new(Cluster {
            cluster_id: self.cluster_id.to_string(),
            slug: SLUG.to_owned(),
            read_only: self.knobs(|k| k.read_only),
            ..Default::default()
        }))
    }

    async fn probe_cluster(
        &self,
        _: Request<ProbeClusterRequest>,
    ) -> Result<Response<ProbeClusterResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn add_cluster(
        &self,
        _: Request<AddClusterRequest>,
    ) -> Result<Response<Cluster>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn list_clusters(
        &self,
        _: Request<ListClustersRequest>,
    ) -> Result<Response<ListClustersResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn update_cluster(
        &self,
        _: Request<UpdateClusterRequest>,
    ) -> Result<Response<Cluster>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn remove_cluster(
        &self,
        _: Request<RemoveClusterRequest>,
    ) -> Result<Response<RemoveClusterResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn refresh_cluster(
        &self,
        _: Request<RefreshClusterRequest>,
    ) -> Result<Response<Cluster>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn confirm_missing(
        &self,
        _: Request<ConfirmMissingRequest>,
    ) -> Result<Response<ConfirmMissingResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}

#[tonic::async_trait]
impl Inventory for Fakes {
    async fn get_instance(
        &self,
        request: Request<GetObjectRequest>,
    ) -> Result<Response<InstanceDetail>, Status> {
        self.up()?;
        SignedAssertion::of(&request)?;
        let instance = self
            .instance(&request.into_inner().object)
            .ok_or_else(|| Fault::not_found("instance"))?;
        Ok(Response::new(InstanceDetail { instance: Some(instance), ..Default::default() }))
    }

    async fn list_instances(
        &self,
        _: Request<ListInstancesRequest>,
    ) -> Result<Response<ListInstancesResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn list_nodes(
        &self,
        _: Request<ListNodesRequest>,
    ) -> Result<Response<ListNodesResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn get_node(&self, _: Request<GetObjectRequest>) -> Result<Response<NodeDetail>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn get_create_options(
        &self,
        _: Request<GetCreateOptionsRequest>,
    ) -> Result<Response<CreateOptions>, Status> {
        Err(Status::unimplemented("not asked"))
    }
    async fn get_overview(
        &self,
        _: Request<GetOverviewRequest>,
    ) -> Result<Response<Overview>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}

#[tonic::async_trait]
impl Internal for Fakes {
    async fn get_write_access(
        &self,
        _: Request<GetWriteAccessRequest>,
    ) -> Result<Response<WriteAccess>, Status> {
        self.up()?;
        if self.knobs(|k| k.removed) {
            return Err(Fault::not_found("cluster").into());
        }
        if self.knobs(|k| k.read_only) {
            return Err(Fault::new(ErrorCode::Conflict, "cluster_read_only", "read-only").into());
        }
        let wrong = self.knobs(|k| {
            k.wrong_passwords = k.wrong_passwords.saturating_sub(1);
            k.wrong_passwords > 0
        });
        let users = self.sim.users();
        let user = users.iter().find(|user| user.name == "gwm-write").unwrap();
        let password = if wrong { "wrong".to_owned() } else { user.password.clone() };
        Ok(Response::new(WriteAccess {
            endpoints: vec![self.sim.url()],
            fingerprint: self.sim.fingerprint(),
            credential: Some(Credential { username: user.name.clone(), password }),
            ganeti_uuid: self.sim.uuid(),
            slug: SLUG.to_owned(),
            paused: self.knobs(|k| k.paused),
            read_only: self.knobs(|k| k.held_read_only),
            ..Default::default()
        }))
    }

    async fn observe_instance(
        &self,
        request: Request<ObserveInstanceRequest>,
    ) -> Result<Response<ObserveInstanceResponse>, Status> {
        self.up()?;
        if self.knobs(|k| k.blind) {
            return Err(Fault::unavailable("the cluster can't be read").into());
        }
        let asked = request.into_inner();
        let instance = self.instance(&asked.name);
        self.knobs(|k| k.observed.push(asked));
        let state = if instance.is_some() { "present" } else { "absent" };
        Ok(Response::new(ObserveInstanceResponse { state: state.to_owned(), instance }))
    }

    async fn resolve_name(
        &self,
        request: Request<ResolveNameRequest>,
    ) -> Result<Response<ResolveNameResponse>, Status> {
        self.up()?;
        let found = self.instance(&request.into_inner().instance);
        let (uuid, name) = found.map(|i| (i.uuid, i.name)).unwrap_or_default();
        Ok(Response::new(ResolveNameResponse {
            cluster_id: self.cluster_id.to_string(),
            slug: SLUG.to_owned(),
            read_only: self.knobs(|k| k.read_only),
            uuid,
            name,
            memory_mib: Some(512),
            vcpus: Some(2),
            disk_mib: Some(1024),
            default_memory_mib: 128,
            default_vcpus: 1,
        }))
    }

    async fn next_owner_tags(
        &self,
        request: Request<NextOwnerTagsRequest>,
    ) -> Result<Response<NextOwnerTagsResponse>, Status> {
        self.up()?;
        let asked = request.into_inner();
        let id = self.cluster_id.to_string();
        self.knobs(|k| k.tags_asked += u64::from(asked.only.is_none()));
        if let Some(stale) = self.knobs(|k| k.stale_tags.clone()) {
            let skipped = asked.skip.iter().any(|o| o.uuid == stale.uuid)
                || asked.skip_clusters.contains(&id);
            let changes = if skipped { Vec::new() } else { vec![stale] };
            return Ok(Response::new(NextOwnerTagsResponse { changes }));
        }
        let Some(owners) = self.knobs(|k| k.owners.clone()) else {
            return Ok(Response::new(NextOwnerTagsResponse::default()));
        };
        let change = |instance: &gwm_rapi_sim::Instance| {
            let skipped = asked.skip.iter().any(|o| o.uuid == instance.uuid)
                || asked.only.as_ref().is_some_and(|o| o.uuid != instance.uuid);
            let wanted = owners.get(&instance.name).map(|owner| format!("{PREFIX}{owner}"));
            let ours = instance.tags.iter().filter(|tag| tag.starts_with(PREFIX));
            let wrong: Vec<String> =
                ours.filter(|tag| Some(*tag) != wanted.as_ref()).cloned().collect();
            let add = wrong.is_empty();
            let tags = if add {
                wanted.into_iter().filter(|tag| !instance.tags.contains(tag)).collect()
            } else {
                wrong
            };
            (!skipped && !tags.is_empty()).then(|| OwnerTagChange {
                cluster_id: id.clone(),
                cluster: SLUG.to_owned(),
                uuid: instance.uuid.clone(),
                name: instance.name.clone(),
                add,
                tags,
            })
        };
        let changes = if asked.skip_clusters.contains(&id) {
            Vec::new()
        } else {
            self.sim.look(|c| c.instances.values().find_map(change)).into_iter().collect()
        };
        Ok(Response::new(NextOwnerTagsResponse { changes }))
    }

    async fn resolve_console(
        &self,
        _: Request<ResolveConsoleRequest>,
    ) -> Result<Response<ResolveConsoleResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}
