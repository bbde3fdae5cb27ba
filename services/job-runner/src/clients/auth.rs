//! What auth is told.

use std::time::Duration;

use gwm_authz::Principal;
use gwm_kernel::Fault;
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::ownership_client::OwnershipClient;
use gwm_proto::auth::{
    ListReservationsRequest, ReleaseRequest, ReleasedJob, ReserveRequest, SettleRequest,
};
use gwm_proto::common::ObjectRef;
use gwm_types::{ClusterId, InstanceUuid, JobId, UserId};
use uuid::Uuid;

use super::ClusterState;
use crate::domain::{Job, Kind, Sizes};

/// The end of a job that made or removed something.
#[derive(Debug, Clone)]
pub(crate) struct Settlement {
    pub(crate) job_id: JobId,
    /// Else it was removed.
    pub(crate) created: bool,
    pub(crate) cluster: ClusterId,
    pub(crate) instance: InstanceUuid,
    pub(crate) user: UserId,
    /// The group that they acted as.
    pub(crate) acting_as: Option<Uuid>,
    pub(crate) name: String,
    /// What was made has this, if it was read.
    pub(crate) sizes: Option<Sizes>,
}

impl Settlement {
    pub(crate) fn of(job: &Job, instance: InstanceUuid, sizes: Option<Sizes>) -> Self {
        Self {
            job_id: job.job_id,
            created: job.kind == Kind::Create,
            cluster: job.cluster_id,
            instance,
            user: job.requested_by_id,
            acting_as: job.acting_as_id,
            name: job.object_name.clone(),
            sizes,
        }
    }
}

/// What a request would use.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    pub(crate) job_id: JobId,
    /// This try to accept it.
    pub(crate) attempt: Uuid,
    pub(crate) person: &'a Principal,
    pub(crate) cluster: &'a ClusterState,
    pub(crate) name: &'a str,
    /// None: it is being made.
    pub(crate) instance: Option<InstanceUuid>,
    /// None: nothing grows.
    pub(crate) target: Option<Sizes>,
    /// Work of the cluster's operators.
    pub(crate) never_refused: bool,
}

/// What is given back.
#[derive(Debug, Clone)]
pub(crate) struct Released {
    pub(crate) job_id: JobId,
    /// Only what this try took.
    pub(crate) attempt: Option<Uuid>,
    /// What the job's instance has now, if it was read.
    pub(crate) now: Option<(ClusterId, InstanceUuid, Sizes)>,
}

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct Auth(Peer);

impl Auth {
    pub(crate) fn new(peer: Peer) -> Self {
        Self(peer)
    }

    /// Records it; may be repeated.
    pub(crate) async fn settle(&self, settlement: &Settlement) -> Result<(), Fault> {
        let request = SettleRequest {
            job_id: settlement.job_id.to_string(),
            outcome: if settlement.created { "created" } else { "removed" }.to_owned(),
            instance: Some(ObjectRef {
                kind: "instance".to_owned(),
                cluster_id: settlement.cluster.to_string(),
                uuid: settlement.instance.to_string(),
            }),
            user_id: settlement.user.to_string(),
            instance_name: settlement.name.clone(),
            acting_as_id: settlement.acting_as.map(|id| id.to_string()).unwrap_or_default(),
            sizes: settlement.sizes.map(message),
        };
        OwnershipClient::new(self.0.clone()).settle(request).await?;
        Ok(())
    }

    /// Reserves what the request would use, or is told what is missing; may be repeated.
    pub(crate) async fn reserve(&self, wanted: &Reservation<'_>) -> Result<(), Fault> {
        let group = wanted.person.acting_as.as_ref().map(|group| group.group_id.to_string());
        let request = ReserveRequest {
            job_id: wanted.job_id.to_string(),
            attempt: wanted.attempt.to_string(),
            user_id: wanted.person.user_id.to_string(),
            acting_as_id: group.unwrap_or_default(),
            cluster_id: wanted.cluster.cluster_id.to_string(),
            cluster: wanted.cluster.slug.clone(),
            instance_name: wanted.name.to_owned(),
            instance_uuid: wanted.instance.map(|uuid| uuid.to_string()).unwrap_or_default(),
            target: wanted.target.map(message),
            never_refused: wanted.never_refused,
        };
        OwnershipClient::new(self.0.clone()).reserve(request).await?;
        Ok(())
    }

    /// Gives back what these jobs had reserved; may be repeated.
    pub(crate) async fn release(&self, jobs: &[Released]) -> Result<(), Fault> {
        let job = |released: &Released| {
            let now = released.now.as_ref();
            ReleasedJob {
                job_id: released.job_id.to_string(),
                attempt: released.attempt.map(|id| id.to_string()).unwrap_or_default(),
                cluster_id: now.map(|(cluster, ..)| cluster.to_string()).unwrap_or_default(),
                instance_uuid: now.map(|(_, uuid, _)| uuid.to_string()).unwrap_or_default(),
                now: now.map(|(.., sizes)| message(*sizes)),
            }
        };
        let request = ReleaseRequest { jobs: jobs.iter().map(job).collect() };
        OwnershipClient::new(self.0.clone()).release(request).await?;
        Ok(())
    }

    /// Which jobs have something reserved for so long, each with the try; at most 1,000 after one.
    pub(crate) async fn reservations(
        &self,
        older_than: Duration,
        after: Option<JobId>,
    ) -> Result<Vec<(JobId, Uuid)>, Fault> {
        let request = ListReservationsRequest {
            older_than_seconds: u32::try_from(older_than.as_secs()).unwrap_or(u32::MAX),
            after_job_id: after.map(|id| id.to_string()).unwrap_or_default(),
        };
        let found = OwnershipClient::new(self.0.clone()).list_reservations(request).await?;
        let read = |one: gwm_proto::auth::Reservation| {
            let job = one.job_id.parse().map_err(Fault::internal)?;
            Ok((job, one.attempt.parse().map_err(Fault::internal)?))
        };
        found.into_inner().reservations.into_iter().map(read).collect()
    }
}

fn message(sizes: Sizes) -> gwm_proto::auth::Sizes {
    gwm_proto::auth::Sizes {
        memory_mib: sizes.memory_mib,
        vcpus: sizes.vcpus,
        disk_mib: sizes.disk_mib,
        admin_up: sizes.admin_up,
        revision: sizes.revision,
    }
}
