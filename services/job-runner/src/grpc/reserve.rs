//! Reserving with auth, before a request becomes a job.

use gwm_authz::Principal;
use gwm_kernel::Fault;
use gwm_types::{JobId, Object, Permission};
use uuid::Uuid;

use super::JobsServer;
use super::submit::Asked;
use crate::clients::{ClusterState, Reservation, Target};
use crate::domain::{Growth, Parameters, Sizes};
use crate::error::Error;
use crate::store::reservation;

impl JobsServer {
    /// Reserves what the job will use; refused with what is missing. Yields the try, which has the right to make the
    /// job. If this process dies from here on, the reservation is found by comparing, and given back.
    pub(super) async fn reserve(
        &self,
        person: &Principal,
        asked: &Asked,
        job_id: JobId,
        cluster: &ClusterState,
        target: Option<&Target>,
    ) -> Result<Uuid, Fault> {
        let sizes = self.grown(asked, cluster, target).await?;
        let attempt = Uuid::now_v7();
        let mut connection = self.store.connection().await.map_err(Error::from)?;
        reservation::begin(&mut connection, job_id, attempt).await.map_err(Error::from)?;
        drop(connection);
        // Who runs the cluster puts other people's instances right, whatever their quota.
        let held = self.authz.held(person, Object::Cluster(cluster.cluster_id));
        let wanted = Reservation {
            job_id,
            attempt,
            person,
            cluster,
            name: target.map_or(&asked.instance, |target| &target.name),
            instance: target.map(|target| target.uuid),
            target: sizes,
            never_refused: target.is_some() && held.contains(Permission::Migrate),
        };
        let Err(fault) = self.auth.reserve(&wanted).await else { return Ok(attempt) };
        let mut connection = self.store.connection().await.map_err(Error::from)?;
        reservation::end(&mut connection, &[(job_id, attempt)]).await.map_err(Error::from)?;
        Err(fault)
    }

    /// What the instance will have when the job has ended; none when nothing grows.
    async fn grown(
        &self,
        asked: &Asked,
        cluster: &ClusterState,
        target: Option<&Target>,
    ) -> Result<Option<Sizes>, Fault> {
        let instance = target.map(|target| target.uuid);
        match asked.kind.grows() {
            Growth::Nothing => Ok(None),
            Growth::Made => {
                let Parameters::Create(create) = &asked.parameters else { return Ok(None) };
                let known = self.cache.sizes(cluster.cluster_id, None).await?;
                Ok(Some(create.sizes(known.default_memory_mib, known.default_vcpus)))
            }
            Growth::Started => {
                Ok(Some(self.cache.sizes(cluster.cluster_id, instance).await?.sizes))
            }
        }
    }
}
