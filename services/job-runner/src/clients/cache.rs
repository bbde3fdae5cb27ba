//! What cache-updater is asked: names into UUIDs for a person, credentials and looks for us.

use std::time::SystemTime;

use gwm_authz::SignedAssertion;
use gwm_kernel::Fault;
use gwm_kernel::grpc::Peer;
use gwm_proto::cache::clusters_client::ClustersClient;
use gwm_proto::cache::internal_client::InternalClient;
use gwm_proto::cache::inventory_client::InventoryClient;
use gwm_proto::cache::{
    GetClusterRequest, GetObjectRequest, GetWriteAccessRequest, Instance, NextOwnerTagsRequest,
    ObserveInstanceRequest, OwnerTagChange, ResolveNameRequest,
};
use gwm_proto::common::ObjectRef;
use gwm_rapi::{CaBundle, Credentials, Endpoint, Fingerprint, Trust};
use gwm_types::{ClusterId, InstanceUuid};
use secrecy::SecretString;

use crate::domain::parameters::OwnerTag;
use crate::domain::{Job, Kind, Outcome, Sizes};
use crate::store::owner_tag::{Busy, Due};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct Cache(Peer);

/// A cluster, as a request needs it.
#[derive(Debug, Clone)]
pub(crate) struct ClusterState {
    pub(crate) cluster_id: ClusterId,
    pub(crate) slug: String,
    pub(crate) read_only: bool,
}

/// The instance that a person means.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) uuid: InstanceUuid,
    pub(crate) name: String,
}

/// What it takes to change a cluster; lives in memory only.
#[derive(Debug)]
pub(crate) struct WriteAccess {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) trust: Trust,
    /// None: read-only.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) ganeti_uuid: String,
    /// No new job is to be sent now.
    pub(crate) paused: bool,
    /// Nothing is to be changed there.
    pub(crate) read_only: bool,
}

/// What the inventory read after a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Present(Option<Looked>),
    Absent,
}

/// The instance as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looked {
    pub(crate) uuid: InstanceUuid,
    /// By Ganeti's clock.
    pub(crate) made_at: Option<SystemTime>,
    pub(crate) sizes: Sizes,
}

impl Looked {
    fn read(instance: &Instance) -> Option<Self> {
        Some(Self {
            uuid: instance.uuid.parse().ok()?,
            made_at: instance.created_at.and_then(|at| at.try_into().ok()),
            sizes: Sizes {
                memory_mib: instance.memory_mib.unwrap_or_default(),
                vcpus: instance.vcpus.unwrap_or_default().into(),
                // `disk_mib` has what Ganeti adds for mirrors, too.
                disk_mib: instance.disks.iter().map(|disk| disk.size_mib).sum(),
                admin_up: instance.admin_state == "up",
                revision: instance.revision,
            },
        })
    }
}

/// What a request would grow by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// What the instance has; zeros where that is not known.
    pub(crate) sizes: Sizes,
    pub(crate) default_memory_mib: u64,
    pub(crate) default_vcpus: u64,
}

impl Cache {
    pub(crate) fn new(peer: Peer) -> Self {
        Self(peer)
    }

    /// A cluster by slug or id, if the person may know of it.
    pub(crate) async fn cluster(
        &self,
        person: &SignedAssertion,
        cluster: &str,
    ) -> Result<ClusterState, Fault> {
        let request = GetClusterRequest { cluster: cluster.to_owned() };
        let found = ClustersClient::new(self.0.clone())
            .get_cluster(person.attach(request))
            .await?
            .into_inner();
        let cluster_id = found.cluster_id.parse().map_err(Fault::internal)?;
        Ok(ClusterState { cluster_id, slug: found.slug, read_only: found.read_only })
    }

    /// An instance by name or UUID, if the person may know of it.
    pub(crate) async fn instance(
        &self,
        person: &SignedAssertion,
        cluster: &ClusterState,
        instance: &str,
    ) -> Result<Target, Fault> {
        let request = GetObjectRequest {
            cluster: cluster.cluster_id.to_string(),
            object: instance.to_owned(),
        };
        let found = InventoryClient::new(self.0.clone())
            .get_instance(person.attach(request))
            .await?
            .into_inner()
            .instance
            .ok_or_else(|| Fault::internal("cache-updater answered no instance"))?;
        if found.cluster_id != cluster.cluster_id.to_string() {
            return Err(Fault::internal("cache-updater answered an instance of another cluster"));
        }
        Ok(Target { uuid: found.uuid.parse().map_err(Fault::internal)?, name: found.name })
    }

    /// What the names mean, whoever asks: what the person may know of that is decided by the caller.
    pub(crate) async fn resolve(
        &self,
        cluster: &str,
        instance: &str,
    ) -> Result<(ClusterState, Option<Target>), Fault> {
        let request =
            ResolveNameRequest { cluster: cluster.to_owned(), instance: instance.to_owned() };
        let found = InternalClient::new(self.0.clone()).resolve_name(request).await?.into_inner();
        let cluster_id = found.cluster_id.parse().map_err(Fault::internal)?;
        let cluster = ClusterState { cluster_id, slug: found.slug, read_only: found.read_only };
        if found.uuid.is_empty() {
            return Ok((cluster, None));
        }
        let uuid = found.uuid.parse().map_err(Fault::internal)?;
        Ok((cluster, Some(Target { uuid, name: found.name })))
    }

    /// What an instance has, and what the cluster gives one that is made.
    pub(crate) async fn sizes(
        &self,
        cluster: ClusterId,
        instance: Option<InstanceUuid>,
    ) -> Result<Known, Fault> {
        let instance = instance.map(|uuid| uuid.to_string()).unwrap_or_default();
        let request = ResolveNameRequest { cluster: cluster.to_string(), instance };
        let found = InternalClient::new(self.0.clone()).resolve_name(request).await?.into_inner();
        Ok(Known {
            sizes: Sizes {
                memory_mib: found.memory_mib.unwrap_or_default(),
                vcpus: found.vcpus.unwrap_or_default(),
                disk_mib: found.disk_mib.unwrap_or_default(),
                admin_up: true,
                revision: 0,
            },
            default_memory_mib: found.default_memory_mib,
            default_vcpus: found.default_vcpus,
        })
    }

    /// The write credential.
    pub(crate) async fn write_access(&self, cluster: ClusterId) -> Result<WriteAccess, Fault> {
        let request = GetWriteAccessRequest { cluster_id: cluster.to_string() };
        let access =
            InternalClient::new(self.0.clone()).get_write_access(request).await?.into_inner();
        let endpoints: Vec<Endpoint> = access
            .endpoints
            .iter()
            .map(|endpoint| Endpoint::parse(endpoint))
            .collect::<Result<_, _>>()
            .map_err(Fault::internal)?;
        let trust = if access.ca_pem.is_empty() {
            let fingerprint: Fingerprint = access.fingerprint.parse().map_err(Fault::internal)?;
            Trust::Pinned(fingerprint)
        } else {
            Trust::Ca(CaBundle::from_pem(&access.ca_pem).map_err(Fault::internal)?)
        };
        let credentials = match access.credential {
            Some(given) if !given.username.is_empty() => {
                let password = SecretString::from(given.password);
                Some(Credentials::new(given.username, password).map_err(Fault::internal)?)
            }
            Some(_) | None => None,
        };
        Ok(WriteAccess {
            endpoints,
            trust,
            credentials,
            ganeti_uuid: access.ganeti_uuid,
            paused: access.paused,
            read_only: access.read_only,
        })
    }

    /// What is to be done next about owner tags, at clusters and instances that are not busy.
    pub(crate) async fn next_owner_tags(&self, busy: &Busy) -> Result<Vec<Due>, Fault> {
        let request = NextOwnerTagsRequest {
            skip: busy.instances.iter().map(|(cluster, uuid)| object(*cluster, *uuid)).collect(),
            skip_clusters: busy.clusters.iter().map(ToString::to_string).collect(),
            only: None,
        };
        self.owner_tags(request).await
    }

    /// What is to be done about those of one instance now; none: nothing.
    pub(crate) async fn owner_tag_of(
        &self,
        cluster: ClusterId,
        uuid: InstanceUuid,
    ) -> Result<Option<OwnerTag>, Fault> {
        let only = Some(object(cluster, uuid));
        let request = NextOwnerTagsRequest { only, ..Default::default() };
        Ok(self.owner_tags(request).await?.into_iter().next().map(|due| due.change))
    }

    async fn owner_tags(&self, request: NextOwnerTagsRequest) -> Result<Vec<Due>, Fault> {
        let found =
            InternalClient::new(self.0.clone()).next_owner_tags(request).await?.into_inner();
        let due = |change: OwnerTagChange| {
            Ok(Due {
                cluster_id: change.cluster_id.parse().map_err(Fault::internal)?,
                cluster_slug: change.cluster,
                uuid: change.uuid.parse().map_err(Fault::internal)?,
                name: change.name,
                change: OwnerTag { add: change.add, tags: change.tags },
            })
        };
        found.changes.into_iter().map(due).collect()
    }

    /// Lets the inventory read the job's instance now; answers what was found.
    pub(crate) async fn observe(&self, job: &Job) -> Result<Found, Fault> {
        let created = job.kind == Kind::Create;
        let uuid = job.instance_uuid.filter(|_| !created).map(|uuid| uuid.to_string());
        let request = ObserveInstanceRequest {
            cluster_id: job.cluster_id.to_string(),
            name: job.object_name.clone(),
            uuid: uuid.unwrap_or_default(),
            not_before: job.ganeti_ended_at.map(|at| SystemTime::from(at).into()),
            ganeti_job: job.ganeti_job.unwrap_or_default(),
            gwm_job: job.job_id.to_string(),
            removed: job.kind == Kind::Remove && job.outcome == Some(Outcome::Success),
        };
        let found =
            InternalClient::new(self.0.clone()).observe_instance(request).await?.into_inner();
        match found.state.as_str() {
            "present" => Ok(Found::Present(found.instance.as_ref().and_then(Looked::read))),
            "absent" => Ok(Found::Absent),
            other => Err(Fault::internal(format!("cache-updater answered state {other:?}"))),
        }
    }
}

fn object(cluster: ClusterId, uuid: InstanceUuid) -> ObjectRef {
    ObjectRef {
        kind: "instance".to_owned(),
        cluster_id: cluster.to_string(),
        uuid: uuid.to_string(),
    }
}
