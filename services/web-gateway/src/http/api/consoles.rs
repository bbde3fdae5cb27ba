//! `/consoles`: a ticket for the screen of an instance.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::CreateTicketRequest;
use gwm_proto::cache::Instance;
use gwm_proto::common::ObjectRef;
use gwm_types::{Object, Permission};
use http::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use super::instances::detail;
use crate::http::AppState;
use crate::http::edge;
use crate::http::model::time_or_epoch;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// Which screen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenConsole {
    /// Slug.
    cluster: String,
    /// Name or UUID.
    instance: String,
    /// `vnc`.
    kind: String,
}

/// How to open it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConsolePass {
    /// Offer the sub-protocols `binary` and `gwm.ticket.<ticket>`.
    websocket_url: String,
    /// Good for one use.
    ticket: String,
    /// Until then it must be used.
    expires_at: DateTime<Utc>,
}

/// Makes a ticket for a console.
#[utoipa::path(post, path = "/consoles", tag = "consoles", request_body = OpenConsole, responses(
    (status = 201, body = ConsolePass), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn open(
    State(state): State<AppState>,
    person: Person,
    headers: HeaderMap,
    uri: Uri,
    Body(body): Body<OpenConsole>,
) -> Result<(StatusCode, Json<ConsolePass>), Problem> {
    if body.kind != "vnc" {
        return Err(Fault::invalid("kind", "the only kind of console is \"vnc\"").into());
    }
    let detail = detail(&state, &person, body.cluster, body.instance).await?;
    let console = detail.console.unwrap_or_default();
    let instance = detail.instance.unwrap_or_default();
    // Who may not open it is refused by auth, on record, whatever state it is in.
    if may_open(&state, &person, &instance)
        && (!console.kinds.contains(&body.kind) || !console.problem.is_empty())
    {
        let why = if console.problem.is_empty() {
            "this instance has no VNC console".to_owned()
        } else {
            console.problem
        };
        return Err(Fault::new(ErrorCode::Conflict, "console_unavailable", why).into());
    }
    let request = person.ask(CreateTicketRequest {
        instance: Some(ObjectRef {
            kind: "instance".to_owned(),
            cluster_id: instance.cluster_id,
            uuid: instance.uuid,
        }),
        kind: body.kind,
    });
    let ticket = state.clients.tickets().create_ticket(request).await?.into_inner();
    let host = edge::host(&headers, &uri).unwrap_or_default();
    let pass = ConsolePass {
        websocket_url: format!("{}/console", edge::console_origin(&state.http.console_url, host)),
        ticket: ticket.ticket,
        expires_at: time_or_epoch(ticket.expires_at),
    };
    Ok((StatusCode::CREATED, Json(pass)))
}

fn may_open(state: &AppState, person: &Person, instance: &Instance) -> bool {
    let ids = instance.cluster_id.parse().ok().zip(instance.uuid.parse().ok());
    ids.is_some_and(|(cluster, uuid)| {
        state.authz.allows(&person.0, Permission::Console, Object::Instance(cluster, uuid))
    })
}
