//! `/clusters/{c}/edit`: endpoints, certificate, credentials, consoles of a cluster.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum_extra::extract::{Form, Query};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::{
    ConsoleSettings, Credential, GetClusterRequest, ProbeClusterRequest, UpdateClusterRequest,
};
use serde::Deserialize;

use super::add_cluster::OPENSSL;
use super::common::{self, Page, PageError, Viewer, sentence};
use super::login::see_other;
use crate::http::AppState;
use crate::http::api::owner_tags;
use crate::http::model::{ClusterDocument, cluster};
use crate::http::problem::Problem;
use crate::http::views::clusters::{ClusterEditPage, OwnerTagsNow, SeenCertificate};
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::parts::{Code, Link};
use crate::http::views::shell::Section;

/// The form as typed; an empty password keeps the stored one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EditForm {
    config_version: String,
    endpoints: String,
    fingerprint: String,
    /// Sent alone, by the button beside a new certificate: its fingerprint.
    pin: String,
    ca: String,
    read_username: String,
    read_password: String,
    write_username: String,
    write_password: String,
    console_enabled: String,
    vnc_password: String,
    remove_vnc_password: String,
    poll_interval_seconds: String,
    read_only: String,
    owner_tags: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Look {
    look: String,
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
    Query(look): Query<Look>,
) -> Page {
    let found = fetch(&state, &viewer, c).await?;
    let changed = found.health.error_code.as_deref() == Some("rapi_certificate_changed");
    let action = format!("/clusters/{}/edit", found.slug);
    let typed = viewer.typed.as_ref().and_then(|typed| typed.form::<EditForm>(&action));
    // A pin comes alone.
    let form = typed.filter(|form| form.pin.is_empty()).unwrap_or_else(|| stored(&found));
    let mut page = draw(&state, &viewer, &found, form, FormErrors::default()).await;
    if changed || !look.look.is_empty() {
        page.seen = Some(seen(&state, &viewer, &found).await?);
    }
    common::ok(&page)
}

async fn fetch(state: &AppState, viewer: &Viewer, c: String) -> Result<ClusterDocument, PageError> {
    let request = viewer.person.ask(GetClusterRequest { cluster: c });
    let found = cluster(state.clients.clusters().get_cluster(request).await?.into_inner());
    if viewer.admin {
        return Ok(found);
    }
    let why = "only administrators change a cluster's settings; ask one of them";
    Err(Fault::new(ErrorCode::PermissionDenied, "permission_denied", why).into())
}

fn stored(found: &ClusterDocument) -> EditForm {
    EditForm {
        config_version: found.config_version.clone(),
        endpoints: found.endpoints.join("\n"),
        fingerprint: found.fingerprint.clone().unwrap_or_default(),
        read_username: found.read_username.clone().unwrap_or_default(),
        write_username: found.write_username.clone().unwrap_or_default(),
        console_enabled: if found.console.enabled { "true".to_owned() } else { String::new() },
        poll_interval_seconds: match found.poll_interval_seconds {
            0 => String::new(),
            seconds => seconds.to_string(),
        },
        read_only: if found.held_read_only { "true".to_owned() } else { String::new() },
        owner_tags: found.owner_tags.clone().unwrap_or_default(),
        ..EditForm::default()
    }
}

async fn draw(
    state: &AppState,
    viewer: &Viewer,
    found: &ClusterDocument,
    form: EditForm,
    errors: FormErrors,
) -> ClusterEditPage {
    let crumbs = vec![
        Link::new("Clusters", "/clusters"),
        Link::new(&found.slug, format!("/clusters/{}", found.slug)),
        Link::new("Settings", ""),
    ];
    let title = format!("Settings of {}", found.slug);
    let (shell, tags) = tokio::join!(
        common::shell(state, viewer, Section::Clusters, &title, crumbs),
        owner_tags::of(state, &viewer.person, found.slug.clone()),
    );
    ClusterEditPage {
        shell,
        errors,
        slug: found.slug.clone(),
        config_version: form.config_version,
        endpoints: form.endpoints,
        pinned: found.fingerprint.clone().unwrap_or_default(),
        fingerprint: form.fingerprint,
        ca: form.ca,
        read_username: form.read_username,
        write_username: form.write_username,
        console_enabled: !form.console_enabled.is_empty(),
        has_vnc_password: found.console.has_vnc_password,
        remove_vnc_password: !form.remove_vnc_password.is_empty(),
        poll_interval_seconds: form.poll_interval_seconds,
        read_only: !form.read_only.is_empty(),
        owner_tags: form.owner_tags,
        // Without it the rest can be changed all the same.
        tags: tags.ok().map(|tags| OwnerTagsNow {
            prefix: tags.prefix,
            owned: tags.owned,
            tagged: tags.tagged,
            to_do: tags.to_do,
            held_up: tags.held_up.unwrap_or_default(),
        }),
        seen: None,
        openssl: Code { what: "the openssl command", text: OPENSSL.to_owned() },
    }
}

/// The certificate that is shown there now; nobody's password is sent for it.
async fn seen(
    state: &AppState,
    viewer: &Viewer,
    found: &ClusterDocument,
) -> Result<SeenCertificate, PageError> {
    let mut request = viewer.person.ask(ProbeClusterRequest {
        endpoints: found.endpoints.clone(),
        ..ProbeClusterRequest::default()
    });
    request.set_timeout(std::time::Duration::from_secs(45));
    let answer = state.clients.clusters().probe_cluster(request).await?.into_inner();
    let why = answer.problems.first().map(|p| sentence(&p.text)).unwrap_or_default();
    Ok(SeenCertificate {
        same: found.fingerprint.as_deref() == Some(answer.fingerprint.as_str()),
        why: if answer.fingerprint.is_empty() { why } else { String::new() },
        endpoint: answer.endpoint,
        subject: answer.certificate_subject,
        fingerprint: answer.fingerprint,
    })
}

pub(crate) async fn save(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(c): Path<String>,
    Form(form): Form<EditForm>,
) -> Page {
    let found = fetch(&state, &viewer, c).await?;
    let saved = async {
        let mut request = viewer.person.ask(changes(&found, &form)?);
        request.set_timeout(std::time::Duration::from_secs(60));
        let answer = state.clients.clusters().update_cluster(request).await;
        answer.map_err(|status| Fault::from_status(&status))
    };
    match saved.await {
        Ok(_) => Ok(see_other(&format!("/clusters/{}", found.slug)).into_response()),
        Err(fault) if fault.code == ErrorCode::Unauthenticated => Err(fault.into()),
        Err(fault) => {
            let errors = FormErrors(vec![field_error(&fault)]);
            // A pin comes alone: the rest of the page is what is stored.
            let form = if form.pin.is_empty() { form } else { stored(&found) };
            let mut page = draw(&state, &viewer, &found, form, errors).await;
            if fault.reason == "rapi_certificate_changed" {
                page.seen = Some(seen(&state, &viewer, &found).await?);
            }
            Ok(common::render(Problem::status(&fault), &page))
        }
    }
}

/// What differs from what is stored; the rest stays as it is.
fn changes(found: &ClusterDocument, form: &EditForm) -> Result<UpdateClusterRequest, Fault> {
    if !form.pin.is_empty() {
        return Ok(UpdateClusterRequest {
            cluster: found.slug.clone(),
            fingerprint: form.pin.clone(),
            config_version: form.config_version.clone(),
            ..UpdateClusterRequest::default()
        });
    }
    let endpoints: Vec<String> = form.endpoints.split_whitespace().map(ToOwned::to_owned).collect();
    if endpoints.is_empty() {
        return Err(Fault::invalid("endpoints", "give at least one endpoint"));
    }
    let pinned = found.fingerprint.clone().unwrap_or_default();
    let fingerprint = form.fingerprint.trim();
    let ca = form.ca.trim();
    if ca.is_empty() && fingerprint.is_empty() && !pinned.is_empty() {
        let text = "give the fingerprint to pin, or a CA to trust instead";
        return Err(Fault::invalid("fingerprint", text));
    }
    let read = credential("read", &form.read_username, &form.read_password, &found.read_username)?;
    let removes = form.write_username.trim().is_empty() && found.write_username.is_some();
    let write = if form.write_username.trim().is_empty() {
        None
    } else {
        credential("write", &form.write_username, &form.write_password, &found.write_username)?
    };
    let seconds = match form.poll_interval_seconds.trim() {
        "" => 0,
        typed => typed.parse().map_err(|_| {
            let text = "give a number of seconds, or leave it empty";
            Fault::invalid("poll_interval_seconds", text)
        })?,
    };
    let held = !form.read_only.is_empty();
    Ok(UpdateClusterRequest {
        cluster: found.slug.clone(),
        endpoints: if endpoints == found.endpoints { Vec::new() } else { endpoints },
        read,
        write,
        remove_write: removes,
        // With a CA typed, the pinned fingerprint still in its field means nothing.
        fingerprint: if fingerprint == pinned || !ca.is_empty() {
            String::new()
        } else {
            fingerprint.to_owned()
        },
        ca_pem: ca.to_owned(),
        console: Some(ConsoleSettings {
            enabled: !form.console_enabled.is_empty(),
            vnc_password: form.vnc_password.clone(),
            remove_vnc_password: !form.remove_vnc_password.is_empty(),
        }),
        config_version: form.config_version.clone(),
        paused: None,
        read_only: (held != found.held_read_only).then_some(held),
        poll_interval_seconds: (seconds != found.poll_interval_seconds).then_some(seconds),
        owner_tags: if found.owner_tags.as_deref() == Some(form.owner_tags.as_str()) {
            String::new()
        } else {
            form.owner_tags.clone()
        },
    })
}

/// A credential, if anything of it was changed.
fn credential(
    role: &str,
    username: &str,
    password: &str,
    stored: &Option<String>,
) -> Result<Option<Credential>, Fault> {
    let username = username.trim();
    if username.is_empty() {
        return Err(Fault::invalid(&format!("{role}_username"), "give a user name"));
    }
    match (password.is_empty(), stored.as_deref() == Some(username)) {
        (true, true) => Ok(None),
        (true, false) => {
            let text = format!("give the password of {username}");
            Err(Fault::invalid(&format!("{role}_password"), text))
        }
        (false, _) => {
            Ok(Some(Credential { username: username.to_owned(), password: password.to_owned() }))
        }
    }
}

fn field_error(fault: &Fault) -> FieldError {
    let field = match fault.field.as_deref().unwrap_or_default() {
        "read" => "read_password",
        "write" => "write_password",
        named if named.starts_with("console") => "vnc_password",
        named => named,
    };
    FieldError { field: field.to_owned(), message: sentence(&fault.message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> ClusterDocument {
        cluster(gwm_proto::cache::Cluster {
            slug: "fra1".to_owned(),
            endpoints: vec!["https://fra1:5080".to_owned()],
            read_username: "reader".to_owned(),
            write_username: "writer".to_owned(),
            fingerprint: "AA:BB".to_owned(),
            config_version: "7".to_owned(),
            owner_tags: "write".to_owned(),
            ..Default::default()
        })
    }

    #[test]
    fn what_was_not_touched_is_not_sent() {
        let request = changes(&found(), &stored(&found())).unwrap();
        let nothing = UpdateClusterRequest {
            cluster: "fra1".to_owned(),
            config_version: "7".to_owned(),
            console: Some(ConsoleSettings::default()),
            ..Default::default()
        };
        assert_eq!(request, nothing);
    }

    #[test]
    fn another_user_needs_a_password_and_none_means_read_only() {
        let mut form = stored(&found());
        "other".clone_into(&mut form.read_username);
        assert_eq!(changes(&found(), &form).unwrap_err().field.as_deref(), Some("read_password"));
        let mut form = stored(&found());
        form.write_username.clear();
        let request = changes(&found(), &form).unwrap();
        assert!(request.remove_write && request.write.is_none());
    }

    #[test]
    fn what_becomes_of_owner_tags_is_sent_when_it_was_changed() {
        let mut form = stored(&found());
        "remove".clone_into(&mut form.owner_tags);
        assert_eq!(changes(&found(), &form).unwrap().owner_tags, "remove");
    }

    #[test]
    fn a_ca_takes_the_place_of_the_fingerprint_and_nothing_is_no_choice() {
        let mut form = stored(&found());
        "-----BEGIN".clone_into(&mut form.ca);
        let request = changes(&found(), &form).unwrap();
        assert!(request.fingerprint.is_empty() && request.ca_pem == "-----BEGIN");
        let mut form = stored(&found());
        form.fingerprint.clear();
        assert_eq!(changes(&found(), &form).unwrap_err().field.as_deref(), Some("fingerprint"));
    }

    #[test]
    fn a_certificate_is_pinned_and_nothing_else_is_touched() {
        let form = EditForm { pin: "CC:DD".to_owned(), ..EditForm::default() };
        let request = changes(&found(), &form).unwrap();
        let pin = UpdateClusterRequest {
            cluster: "fra1".to_owned(),
            fingerprint: "CC:DD".to_owned(),
            ..Default::default()
        };
        assert_eq!(request, pin);
    }
}
