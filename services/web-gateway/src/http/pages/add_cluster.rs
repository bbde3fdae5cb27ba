//! `/clusters/add`: from a host name to an imported inventory.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum_extra::extract::Form;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::{Credential, GetClusterRequest, ProbeClusterRequest, ProbeClusterResponse};
use http::StatusCode;
use md5::{Digest, Md5};
use rand::distr::{Alphanumeric, SampleString};
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, sentence};
use super::login::see_other;
use crate::http::AppState;
use crate::http::api::clusters::{AddCluster, ConsoleBody, CredentialBody, add_cluster};
use crate::http::model::{cluster, time};
use crate::http::problem::Problem;
use crate::http::views::clusters::{
    ClusterAddPage, ClusterAddedPage, CredentialReport, PasteLines, ProbeResult,
};
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::parts::{Code, Link, Mark, Notice, Status, Tone};
use crate::http::views::shell::Section;

const REALM: &str = "Ganeti Remote API";
pub(super) const OPENSSL: &str =
    "openssl x509 -in /var/lib/ganeti/rapi.pem -noout -fingerprint -sha256";

/// The form as typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AddForm {
    /// `probe`, `test`, `add`; `again` when it comes back without its passwords.
    step: String,
    host: String,
    fingerprint: String,
    slug: String,
    read_username: String,
    read_password: String,
    write_username: String,
    write_password: String,
    console_enabled: String,
    vnc_password: String,
}

pub(crate) async fn page(State(state): State<AppState>, viewer: Viewer) -> Page {
    only_admins(&viewer)?;
    let typed = viewer.typed.as_ref().and_then(|t| t.form::<AddForm>("/clusters/add"));
    match typed {
        Some(form) if !form.host.is_empty() && form.step != "probe" => {
            let form = AddForm { step: "again".to_owned(), ..form };
            common::ok(&probed(&state, &viewer, form).await?)
        }
        form => common::ok(&empty(&state, &viewer, form.unwrap_or_default()).await),
    }
}

fn only_admins(viewer: &Viewer) -> Result<(), PageError> {
    if viewer.admin {
        return Ok(());
    }
    let why = "only administrators add clusters; ask one of them";
    Err(Fault::new(ErrorCode::PermissionDenied, "permission_denied", why).into())
}

async fn empty(state: &AppState, viewer: &Viewer, form: AddForm) -> ClusterAddPage {
    let crumbs = vec![Link::new("Clusters", "/clusters"), Link::new("Add", "")];
    let shell = common::shell(state, viewer, Section::Clusters, "Add a cluster", crumbs).await;
    ClusterAddPage {
        shell,
        errors: FormErrors::default(),
        host: form.host,
        slug: form.slug,
        read_username: form.read_username,
        write_username: form.write_username,
        read_password: form.read_password,
        write_password: form.write_password,
        vnc_password: form.vnc_password,
        console_enabled: form.step.is_empty()
            || form.step == "probe"
            || !form.console_enabled.is_empty(),
        probe: None,
        failure: None,
        paste: None,
        ready: false,
    }
}

pub(crate) async fn step(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(mut form): Form<AddForm>,
) -> Page {
    only_admins(&viewer)?;
    form.host = form.host.trim().to_owned();
    if form.host.is_empty() {
        let mut page = empty(&state, &viewer, form).await;
        page.errors = wrong("host", "Give the host name of the cluster's master.");
        return Ok(common::render(StatusCode::BAD_REQUEST, &page));
    }
    if form.step == "add" {
        let added = add(&state, &viewer, &form).await;
        match added {
            Ok(slug) => {
                return Ok(see_other(&format!("/clusters/{slug}/added")).into_response());
            }
            Err(Problem(fault)) if fault.code == ErrorCode::Unauthenticated => {
                return Err(fault.into());
            }
            Err(Problem(fault)) => {
                let mut page = probed(&state, &viewer, form).await?;
                page.errors = FormErrors(vec![field_error(&fault)]);
                return Ok(common::render(Problem::status(&fault), &page));
            }
        }
    }
    if form.step == "probe" {
        // A new look: what was confirmed for another host counts no more.
        form.fingerprint.clear();
    }
    common::ok(&probed(&state, &viewer, form).await?)
}

/// The page after a look at the cluster.
async fn probed(
    state: &AppState,
    viewer: &Viewer,
    mut form: AddForm,
) -> Result<ClusterAddPage, PageError> {
    let found = probe(state, viewer, &form).await?;
    if let Some(problem) = found.problems.iter().find(|_| found.fingerprint.is_empty()) {
        let failure = Notice::new(Tone::Bad, problem_title(&problem.code), sentence(&problem.text));
        let mut page = empty(state, viewer, form).await;
        page.failure = Some(failure);
        return Ok(page);
    }
    propose(&mut form, &found);
    let mut page = empty(state, viewer, form.clone()).await;
    let tested = found.read.is_some() || found.write.is_some();
    let works = |r: &Option<gwm_proto::cache::CredentialReport>| {
        r.as_ref().is_none_or(|r| matches!(r.state.as_str(), "ok" | "not_tested"))
    };
    let read_works = found.read.as_ref().is_some_and(|r| r.state == "ok");
    page.ready = tested && read_works && works(&found.write) && found.problems.is_empty();
    page.failure = found
        .problems
        .iter()
        .find(|p| !matches!(p.code.as_str(), "unauthorized" | "forbidden"))
        .map(|p| Notice::new(Tone::Bad, problem_title(&p.code), sentence(&p.text)));
    page.paste = Some(PasteLines {
        openssl: Code { what: "the openssl command", text: OPENSSL.to_owned() },
        users: Code { what: "the lines for the users file", text: users_lines(&form) },
    });
    page.probe = Some(result(found));
    Ok(page)
}

async fn probe(
    state: &AppState,
    viewer: &Viewer,
    form: &AddForm,
) -> Result<ProbeClusterResponse, PageError> {
    let confirmed = !form.fingerprint.is_empty();
    let credential = |username: &str, password: &str| {
        (confirmed && !username.trim().is_empty() && !password.is_empty()).then(|| Credential {
            username: username.trim().to_owned(),
            password: password.to_owned(),
        })
    };
    let mut request = viewer.person.ask(ProbeClusterRequest {
        endpoints: vec![form.host.clone()],
        read: credential(&form.read_username, &form.read_password),
        write: credential(&form.write_username, &form.write_password),
        fingerprint: form.fingerprint.clone(),
        ca_pem: String::new(),
    });
    request.set_timeout(std::time::Duration::from_secs(45));
    Ok(state.clients.clusters().probe_cluster(request).await?.into_inner())
}

/// Fills what nobody typed yet: user names, passwords, a short name.
fn propose(form: &mut AddForm, found: &ProbeClusterResponse) {
    let mut rng = rand::rng();
    let put = |slot: &mut String, value: String| {
        if slot.is_empty() {
            *slot = value;
        }
    };
    let untouched = form.fingerprint.is_empty();
    put(&mut form.read_username, "gwm-read".to_owned());
    put(&mut form.read_password, Alphanumeric.sample_string(&mut rng, 24));
    // Left empty on purpose later on: then gwm only looks.
    if untouched {
        put(&mut form.write_username, "gwm-write".to_owned());
    }
    if untouched || (form.step == "again" && !form.write_username.is_empty()) {
        put(&mut form.write_password, Alphanumeric.sample_string(&mut rng, 24));
    }
    let name = if found.cluster_name.is_empty() { &form.host } else { &found.cluster_name };
    let name = name.trim_start_matches("https://");
    let short: String = name
        .split(['.', ':', '/'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')
        .take(40)
        .collect();
    let numeric = short.chars().all(|c| c.is_ascii_digit());
    // An address says nothing about the cluster; its name does, once gwm may read it.
    put(&mut form.slug, if numeric { "cluster-1".to_owned() } else { short });
}

/// Lines for `/var/lib/ganeti/rapi/users`; the passwords only as Ganeti's own kind of hash.
fn users_lines(form: &AddForm) -> String {
    let line = |user: &str, password: &str, options: &str| {
        let hash = hex::encode(Md5::digest(format!("{user}:{REALM}:{password}")));
        format!("{user} {{HA1}}{hash} {options}")
    };
    let mut lines = vec![line(form.read_username.trim(), &form.read_password, "read")];
    if !form.write_username.trim().is_empty() && form.write_username != form.read_username {
        lines.push(line(form.write_username.trim(), &form.write_password, "read,write"));
    }
    lines.join("\n")
}

fn result(found: ProbeClusterResponse) -> ProbeResult {
    let until = time(found.certificate_not_after)
        .map(|at| format!(", valid until {}", at.format("%Y-%m-%d")))
        .unwrap_or_default();
    let report = |role, report: Option<gwm_proto::cache::CredentialReport>| {
        report.filter(|r| r.state != "not_tested").map(|r| CredentialReport {
            role,
            status: match r.state.as_str() {
                "ok" => Status::new(Mark::Ok, "works", ""),
                _ => Status::new(Mark::Bad, "refused", ""),
            },
            text: r.text,
        })
    };
    ProbeResult {
        endpoint: found.endpoint,
        ganeti_version: found.ganeti_version,
        cluster_name: found.cluster_name,
        certificate: format!("{}{until}", found.certificate_subject),
        fingerprint: found.fingerprint,
        credentials: report("read", found.read)
            .into_iter()
            .chain(report("write", found.write))
            .collect(),
        nodes: found.nodes.into(),
        instances: found.instances.into(),
    }
}

fn problem_title(code: &str) -> &'static str {
    match code {
        "dns" => "This name does not resolve",
        "refused" => "Nothing listens there",
        "timed_out" => "It does not answer in time",
        "not_tls" => "It answers, but not with TLS",
        "not_rapi" => "It answers, but it is not Ganeti’s Remote API",
        "unauthorized" => "The user or password is not known there",
        "forbidden" => "A user lacks a right",
        "too_old" => "This Ganeti is too old",
        "master_down" => "Ganeti’s master daemon does not answer",
        "certificate_changed" => "Its certificate is another one now",
        "exists" => "This cluster is in gwm already",
        "bad_address" => "This address can’t be used",
        _ => "The cluster can’t be added like this",
    }
}

async fn add(state: &AppState, viewer: &Viewer, form: &AddForm) -> Result<String, Problem> {
    let credential = |username: &str, password: &str| CredentialBody {
        username: username.trim().to_owned(),
        password: password.to_owned(),
    };
    let writes = !form.write_username.trim().is_empty();
    let body = AddCluster {
        slug: form.slug.trim().to_owned(),
        endpoints: vec![form.host.clone()],
        read: credential(&form.read_username, &form.read_password),
        write: writes.then(|| credential(&form.write_username, &form.write_password)),
        fingerprint: Some(form.fingerprint.clone()).filter(|f| !f.is_empty()),
        ca: None,
        console: ConsoleBody {
            enabled: Some(!form.console_enabled.is_empty()),
            vnc_password: Some(form.vnc_password.clone()).filter(|p| !p.is_empty()),
            ..ConsoleBody::default()
        },
    };
    Ok(add_cluster(state, &viewer.person, body).await?.slug)
}

fn field_error(fault: &Fault) -> FieldError {
    let named = fault.field.as_deref().unwrap_or_default();
    let field = match named {
        "slug" => "slug",
        "endpoints" | "endpoint" => "host",
        _ if named.starts_with("read") => "read_password",
        _ if named.starts_with("write") => "write_password",
        _ if named.starts_with("console") => "vnc_password",
        _ => "",
    };
    FieldError { field: field.to_owned(), message: sentence(&fault.message) }
}

fn wrong(field: &str, message: &str) -> FormErrors {
    FormErrors(vec![FieldError { field: field.to_owned(), message: message.to_owned() }])
}

pub(crate) async fn added(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
) -> Page {
    let request = viewer.person.ask(GetClusterRequest { cluster: c });
    let found = cluster(state.clients.clusters().get_cluster(request).await?.into_inner());
    let crumbs = vec![Link::new("Clusters", "/clusters"), Link::new(&found.slug, "")];
    let shell = common::shell(&state, &viewer, Section::Clusters, &found.slug, crumbs).await;
    let page = ClusterAddedPage {
        shell,
        imported: found.health.last_success.is_some(),
        nodes: found.nodes_total.into(),
        instances: found.instances_total.into(),
        error: found.health.error.as_deref().map(sentence).unwrap_or_default(),
        slug: found.slug,
    };
    common::ok(&page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_file_gets_hashes_and_never_passwords() {
        let form = AddForm {
            read_username: "gwm-read".to_owned(),
            read_password: "secret".to_owned(),
            write_username: "gwm-write".to_owned(),
            write_password: "other".to_owned(),
            ..Default::default()
        };
        let lines = users_lines(&form);
        assert!(!lines.contains("secret") && !lines.contains("other"));
        // printf '%s' 'gwm-read:Ganeti Remote API:secret' | md5sum
        assert!(lines.starts_with("gwm-read {HA1}"), "{lines}");
        assert!(lines.ends_with(" read,write"));
        assert_eq!(lines.lines().count(), 2);
    }
}
