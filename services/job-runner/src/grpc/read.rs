//! One job and its log; the figures of all.

use gwm_authz::{Mode, Principal};
use gwm_kernel::Fault;
use gwm_proto::jobs::{
    GetJobFiguresRequest, GetJobLogRequest, GetJobLogResponse, GetJobRequest, Job as WireJob,
    JobFigures,
};
use tonic::Request;

use super::{JobsServer, convert};
use crate::domain::{ForeignJob, Job, Phase, waiting};
use crate::error::Error;
use crate::seen::{Asker, Seen};
use crate::store::{figures, foreign, job, log};

/// Failed jobs that come with the figures.
const MOST_FAILED: u32 = 50;

impl JobsServer {
    pub(super) async fn get(&self, request: Request<GetJobRequest>) -> Result<WireJob, Fault> {
        let person = self.authz.principal(&request, Mode::Read)?;
        let seen = Seen::of(&self.authz, &person);
        let job_id = request.into_inner().job_id;
        if let Some(foreign) = self.visible_foreign(&person, &job_id).await? {
            return Ok(convert::foreign(&foreign, &seen));
        }
        let mut job = self.visible(&person, &job_id).await?;
        if matches!(job.phase, Phase::Queued | Phase::Claimed) && job.waiting_for.is_none() {
            let mut connection = self.store.connection().await.map_err(Error::from)?;
            let ahead = job::ahead(&mut connection, &job).await.map_err(Error::from)?;
            job.waiting_for = (ahead > 0).then(|| waiting::behind(ahead));
        }
        Ok(convert::job(&job, &seen))
    }

    pub(super) async fn log(
        &self,
        request: Request<GetJobLogRequest>,
    ) -> Result<GetJobLogResponse, Fault> {
        let person = self.authz.principal(&request, Mode::Read)?;
        let asked = request.into_inner();
        if self.visible_foreign(&person, &asked.job_id).await?.is_some() {
            // Logs of others' jobs are not read: they may hold secrets.
            return Ok(GetJobLogResponse::default());
        }
        let job = self.visible(&person, &asked.job_id).await?;
        if !Seen::of(&self.authz, &person).placement(job.cluster_id) {
            return Ok(GetJobLogResponse { lines: Vec::new(), hidden: true });
        }
        let mut connection = self.store.connection().await.map_err(Error::from)?;
        let lines =
            log::list(&mut connection, job.job_id, asked.after).await.map_err(Error::from)?;
        let lines = lines.into_iter().map(convert::line).collect();
        Ok(GetJobLogResponse { lines, hidden: false })
    }

    pub(super) async fn figures(
        &self,
        request: Request<GetJobFiguresRequest>,
    ) -> Result<JobFigures, Fault> {
        let person = self.authz.principal(&request, Mode::Read)?;
        let asked = request.into_inner();
        if asked.own_only {
            let mut connection = self.store.connection().await.map_err(Error::from)?;
            let own_running = figures::own_running(&mut connection, Asker::of(&person))
                .await
                .map_err(Error::from)?;
            return Ok(JobFigures { own_running, ..Default::default() });
        }
        let seen = Seen::of(&self.authz, &person);
        let failed = i64::from(asked.failed.min(MOST_FAILED));
        let found = figures::figures(&self.store, &seen.scope, Asker::of(&person), failed)
            .await
            .map_err(Error::from)?;
        Ok(JobFigures {
            open: found.open,
            failed_in_day: found.failed_in_day,
            own_running: found.own_running,
            failed: found.failed.iter().map(|job| convert::listed(job, &seen)).collect(),
        })
    }

    /// One that somebody else gave Ganeti, if it is one and the person may know of it.
    async fn visible_foreign(
        &self,
        person: &Principal,
        job_id: &str,
    ) -> Result<Option<ForeignJob>, Fault> {
        let job_id = job_id.parse().map_err(|_| Fault::not_found("job"))?;
        let mut connection = self.store.connection().await.map_err(Error::from)?;
        let found = foreign::fetch(&mut connection, job_id).await.map_err(Error::from)?;
        Ok(found.filter(|job| self.may_see_foreign(person, job)))
    }

    /// A job that the person may know of; any other is not there.
    async fn visible(&self, person: &Principal, job_id: &str) -> Result<Job, Fault> {
        let job_id = job_id.parse().map_err(|_| Fault::not_found("job"))?;
        let mut connection = self.store.connection().await.map_err(Error::from)?;
        job::fetch(&mut connection, job_id)
            .await
            .map_err(Error::from)?
            .filter(|job| self.may_see(person, job))
            .ok_or_else(|| Fault::not_found("job"))
    }
}
