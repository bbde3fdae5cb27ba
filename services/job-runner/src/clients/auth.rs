//! What auth is told.

use gwm_kernel::Fault;
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::SettleRequest;
use gwm_proto::auth::ownership_client::OwnershipClient;
use gwm_proto::common::ObjectRef;
use gwm_types::{ClusterId, InstanceUuid, JobId, UserId};
use uuid::Uuid;

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
        };
        OwnershipClient::new(self.0.clone()).settle(request).await?;
        Ok(())
    }
}
