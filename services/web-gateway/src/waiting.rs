//! Requests that job-runner could not take: they wait in JetStream until it can (DESIGN.md rule 13).

use std::time::Duration;

use gwm_authz::Principal;
use gwm_events::{Nats, Outgoing, REQUESTS};
use gwm_kernel::{ErrorCode, Fault, current_request_id, current_traceparent};
use gwm_proto::cache::{GetClusterRequest, GetObjectRequest};
use gwm_proto::common::ObjectRef;
use gwm_proto::jobs::{Job, Step, SubmitJobRequest, WaitingRequest};
use gwm_types::{ObjectName, Slug, UserId};
use moka::sync::Cache;
use prost::Message;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clients::Clients;
use crate::http::person::Person;

/// How long the acknowledgement is waited for. Together with the try that failed it is less than what
/// every assertion in use is still good for.
const PATIENCE: Duration = Duration::from_secs(3);
/// job-runner does nothing that waited for longer.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);

/// Where requests are left, and those that this replica left there.
#[derive(Debug)]
pub(crate) struct Waiting {
    nats: Nats,
    left: Cache<String, (UserId, Job)>,
}

impl Waiting {
    pub(crate) fn new(nats: Nats) -> Self {
        let left = Cache::builder().max_capacity(10_000).time_to_live(KNOWN_FOR).build();
        Self { nats, left }
    }

    /// Leaves a request for job-runner, which answered `fault`, and says what will become of it; or
    /// answers that fault, if it is none that passes or nobody takes the request down.
    pub(crate) async fn leave(
        &self,
        clients: &Clients,
        person: &Person,
        request: SubmitJobRequest,
        fault: Fault,
    ) -> Result<Job, Fault> {
        // Without auth nobody knows what the person may: that is refused, not put off.
        if !fault.code.retryable() || fault.reason == "auth_unavailable" {
            return Err(fault);
        }
        check(&request)?;
        let meant = match meant(clients, person, &request).await {
            Ok(meant) => meant,
            // Nobody knows what is meant: then it can't be done later either.
            Err(other) if other.code.retryable() => return Err(fault),
            Err(other) => return Err(other),
        };
        let person = &person.0;
        let job = job(person, &request, meant.clone());
        let waiting = WaitingRequest {
            request: Some(request),
            assertion: person.signed.assertion.clone(),
            signature: person.signed.signature.clone(),
            request_id: current_request_id().unwrap_or_default(),
            meant: Some(meant),
        };
        let message = Outgoing {
            subject: REQUESTS.to_owned(),
            message_id: job.job_id.clone(),
            payload: waiting.encode_to_vec().into(),
            traceparent: current_traceparent(),
        };
        if let Err(error) = gwm_events::send(&self.nats, message, PATIENCE).await {
            tracing::warn!(%error, "a request could not be left for job-runner");
            return Err(fault);
        }
        metrics::counter!("gwm_gateway_requests_left_total").increment(1);
        self.left.insert(job.job_id.clone(), (person.user_id, job.clone()));
        Ok(job)
    }

    /// A request that this person left here, as long as job-runner answers with `fault` that it does not
    /// know of it or can't be asked.
    pub(crate) fn known(&self, person: &Principal, job_id: &str, fault: &Fault) -> Option<Job> {
        let unknown = fault.code == ErrorCode::NotFound || fault.code.retryable();
        let (user, job) = self.left.get(job_id).filter(|_| unknown)?;
        (user == person.user_id).then_some(job)
    }
}

/// The id of the job that a request becomes. With an idempotency key it is made out of person, key and
/// request: the same request has the same one, whoever is asked and whoever is away.
pub(crate) fn job_id(person: &Principal, request: &SubmitJobRequest) -> String {
    if request.idempotency_key.is_empty() {
        return Uuid::now_v7().to_string();
    }
    let mut hash = Sha256::new();
    hash.update(person.user_id.0);
    if let Some(group) = &person.acting_as {
        hash.update(group.group_id);
    }
    // The map of parameters is ordered, so equal requests have equal bytes.
    hash.update(request.encode_to_vec());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// What the request's names mean now (DESIGN.md rule 5): the name may be another object's by the time the
/// request is looked at.
async fn meant(
    clients: &Clients,
    person: &Person,
    request: &SubmitJobRequest,
) -> Result<ObjectRef, Fault> {
    let kind = "instance".to_owned();
    if request.kind == "create" {
        let asked = person.ask(GetClusterRequest { cluster: request.cluster.clone() });
        let found = clients.clusters().get_cluster(asked).await;
        let found = found.map_err(|status| Fault::from_status(&status))?.into_inner();
        return Ok(ObjectRef { kind, cluster_id: found.cluster_id, uuid: String::new() });
    }
    let asked = person.ask(GetObjectRequest {
        cluster: request.cluster.clone(),
        object: request.instance.clone(),
    });
    let found = clients.inventory().get_instance(asked).await;
    let found = found.map_err(|status| Fault::from_status(&status))?.into_inner();
    let instance = found.instance.unwrap_or_default();
    Ok(ObjectRef { kind, cluster_id: instance.cluster_id, uuid: instance.uuid })
}

/// Names that nothing can have are refused at once.
fn check(request: &SubmitJobRequest) -> Result<(), Fault> {
    if request.cluster.parse::<Slug>().is_err() {
        return Err(Fault::not_found("cluster"));
    }
    match request.instance.parse::<ObjectName>() {
        Ok(_) => Ok(()),
        Err(error) if request.kind == "create" => {
            Err(Fault::invalid("instance", error.to_string()))
        }
        Err(_) => Err(Fault::not_found("instance")),
    }
}

/// The job as it is until job-runner takes the request up.
fn job(person: &Principal, request: &SubmitJobRequest, meant: ObjectRef) -> Job {
    let step = Step { name: request.kind.clone(), state: "pending".to_owned(), ..Step::default() };
    Job {
        job_id: request.job_id.clone(),
        kind: request.kind.clone(),
        cluster: request.cluster.clone(),
        object: Some(meant),
        object_name: request.instance.clone(),
        state: "queued".to_owned(),
        steps: vec![step],
        requested_by: person.username.clone(),
        requested_by_id: person.user_id.to_string(),
        acting_as: person.group().unwrap_or_default(),
        created_at: Some(std::time::SystemTime::now().into()),
        waiting_for: "the job service, which is away".to_owned(),
        ..Job::default()
    }
}

#[cfg(test)]
mod tests {
    use gwm_authz::SignedAssertion;

    use super::*;

    fn person() -> Principal {
        Principal {
            user_id: UserId::generate(),
            username: "jane".to_owned(),
            session_id: None,
            token_id: None,
            acting_as: None,
            client_address: String::new(),
            restricted: false,
            issued_at: 0,
            signed: SignedAssertion::default(),
            expires_at: 0,
        }
    }

    fn request(key: &str, instance: &str) -> SubmitJobRequest {
        SubmitJobRequest {
            kind: "startup".to_owned(),
            cluster: "fra1".to_owned(),
            instance: instance.to_owned(),
            idempotency_key: key.to_owned(),
            ..SubmitJobRequest::default()
        }
    }

    #[test]
    fn a_key_makes_one_id_for_one_request_of_one_person() {
        let (jane, joe) = (person(), person());
        let id = |person, key, instance| job_id(person, &request(key, instance));
        assert_eq!(id(&jane, "k", "web1"), id(&jane, "k", "web1"));
        assert_ne!(id(&jane, "k", "web1"), id(&jane, "k", "web2"));
        assert_ne!(id(&jane, "k", "web1"), id(&joe, "k", "web1"));
        assert_ne!(id(&jane, "", "web1"), id(&jane, "", "web1"), "no key: each is its own");
    }

    #[test]
    fn names_that_nothing_can_have_do_not_wait() {
        assert!(check(&request("", "web1.example.com")).is_ok());
        for bad in ["", "../x", "a b"] {
            assert_eq!(check(&request("", bad)).unwrap_err().code, ErrorCode::NotFound);
        }
        let other = SubmitJobRequest { cluster: "FRA.1".to_owned(), ..request("", "web1") };
        assert_eq!(check(&other).unwrap_err().code, ErrorCode::NotFound);
    }
}
