//! `/hooks/{c}`, where Ganeti's hooks knock, and their tokens.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::{
    GetHookRequest, KnockRequest, MakeHookTokenRequest, WithdrawHookTokenRequest,
};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract;
use crate::http::AppState;
use crate::http::model::time;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A knock is three short words.
const LARGEST_KNOCK: usize = 4 << 10;
/// Longer than any token and name.
const LONGEST_HEADER: usize = 256;

/// The script that knocks, as it is in deploy/hooks.
const SCRIPT: &str = include_str!("../../../../../deploy/hooks/gwm-knock");

/// What a hook says: look at this. What happened gwm reads from Ganeti.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct Knock {
    /// Ganeti's `GANETI_OP_CODE`.
    op_code: String,
    /// Ganeti's `GANETI_OBJECT_TYPE`, such as `INSTANCE`.
    object_type: String,
    /// The instance's or node's name; empty: the whole cluster is looked at.
    object_name: String,
}

/// A hook of Ganeti's knocks, with the cluster's own token as the bearer; no session. The object is read
/// soon. A wrong token and an unknown cluster are refused alike.
#[utoipa::path(post, path = "/hooks/{c}", tag = "hooks", request_body = Knock,
    params(("c" = String, Path, description = "slug")), responses(
    (status = 204, description = "heard"), (status = 400, body = ProblemDocument),
    (status = 401, body = ProblemDocument), (status = 503, body = ProblemDocument)))]
pub(crate) async fn knock(
    State(state): State<AppState>,
    Path(c): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<StatusCode, Problem> {
    // Before the body: who has no token gets no further.
    let bearer = extract::header(&headers, header::AUTHORIZATION.as_str(), LONGEST_HEADER)?;
    let token = bearer.as_deref().and_then(|text| text.strip_prefix("Bearer "));
    let Some(token) = token else {
        let text = "a hook sends its cluster's token: Authorization: Bearer …";
        return Err(Fault::new(ErrorCode::Unauthenticated, "unauthenticated", text).into());
    };
    let body = axum::body::to_bytes(request.into_body(), LARGEST_KNOCK).await.map_err(|_| {
        let text = "a knock has at most 4096 bytes";
        Fault::new(ErrorCode::InvalidArgument, "too_large", text)
    })?;
    let knock: Knock =
        serde_json::from_slice(&body).map_err(|error| Fault::invalid("", error.to_string()))?;
    let mut ask = tonic::Request::new(KnockRequest {
        cluster: c,
        token: token.to_owned(),
        object_type: knock.object_type,
        object_name: knock.object_name,
        op_code: knock.op_code,
    });
    // The hook has gone long before.
    ask.set_timeout(std::time::Duration::from_secs(2));
    state.clients.watch().knock(ask).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token that hooks knock with, and how to install them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HookTokenDocument {
    /// Shown once.
    pub(crate) token: String,
    pub(crate) made_at: Option<DateTime<Utc>>,
    /// To be pasted on the master.
    pub(crate) install: String,
}

/// Makes the token that hooks of this cluster knock with; the one before is worth nothing from now on.
#[utoipa::path(post, path = "/clusters/{c}/hook-token", tag = "hooks",
    params(("c" = String, Path, description = "slug")), responses(
    (status = 201, body = HookTokenDocument), (status = 403, body = ProblemDocument)))]
pub(crate) async fn make_token(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
) -> Result<(StatusCode, Json<HookTokenDocument>), Problem> {
    Ok((StatusCode::CREATED, Json(make(&state, &person, c).await?)))
}

/// What page and API share.
pub(crate) async fn make(
    state: &AppState,
    person: &Person,
    c: String,
) -> Result<HookTokenDocument, Problem> {
    let request = person.ask(MakeHookTokenRequest { cluster: c.clone() });
    let made = state.clients.watch().make_hook_token(request).await?.into_inner();
    let install = install_lines(&state.http.public_url, &c, &made.token);
    Ok(HookTokenDocument { token: made.token, made_at: time(made.made_at), install })
}

/// From now on no hook of this cluster is heard.
#[utoipa::path(delete, path = "/clusters/{c}/hook-token", tag = "hooks",
    params(("c" = String, Path, description = "slug")), responses(
    (status = 204), (status = 403, body = ProblemDocument)))]
pub(crate) async fn withdraw_token(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
) -> Result<StatusCode, Problem> {
    withdraw(&state, &person, c).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What page and API share.
pub(crate) async fn withdraw(state: &AppState, person: &Person, c: String) -> Result<(), Problem> {
    let request = person.ask(WithdrawHookTokenRequest { cluster: c });
    state.clients.watch().withdraw_hook_token(request).await?;
    Ok(())
}

/// The hook of a cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HookDocument {
    /// Since when hooks have a token; null: they have none.
    pub(crate) token_made_at: Option<DateTime<Utc>>,
    /// The last knock; null: none since a replica began to read the cluster.
    pub(crate) last_knock: Option<DateTime<Utc>>,
    /// Objects that are read next, because a hook or a Ganeti job named them.
    pub(crate) waiting: u32,
    /// When Ganeti's job list was last read.
    pub(crate) job_list_read_at: Option<DateTime<Utc>>,
}

/// Whether hooks have a token, and when one knocked.
#[utoipa::path(get, path = "/clusters/{c}/hook", tag = "hooks",
    params(("c" = String, Path, description = "slug")), responses(
    (status = 200, body = HookDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn hook(
    State(state): State<AppState>,
    person: Person,
    Path(c): Path<String>,
) -> Result<Json<HookDocument>, Problem> {
    Ok(Json(hook_of(&state, &person, c).await?))
}

/// What page and API share.
pub(crate) async fn hook_of(
    state: &AppState,
    person: &Person,
    c: String,
) -> Result<HookDocument, Problem> {
    let request = person.ask(GetHookRequest { cluster: c });
    let hook = state.clients.watch().get_hook(request).await?.into_inner();
    Ok(HookDocument {
        token_made_at: time(hook.token_made_at),
        last_knock: time(hook.last_knock),
        waiting: hook.waiting,
        job_list_read_at: time(hook.job_list_read_at),
    })
}

/// `GET /hooks/gwm-knock`: the script, for `curl` on the master. It holds no secret.
pub(crate) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/x-python; charset=utf-8")], SCRIPT).into_response()
}

/// Lines for the master. The token is written by printf, which is part of the shell: it is in no argument
/// list that others could see.
pub(crate) fn install_lines(public_url: &str, slug: &str, token: &str) -> String {
    let url = public_url.trim_end_matches('/');
    format!(
        r#"curl -fsSo /etc/ganeti/gwm-knock {url}/hooks/gwm-knock && chmod 755 /etc/ganeti/gwm-knock
(umask 077; printf '%s\n' '{{"url": "{url}/api/v1/hooks/{slug}", "token": "{token}"}}' > /etc/ganeti/gwm-knock.json)
gnt-cluster copyfile /etc/ganeti/gwm-knock
gnt-cluster copyfile /etc/ganeti/gwm-knock.json
gnt-cluster command 'cd /etc/ganeti && chmod 600 gwm-knock.json && for hook in {HOOKS}; do mkdir -p hooks/$hook-post.d && ln -sf /etc/ganeti/gwm-knock hooks/$hook-post.d/gwm-knock; done'
"#
    )
}

/// Ganeti's names of what changes something that gwm shows.
const HOOKS: &str = "instance-add instance-remove instance-rename instance-start instance-stop \
     instance-reboot instance-modify instance-migrate instance-failover instance-move \
     instance-reinstall instance-recreate-disks instance-change-group disk-grow mirrors-replace \
     node-add node-modify node-remove node-migrate group-add group-modify group-remove group-rename \
     network-add network-modify network-remove network-connect network-disconnect cluster-modify \
     cluster-rename";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_name_this_gwm_and_this_cluster() {
        let lines = install_lines("https://gwm.example.com/", "fra1", "gwmhook_x");
        assert!(lines.contains("https://gwm.example.com/hooks/gwm-knock"));
        assert!(lines.contains(
            r#"{"url": "https://gwm.example.com/api/v1/hooks/fra1", "token": "gwmhook_x"}"#
        ));
        assert!(lines.contains("instance-stop"));
    }
}
