//! Requests that waited: web-gateway left them in JetStream while nobody here answered.
//!
//! The person was known when they asked, by auth's assertion; what they may is what they may now. A
//! request that can't be accepted any more becomes a job that failed, so that the person finds out.

use chrono::TimeDelta;
use gwm_authz::{Mode, Principal, SignedAssertion};
use gwm_events::Received;
use gwm_kernel::{ErrorCode, Fault, current_request_id, current_traceparent};
use gwm_proto::common::ObjectRef;
use gwm_proto::jobs::{SubmitJobRequest, WaitingRequest};
use gwm_types::{JobId, Object, Slug};
use prost::Message;

use super::JobsServer;
use super::submit::{Asked, decode, hash};
use crate::clients::{ClusterState, Target};
use crate::domain::{Failure, Kind};
use crate::error::Error;
use crate::store::{commit, job};

/// What is older is not done: who asked has long looked for another way.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);
const CHANGED: &str =
    "this was asked for while the job service was away, and looked at when it was back";

/// Why a request was not dealt with.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// web-gateway never sends such a thing.
    Bad(String),
    /// Something was in the way.
    Now(Fault),
}

impl From<Error> for NotTaken {
    fn from(error: Error) -> Self {
        Self::Now(error.into())
    }
}

/// As much as it takes to say what became of a request.
struct Named {
    job_id: JobId,
    kind: Kind,
    cluster: Slug,
    instance: String,
    key: bool,
    hash: Vec<u8>,
}

impl JobsServer {
    /// Makes a job of a request that waited, once, however often it is delivered.
    pub(crate) async fn take_up(&self, message: &Received) -> Result<(), NotTaken> {
        let bad = |error: &dyn std::fmt::Display| NotTaken::Bad(error.to_string());
        let waited = WaitingRequest::decode(message.payload.clone()).map_err(|e| bad(&e))?;
        let request = waited.request.unwrap_or_default();
        let Some(meant) = waited.meant else {
            return Err(NotTaken::Bad("it does not say which object is meant".to_owned()));
        };
        self.authz.fresh(Mode::Write).map_err(NotTaken::Now)?;
        let signed = SignedAssertion { assertion: waited.assertion, signature: waited.signature };
        let asked_at = message.published_at;
        let person = self.authz.principal_at(&signed, asked_at.timestamp()).map_err(|e| bad(&e))?;
        let named = named(&person, &request).map_err(|why| bad(&why))?;
        if self.is_done(&person, &named, message).await? {
            return Ok(());
        }
        let outcome = if chrono::Utc::now() - asked_at > LONGEST_WAIT {
            Err(Error::Expired.into())
        } else {
            self.accept_waited(&person, request, &meant).await
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(fault) if passes(&fault) => Err(NotTaken::Now(fault)),
            Err(fault) => self.refuse(&person, &named, fault).await,
        }
    }

    /// Whether this very message had its effect already. An id that was made out of a key may also be that
    /// of the same request on an earlier day.
    async fn is_done(
        &self,
        person: &Principal,
        named: &Named,
        message: &Received,
    ) -> Result<bool, NotTaken> {
        let mut connection = self.store.connection().await.map_err(Error::from)?;
        let found = job::fetch(&mut connection, named.job_id).await.map_err(Error::from)?;
        let Some(found) = found else { return Ok(false) };
        let same = job::is_same(&mut connection, &found, person.user_id, &named.hash).await;
        if !same.map_err(Error::from)? {
            return Err(NotTaken::Bad(Error::IdTaken.to_string()));
        }
        Ok(!named.key || found.created_at + LONGEST_WAIT > message.published_at)
    }

    async fn accept_waited(
        &self,
        person: &Principal,
        request: SubmitJobRequest,
        meant: &ObjectRef,
    ) -> Result<(), Fault> {
        if !self.authz.still_a_person(person) {
            return Err(Error::NoPerson(person.username.clone()).into());
        }
        self.authz.require_persona(person)?;
        let asked = decode(person, request)?;
        if self.again(person, &asked).await?.is_some() {
            return Ok(());
        }
        let (cluster, target) = self.resolve_now(person, &asked).await?;
        let uuid = target.as_ref().map(|t| t.uuid.to_string()).unwrap_or_default();
        if (cluster.cluster_id.to_string(), uuid) != (meant.cluster_id.clone(), meant.uuid.clone())
        {
            let text = "it bears the name of what was meant, but is another object";
            return Err(Fault::new(ErrorCode::FailedPrecondition, "object_replaced", text));
        }
        self.accept(person, &asked, &cluster, target.as_ref()).await?;
        Ok(())
    }

    /// What the names mean now, if the person may do that to it now. The assertion has expired, so
    /// cache-updater is asked without it.
    async fn resolve_now(
        &self,
        person: &Principal,
        asked: &Asked,
    ) -> Result<(ClusterState, Option<Target>), Fault> {
        if asked.kind == Kind::Create {
            let (cluster, _) = self.cache.resolve(&asked.cluster, "").await?;
            self.require_create(person, &cluster, asked)?;
            return Ok((cluster, None));
        }
        let (cluster, target) = self.cache.resolve(&asked.cluster, &asked.instance).await?;
        if !self.authz.sees(person, Object::Cluster(cluster.cluster_id)) {
            return Err(Fault::not_found("cluster"));
        }
        let target = target.ok_or_else(|| Fault::not_found("instance"))?;
        let object = Object::Instance(cluster.cluster_id, target.uuid);
        self.authz.require(person, asked.kind.needs(), object)?;
        Ok((cluster, Some(target)))
    }

    async fn refuse(
        &self,
        person: &Principal,
        named: &Named,
        fault: Fault,
    ) -> Result<(), NotTaken> {
        tracing::info!(job_id = %named.job_id, reason = %fault.reason, "a request that waited failed");
        let refused = job::Refused {
            job_id: named.job_id,
            request_hash: &named.hash,
            cluster: &named.cluster,
            kind: named.kind,
            object_name: &named.instance,
            person,
            request_id: current_request_id(),
            traceparent: current_traceparent(),
            failure: Failure::new(&fault.reason, fault.message, CHANGED),
        };
        let mut tx = self.store.begin().await.map_err(Error::from)?;
        job::insert_refused(&mut tx, &refused).await.map_err(Error::from)?;
        commit(tx).await.map_err(Error::from)?;
        Ok(())
    }
}

/// Whether trying again can help.
fn passes(fault: &Fault) -> bool {
    fault.code.retryable()
        || fault.code == ErrorCode::Internal
        || fault.reason == "idempotency_in_progress"
}

fn named(person: &Principal, request: &SubmitJobRequest) -> Result<Named, String> {
    let mut rest = request.clone();
    let (key, job_id) =
        (std::mem::take(&mut rest.idempotency_key), std::mem::take(&mut rest.job_id));
    Ok(Named {
        job_id: job_id.parse().map_err(|_| "the job's id is no UUID".to_owned())?,
        kind: request.kind.parse()?,
        cluster: request.cluster.parse().map_err(|_| "the cluster is no short name".to_owned())?,
        instance: request.instance.clone(),
        key: !key.is_empty(),
        hash: hash(person, &rest),
    })
}
