//! A look at an address before anything is stored.

use gwm_proto::cache as pb;
use gwm_rapi::{
    Cell, Client, Credentials, Endpoint, Limits, ProbeOutcome, ProbeRequest, Resource, Trust, probe,
};
use secrecy::SecretString;

use super::Server;
use super::convert::timestamp;
use crate::address::{self, AddressError};
use crate::poll::trust_of;

fn problem(code: &str, text: impl Into<String>) -> pb::Problem {
    pb::Problem { code: code.to_owned(), text: text.into() }
}

/// The word for interfaces, of the RAPI client's.
pub(super) fn word(code: &str) -> &'static str {
    match code {
        "rapi_address" | "rapi_invalid_input" => "bad_address",
        "rapi_dns" => "dns",
        "rapi_refused" | "rapi_unreachable" => "refused",
        "rapi_timed_out" => "timed_out",
        "rapi_not_tls" => "not_tls",
        "rapi_certificate_changed" | "rapi_certificate_invalid" => "certificate_changed",
        "rapi_unauthorized" => "unauthorized",
        "rapi_forbidden" | "rapi_lacks_read" | "rapi_lacks_write" => "forbidden",
        "rapi_too_old" => "too_old",
        "rapi_master_down" | "rapi_busy" => "master_down",
        _ => "not_rapi",
    }
}

fn credentials(c: Option<&pb::Credential>) -> Result<Option<Credentials>, String> {
    let Some(c) = c.filter(|c| !c.username.is_empty()) else { return Ok(None) };
    Credentials::new(c.username.clone(), SecretString::from(c.password.clone()))
        .map(Some)
        .map_err(|e| e.to_string())
}

fn untested(given: Option<&pb::Credential>, why: &str) -> pb::CredentialReport {
    let text = if given.is_some() { why } else { "" };
    pb::CredentialReport { state: "not_tested".to_owned(), text: text.to_owned() }
}

impl Server {
    /// Looks at each endpoint in turn until one answers.
    pub(super) async fn probe(
        &self,
        request: &pb::ProbeClusterRequest,
    ) -> pb::ProbeClusterResponse {
        let mut answer = pb::ProbeClusterResponse::default();
        let why = "confirm the certificate first: a password goes only to a server that is known";
        answer.read = Some(untested(request.read.as_ref(), why));
        answer.write = Some(untested(request.write.as_ref(), why));
        if request.endpoints.is_empty() {
            answer.problems.push(problem("bad_address", "give the host of the cluster's RAPI"));
        }
        for text in request.endpoints.iter().take(8) {
            let problems = std::mem::take(&mut answer.problems);
            if self.probe_one(request, text, &mut answer).await {
                return answer;
            }
            answer.problems.splice(0..0, problems);
        }
        answer
    }

    /// Whether this endpoint answered as a RAPI.
    async fn probe_one(
        &self,
        request: &pb::ProbeClusterRequest,
        text: &str,
        answer: &mut pb::ProbeClusterResponse,
    ) -> bool {
        let endpoint = match Endpoint::parse(text) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                answer.problems.push(problem("bad_address", error.to_string()));
                return false;
            }
        };
        answer.endpoint = endpoint.base_url();
        let address = match address::resolve(&endpoint, self.0.access.allow_loopback).await {
            Ok(address) => address,
            Err(error) => {
                let code = match error {
                    AddressError::Dns(_) => "dns",
                    AddressError::TimedOut(_) => "timed_out",
                    AddressError::Refused { .. } => "bad_address",
                };
                answer.problems.push(problem(code, error.to_string()));
                return false;
            }
        };
        let given = !request.fingerprint.is_empty() || !request.ca_pem.is_empty();
        let trust = match given.then(|| trust_of(&request.fingerprint, &request.ca_pem)) {
            None => None,
            Some(Ok(trust)) => Some(trust),
            Some(Err(error)) => {
                answer.problems.push(problem("certificate_changed", error));
                return false;
            }
        };
        let (read, write) =
            match (credentials(request.read.as_ref()), credentials(request.write.as_ref())) {
                (Ok(read), Ok(write)) => (read, write),
                (Err(error), _) | (_, Err(error)) => {
                    answer.problems.push(problem("unauthorized", error));
                    return false;
                }
            };
        // The very address that was checked, so that a name can't change its mind in between; only
        // an ordinary certificate needs the name.
        let by_name = matches!(trust, Some(Trust::Ca(_)));
        let outcome = probe(&ProbeRequest {
            address: if by_name { endpoint.base_url() } else { format!("https://{address}") },
            trust: trust.clone(),
            read: read.clone(),
            write,
            limits: Limits::default(),
        })
        .await;
        self.report(request, &outcome, answer).await;
        if let (Some(trust), Some(read), Some(endpoint)) = (trust, read, &outcome.endpoint)
            && outcome.cluster.is_some()
            && let Ok(client) = Client::new(endpoint.clone(), &trust, Some(read), Limits::default())
        {
            answer.nodes = size(&client, Resource::Node).await;
            answer.instances = size(&client, Resource::Instance).await;
        }
        outcome.problem.is_none()
    }

    async fn report(
        &self,
        request: &pb::ProbeClusterRequest,
        outcome: &ProbeOutcome,
        answer: &mut pb::ProbeClusterResponse,
    ) {
        if let Some(certificate) = &outcome.certificate {
            answer.fingerprint = certificate.fingerprint.to_string();
            answer.certificate_subject.clone_from(&certificate.subject);
            answer.certificate_not_after = certificate.not_after.map(timestamp);
        }
        answer.ganeti_version = outcome.version.clone().unwrap_or_default();
        if let Some(found) = &outcome.problem {
            answer.problems.push(problem(word(found.code()), found.to_string()));
        }
        for (asked, report, slot) in [
            (&request.read, &outcome.read, &mut answer.read),
            (&request.write, &outcome.write, &mut answer.write),
        ] {
            let Some(report) = report else { continue };
            let (state, text) = match &report.problem {
                None => ("ok", "works".to_owned()),
                Some(found) => {
                    let code = word(found.code());
                    answer.problems.push(problem(code, found.to_string()));
                    let state = match code {
                        "unauthorized" | "forbidden" => code,
                        _ => "not_tested",
                    };
                    (state, found.to_string())
                }
            };
            if asked.is_some() {
                *slot = Some(pb::CredentialReport { state: state.to_owned(), text });
            }
        }
        if let Some(cluster) = &outcome.cluster {
            answer.cluster_uuid = cluster.uuid.to_string();
            answer.cluster_name.clone_from(&cluster.name);
            match self.0.store.fetch_slug_by_ganeti_uuid(cluster.uuid).await {
                Ok(Some(slug)) => answer
                    .problems
                    .push(problem("exists", format!("this cluster is in gwm already, as {slug}"))),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "duplicates can't be looked for"),
            }
        }
    }
}

async fn size(client: &Client, resource: Resource) -> u32 {
    match client.query::<(Cell<String>,)>(resource, &["name"], None).await {
        Ok(rows) => u32::try_from(rows.len()).unwrap_or(u32::MAX),
        Err(error) => {
            tracing::info!(%error, "objects of a probed cluster not counted");
            0
        }
    }
}
