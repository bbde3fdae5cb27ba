//! What jobs reserve when they begin, and settle when they end.

use std::time::Duration;

use gwm_proto::auth::ownership_server::Ownership;
use gwm_proto::auth::{
    ListReservationsRequest, ListReservationsResponse, ReleaseRequest, ReleaseResponse,
    ReleasedJob, Reservation, ReserveRequest, ReserveResponse, SettleRequest, SettleResponse,
    Sizes,
};
use gwm_types::{ClusterId, InstanceUuid, JobId, Object, UserId};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::Rpcs;
use crate::app::{self, AskedBy, Ended, Outcome, Over, Wanted};
use crate::domain::parse_object;
use crate::error::{Error, Result};
use crate::store::commit;
use crate::store::reservation::{self, Sizes as Taken};

const LONGEST_NAME: usize = 300;
const MOST_JOBS: usize = 1000;

#[async_trait]
impl Ownership for Rpcs {
    async fn settle(
        &self,
        request: Request<SettleRequest>,
    ) -> Result<Response<SettleResponse>, Status> {
        let request = request.into_inner();
        let name = request.instance_name;
        if name.len() > LONGEST_NAME {
            return Err(Error::invalid(
                "instance_name",
                format!("a name has at most {LONGEST_NAME} characters"),
            )
            .into());
        }
        let job: JobId =
            request.job_id.parse().map_err(|e| Error::invalid("job_id", format!("{e}")))?;
        let outcome = match request.outcome.as_str() {
            "created" => Outcome::Created,
            "removed" => Outcome::Removed,
            _ => return Err(Error::invalid("outcome", "must be created or removed").into()),
        };
        let object = parse_object(request.instance.as_ref())
            .map_err(|why| Error::invalid("instance", why))?;
        let Object::Instance(cluster, instance) = object else {
            return Err(Error::invalid("instance", "only instances are settled").into());
        };
        let asked_by = match request.user_id.as_str() {
            "" => None,
            text => Some(asked_by(text, &request.acting_as_id)?),
        };
        let sizes = request.sizes.as_ref().map(sizes).transpose()?;
        let ended = Ended { job, outcome, cluster, instance, asked_by, name, sizes };
        app::settle(&self.store, ended).await?;
        Ok(Response::new(SettleResponse {}))
    }

    async fn reserve(
        &self,
        request: Request<ReserveRequest>,
    ) -> Result<Response<ReserveResponse>, Status> {
        let request = request.into_inner();
        if request.instance_name.len() > LONGEST_NAME || request.cluster.len() > LONGEST_NAME {
            let text = format!("a name has at most {LONGEST_NAME} characters");
            return Err(Error::invalid("instance_name", text).into());
        }
        let instance = match request.instance_uuid.as_str() {
            "" => None,
            text => Some(InstanceUuid(id("instance_uuid", text)?)),
        };
        let wanted = Wanted {
            job: JobId(id("job_id", &request.job_id)?),
            attempt: id("attempt", &request.attempt)?,
            asked_by: asked_by(&request.user_id, &request.acting_as_id)?,
            cluster: ClusterId(id("cluster_id", &request.cluster_id)?),
            slug: request.cluster,
            name: request.instance_name,
            instance,
            target: request.target.as_ref().map(sizes).transpose()?,
            never_refused: request.never_refused,
        };
        app::reserve(&self.store, &wanted).await?;
        Ok(Response::new(ReserveResponse {}))
    }

    async fn release(
        &self,
        request: Request<ReleaseRequest>,
    ) -> Result<Response<ReleaseResponse>, Status> {
        let jobs = request.into_inner().jobs;
        if jobs.len() > MOST_JOBS {
            return Err(Error::invalid("jobs", format!("at most {MOST_JOBS} at once")).into());
        }
        let over: Vec<Over> = jobs.iter().map(over).collect::<Result<_>>()?;
        app::release_jobs(&self.store, &over).await?;
        Ok(Response::new(ReleaseResponse {}))
    }

    async fn list_reservations(
        &self,
        request: Request<ListReservationsRequest>,
    ) -> Result<Response<ListReservationsResponse>, Status> {
        let request = request.into_inner();
        let after = match request.after_job_id.as_str() {
            "" => None,
            text => Some(id("after_job_id", text)?),
        };
        let age = Duration::from_secs(request.older_than_seconds.into());
        let mut tx = self.store.begin().await?;
        let most = i64::try_from(MOST_JOBS).unwrap_or(i64::MAX);
        let rows = reservation::list(&mut tx, age, after, most).await?;
        commit(tx).await?;
        let shown = |(job, attempt): (Uuid, Uuid)| Reservation {
            job_id: job.to_string(),
            attempt: attempt.to_string(),
        };
        let reservations = rows.into_iter().map(shown).collect();
        Ok(Response::new(ListReservationsResponse { reservations }))
    }
}

fn id(field: &'static str, text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| Error::invalid(field, "is no UUID"))
}

fn asked_by(user: &str, group: &str) -> Result<AskedBy> {
    let user: Result<UserId, _> = user.parse();
    let user = user.map_err(|e| Error::invalid("user_id", format!("{e}")))?;
    let group = match group {
        "" => None,
        text => Some(text.parse().map_err(|_| Error::invalid("acting_as_id", "is no group's id"))?),
    };
    Ok(AskedBy { user, group })
}

/// What an instance takes, bounded so that sums of them stay numbers.
pub(crate) fn sizes(message: &Sizes) -> Result<Taken> {
    let amount = |value: u64| {
        let most = 1_u64 << 40;
        if value > most {
            return Err(Error::invalid("sizes", format!("an amount is at most {most}")));
        }
        i64::try_from(value).map_err(|_| Error::invalid("sizes", "too large"))
    };
    Ok(Taken {
        memory_mib: amount(message.memory_mib)?,
        vcpus: amount(message.vcpus)?,
        disk_mib: amount(message.disk_mib)?,
        admin_up: message.admin_up,
        revision: i64::try_from(message.revision).unwrap_or(i64::MAX),
    })
}

fn over(job: &ReleasedJob) -> Result<Over> {
    let now = match &job.now {
        None => None,
        Some(now) => {
            let key =
                (id("cluster_id", &job.cluster_id)?, id("instance_uuid", &job.instance_uuid)?);
            Some((key, sizes(now)?))
        }
    };
    let attempt = match job.attempt.as_str() {
        "" => None,
        text => Some(id("attempt", text)?),
    };
    Ok(Over { job: id("job_id", &job.job_id)?, attempt, now })
}
