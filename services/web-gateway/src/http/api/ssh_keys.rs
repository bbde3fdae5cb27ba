//! `/me/ssh-keys`, `/users/{id}/ssh-keys`: public SSH keys of people; and those of who may log in, as a file for
//! installation scripts.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use gwm_kernel::ErrorCode;
use gwm_proto::auth::{
    AddSshKeyRequest, ExportSshKeysRequest, ListSshKeysRequest, RemoveSshKeyRequest,
    SshKey as WireKey,
};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Body, Params};
use super::grants::{self, Named, Where};
use crate::http::AppState;
use crate::http::model::time_or_epoch;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A public SSH key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SshKeyDocument {
    pub(crate) id: String,
    pub(crate) name: String,
    /// As OpenSSH names it: `ssh-ed25519`.
    pub(crate) algorithm: String,
    /// As `ssh-keygen -l` shows it.
    pub(crate) fingerprint: String,
    /// Algorithm and key, as in `authorized_keys`, without a comment.
    pub(crate) public_key: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// All keys of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SshKeyList {
    items: Vec<SshKeyDocument>,
}

/// A key to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddSshKey {
    /// Absent: the key's comment.
    #[serde(default)]
    pub(crate) name: String,
    /// One line, as in a `.pub` file.
    pub(crate) public_key: String,
}

/// Whose keys belong into the file.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExportQuery {
    /// Also those of administrators to whom nothing on it was given.
    administrators: bool,
}

impl From<WireKey> for SshKeyDocument {
    fn from(key: WireKey) -> Self {
        Self {
            id: key.key_id,
            name: key.name,
            algorithm: key.algorithm,
            fingerprint: key.fingerprint,
            public_key: key.public_key,
            created_at: time_or_epoch(key.created_at),
        }
    }
}

/// Those of a user (empty: of who asks), oldest first.
pub(crate) async fn read(
    state: &AppState,
    person: &Person,
    user: &str,
) -> Result<Vec<SshKeyDocument>, Problem> {
    let request = person.ask(ListSshKeysRequest { user: user.to_owned() });
    let keys = state.clients.ssh_keys().list_ssh_keys(request).await?.into_inner().keys;
    Ok(keys.into_iter().map(Into::into).collect())
}

/// One's own public SSH keys.
#[utoipa::path(get, path = "/me/ssh-keys", tag = "me", responses((status = 200, body = SshKeyList)))]
pub(crate) async fn own(
    State(state): State<AppState>,
    person: Person,
) -> Result<Json<SshKeyList>, Problem> {
    Ok(Json(SshKeyList { items: read(&state, &person, "").await? }))
}

/// Puts a public SSH key on one's own account. Installation scripts put it on machines whose console one may open.
#[utoipa::path(post, path = "/me/ssh-keys", tag = "me", request_body = AddSshKey, responses(
    (status = 201, body = SshKeyDocument), (status = 400, body = ProblemDocument),
    (status = 409, body = ProblemDocument)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    person: Person,
    Body(body): Body<AddSshKey>,
) -> Result<(StatusCode, Json<SshKeyDocument>), Problem> {
    let request = AddSshKeyRequest { name: body.name, public_key: body.public_key };
    let key = state.clients.ssh_keys().add_ssh_key(person.ask(request)).await?.into_inner();
    Ok((StatusCode::CREATED, Json(key.into())))
}

/// Takes one of one's own keys away. Machines that have it keep it.
#[utoipa::path(delete, path = "/me/ssh-keys/{id}", tag = "me", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    person: Person,
    Path(key_id): Path<String>,
) -> Result<StatusCode, Problem> {
    let request = RemoveSshKeyRequest { user: String::new(), key_id };
    state.clients.ssh_keys().remove_ssh_key(person.ask(request)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A user's public SSH keys. For administrators, and of oneself.
#[utoipa::path(get, path = "/users/{id}/ssh-keys", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = SshKeyList), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument)))]
pub(crate) async fn of_user(
    State(state): State<AppState>,
    person: Person,
    Path(user): Path<String>,
) -> Result<Json<SshKeyList>, Problem> {
    Ok(Json(SshKeyList { items: read(&state, &person, &user).await? }))
}

/// Takes a key of a user's away. For administrators; nobody can add one to another one's account.
#[utoipa::path(delete, path = "/users/{id}/ssh-keys/{key}", tag = "users",
    params(("id" = String, Path), ("key" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn remove_of_user(
    State(state): State<AppState>,
    person: Person,
    Path((user, key_id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let request = RemoveSshKeyRequest { user, key_id };
    state.clients.ssh_keys().remove_ssh_key(person.ask(request)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The keys of those who may open the console of an instance, as an `authorized_keys` file. Needs `read_keys` on it.
/// While it is being made also of the persona who makes it, by the name under which it was asked for; before it is in the
/// inventory that needs `read_keys` on the cluster.
#[utoipa::path(get, path = "/clusters/{cluster}/instances/{instance}/authorized-keys", tag = "instances",
    params(("cluster" = String, Path), ("instance" = String, Path, description = "name or UUID"), ExportQuery),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument)))]
pub(crate) async fn of_instance(
    State(state): State<AppState>,
    person: Person,
    Path((cluster, instance)): Path<(String, String)>,
    Params(query): Params<ExportQuery>,
) -> Result<([(header::HeaderName, &'static str); 1], String), Problem> {
    export(&state, &person, &cluster, Some(&instance), query).await
}

/// The keys of those who may open every console of a cluster, as an `authorized_keys` file. Needs `read_keys` on it.
#[utoipa::path(get, path = "/clusters/{cluster}/authorized-keys", tag = "clusters",
    params(("cluster" = String, Path), ExportQuery),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument)))]
pub(crate) async fn of_cluster(
    State(state): State<AppState>,
    person: Person,
    Path(cluster): Path<String>,
    Params(query): Params<ExportQuery>,
) -> Result<([(header::HeaderName, &'static str); 1], String), Problem> {
    export(&state, &person, &cluster, None, query).await
}

async fn export(
    state: &AppState,
    person: &Person,
    cluster: &str,
    instance: Option<&str>,
    query: ExportQuery,
) -> Result<([(header::HeaderName, &'static str); 1], String), Problem> {
    let wanted = Where { cluster, instance, ..Where::default() };
    let named = match (grants::object(state, person, wanted).await, instance) {
        // A script may ask while the instance is being made, before the inventory has it.
        (Err(Problem(fault)), Some(instance)) if fault.code == ErrorCode::NotFound => {
            let whole = Where { instance: None, ..wanted };
            Named { name: instance.to_owned(), ..grants::object(state, person, whole).await? }
        }
        (found, _) => found?,
    };
    let request = ExportSshKeysRequest {
        object: Some(named.object),
        administrators: query.administrators,
        instance_name: named.name,
    };
    let keys =
        state.clients.ssh_keys().export_ssh_keys(person.ask(request)).await?.into_inner().keys;
    // The comment says whose it is, and by whom it was put there.
    let lines = keys.into_iter().map(|key| format!("{} {} (gwm)\n", key.public_key, key.username));
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], lines.collect()))
}
