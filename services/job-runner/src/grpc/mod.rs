//! The RPCs.

mod convert;
mod list;
mod mask;
mod read;
mod reserve;
mod submit;
mod waited;

use std::sync::Arc;

use gwm_authz::{Authz, Principal};
use gwm_proto::common::{CompleteRequest, CompleteResponse};
use gwm_proto::jobs::jobs_server::Jobs;
use gwm_proto::jobs::{
    GetJobFiguresRequest, GetJobLogRequest, GetJobLogResponse, GetJobRequest, Job, JobFigures,
    ListJobsRequest, ListJobsResponse, SubmitJobRequest,
};
use gwm_query::CursorKey;
use gwm_types::{Object, Permission};
use tokio::sync::OnceCell;
use tonic::{Request, Response, Status};

use crate::clients::{Auth, Cache};
use crate::domain;
use crate::seen::Asker;
use crate::store::Store;

pub(crate) use waited::NotTaken;

/// The server of `gwm.jobs.v1.Jobs`.
#[derive(Debug, Clone)]
pub(crate) struct JobsServer {
    pub(crate) store: Store,
    pub(crate) authz: Authz,
    pub(crate) auth: Auth,
    pub(crate) cache: Cache,
    pub(crate) cursors: Arc<OnceCell<CursorKey>>,
}

impl JobsServer {
    /// Whether the person may know of the job: it is theirs (or their restricted token's), or they may see its object.
    fn may_see(&self, person: &Principal, job: &domain::Job) -> bool {
        let object = match job.instance_uuid {
            Some(uuid) => Object::Instance(job.cluster_id, uuid),
            None => Object::Cluster(job.cluster_id),
        };
        Asker::of(person).asked_for(job) || self.authz.allows(person, Permission::View, object)
    }

    /// The same for one that somebody else gave Ganeti: who sees the instance, or the whole cluster.
    fn may_see_foreign(&self, person: &Principal, job: &domain::ForeignJob) -> bool {
        let object = match job.instance_uuid {
            Some(uuid) => Object::Instance(job.cluster_id, uuid),
            None => Object::Cluster(job.cluster_id),
        };
        self.authz.allows(person, Permission::View, object)
    }
}

#[tonic::async_trait]
impl Jobs for JobsServer {
    async fn submit_job(
        &self,
        request: Request<SubmitJobRequest>,
    ) -> Result<Response<Job>, Status> {
        Ok(Response::new(self.submit(request).await?))
    }

    async fn list_jobs(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<Response<ListJobsResponse>, Status> {
        Ok(Response::new(self.list(request).await?))
    }

    async fn get_job_figures(
        &self,
        request: Request<GetJobFiguresRequest>,
    ) -> Result<Response<JobFigures>, Status> {
        Ok(Response::new(self.figures(request).await?))
    }

    async fn complete_jobs(
        &self,
        request: Request<CompleteRequest>,
    ) -> Result<Response<CompleteResponse>, Status> {
        Ok(Response::new(self.complete(request).await?))
    }

    async fn get_job(&self, request: Request<GetJobRequest>) -> Result<Response<Job>, Status> {
        Ok(Response::new(self.get(request).await?))
    }

    async fn get_job_log(
        &self,
        request: Request<GetJobLogRequest>,
    ) -> Result<Response<GetJobLogResponse>, Status> {
        Ok(Response::new(self.log(request).await?))
    }
}
