//! The steps of a probe, in the order in which they can fail.

use http::Method;
use http::header::WWW_AUTHENTICATE;

use super::certificate::CertificateInfo;
use super::look::see_certificate;
use super::problem::Problem;
use super::{OLDEST_VERSION, version_numbers};
use crate::calls::Access;
use crate::client::Client;
use crate::credentials::{Credentials, REALM};
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::limits::Limits;
use crate::model::ClusterInfo;
use crate::transport::{Answer, Call, Timing};
use crate::trust::Trust;

/// What to look at.
#[derive(Clone, Debug)]
pub struct ProbeRequest {
    /// Host or URL.
    pub address: String,
    /// The certificate that a person has confirmed, or a CA. Without it no credentials are used.
    pub trust: Option<Trust>,
    /// The user for reads.
    pub read: Option<Credentials>,
    /// The user for changes.
    pub write: Option<Credentials>,
    /// Bounds of the calls.
    pub limits: Limits,
}

/// What a probe saw. Everything up to the first problem is filled in.
#[derive(Clone, Debug, Default)]
pub struct ProbeOutcome {
    /// The address, completed.
    pub endpoint: Option<Endpoint>,
    /// The certificate that the server shows.
    pub certificate: Option<CertificateInfo>,
    /// Ganeti's version, said by the `Server` header before any login, confirmed by `/2/info` after it.
    pub version: Option<String>,
    /// The cluster; only with working read credentials.
    pub cluster: Option<ClusterInfo>,
    /// What came of the read credentials.
    pub read: Option<CredentialReport>,
    /// What came of the write credentials.
    pub write: Option<CredentialReport>,
    /// What stopped the probe before the credentials; they have their own.
    pub problem: Option<Problem>,
}

/// What came of one user's test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialReport {
    /// The user.
    pub username: String,
    /// What it may do, if it could log in.
    pub access: Option<Access>,
    /// What is wrong with it.
    pub problem: Option<Problem>,
}

impl ProbeOutcome {
    /// The first problem of all, for a summary.
    #[must_use]
    pub fn first_problem(&self) -> Option<&Problem> {
        let of = |report: &'_ Option<CredentialReport>| {
            report.as_ref().and_then(|r| r.problem.clone()).is_some()
        };
        match &self.problem {
            Some(problem) => Some(problem),
            None if of(&self.read) => self.read.as_ref().and_then(|report| report.problem.as_ref()),
            None => self.write.as_ref().and_then(|report| report.problem.as_ref()),
        }
    }
}

/// Looks at a server. Never fails: what went wrong is in the outcome.
pub async fn probe(request: &ProbeRequest) -> ProbeOutcome {
    let mut outcome = ProbeOutcome::default();
    if let Err(problem) = run(request, &mut outcome).await {
        outcome.problem = Some(problem);
    }
    outcome
}

async fn run(request: &ProbeRequest, outcome: &mut ProbeOutcome) -> Result<(), Problem> {
    let endpoint = Endpoint::parse(&request.address)?;
    outcome.endpoint = Some(endpoint.clone());
    let certificate = see_certificate(&endpoint, &request.limits).await?;
    let certificate = CertificateInfo::of(&certificate);
    // From here on the server must go on showing this very certificate, or the one that was confirmed.
    let seen = Trust::Pinned(certificate.fingerprint);
    outcome.certificate = Some(certificate);
    let trust = request.trust.as_ref().filter(|trust| !matches!(trust, Trust::Observe));

    let stranger = Client::new(endpoint.clone(), trust.unwrap_or(&seen), None, request.limits)
        .expect("a client without credentials is always allowed");
    let greeting = greet(&stranger).await?;
    outcome.version = greeting.server().strip_prefix("Ganeti ").map(str::to_owned);
    check_version(outcome.version.as_deref())?;

    let Some(trust) = trust else { return Ok(()) };
    let client = |credentials: &Credentials| {
        Client::new(endpoint.clone(), trust, Some(credentials.clone()), request.limits)
            .expect("this trust is not Observe")
    };
    if let Some(credentials) = &request.read {
        let client = client(credentials);
        let mut report = CredentialReport::of(credentials);
        match client.info().await {
            Ok(info) => {
                if info.software_version.is_some() {
                    outcome.version.clone_from(&info.software_version);
                }
                outcome.cluster = Some(info);
                report.test(&client, Access::Read).await;
            }
            Err(error) => report.problem = Some(error.into()),
        }
        outcome.read = Some(report);
        check_version(outcome.version.as_deref())?;
    }
    if let Some(credentials) = &request.write {
        let mut report = CredentialReport::of(credentials);
        report.test(&client(credentials), Access::Write).await;
        outcome.write = Some(report);
    }
    Ok(())
}

impl CredentialReport {
    fn of(credentials: &Credentials) -> Self {
        Self { username: credentials.username().to_owned(), access: None, problem: None }
    }

    async fn test(&mut self, client: &Client, needed: Access) {
        let username = self.username.clone();
        match client.access().await {
            Ok(access) => {
                self.access = Some(access);
                self.problem = match needed {
                    _ if access >= needed => None,
                    Access::Write => Some(Problem::LacksWrite { username }),
                    Access::Read | Access::Plain => Some(Problem::LacksRead { username }),
                };
            }
            Err(error) => self.problem = Some(error.into()),
        }
    }
}

/// Says hello as nobody: RAPI answers 200 or 401, and either way shows who it is.
async fn greet(client: &Client) -> Result<Answer, Problem> {
    let limits = client.limits();
    let call = Call {
        method: Method::GET,
        path: "/version".to_owned(),
        query: String::new(),
        body: None,
        limit: 64 * 1024,
        timing: Timing { connect: limits.connect, deadline: Deadline::after(limits.read) },
    };
    let answer = client.send(call, true).await?;
    let realm = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let ours = match answer.status.as_u16() {
        200 => answer.body.trim_ascii() == b"2",
        401 => realm.is_some_and(|realm| realm.contains(REALM)),
        _ => false,
    };
    if ours { Ok(answer) } else { Err(Problem::NotRapi) }
}

fn check_version(version: Option<&str>) -> Result<(), Problem> {
    let Some(version) = version else { return Ok(()) };
    match version_numbers(version) {
        Some(numbers) if numbers < OLDEST_VERSION => {
            Err(Problem::TooOld { version: version.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}
