//! `/clusters/{c}/instances/{i}/notes`: what people write down about an instance.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use gwm_proto::cache::{ChangeNotesRequest, Notes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use crate::http::AppState;
use crate::http::model::{some, time};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// Other notes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeNotes {
    /// Plain text, at most 16,384 bytes; empty takes them away.
    pub(crate) text: String,
    /// The `revision` that was read, 0 if there were none: if there is another by now it is 409
    /// `notes_changed`, and nothing changes. Without it whatever is there is replaced.
    #[serde(default)]
    pub(crate) revision: Option<u32>,
}

/// What people wrote down about an instance. Ganeti knows nothing of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotesDocument {
    /// Plain text.
    pub(crate) text: String,
    /// Counts up with each change.
    pub(crate) revision: u32,
    pub(crate) changed_by: Option<String>,
    pub(crate) changed_at: Option<DateTime<Utc>>,
}

impl From<Notes> for NotesDocument {
    fn from(notes: Notes) -> Self {
        Self {
            text: notes.text,
            revision: notes.revision,
            changed_by: some(notes.changed_by),
            changed_at: time(notes.changed_at),
        }
    }
}

/// Writes notes. Whoever sees the instance reads them with it.
#[utoipa::path(post, path = "/clusters/{c}/instances/{i}/notes", tag = "instances",
    params(("c" = String, Path, description = "slug"),
           ("i" = String, Path, description = "name or UUID")),
    request_body = ChangeNotes, responses((status = 200, body = NotesDocument),
    (status = 400, body = ProblemDocument), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(crate) async fn change(
    State(state): State<AppState>,
    person: Person,
    Path((c, i)): Path<(String, String)>,
    Body(body): Body<ChangeNotes>,
) -> Result<Json<NotesDocument>, Problem> {
    Ok(Json(write(&state, &person, c, i, body).await?.into()))
}

/// What page and API share.
pub(crate) async fn write(
    state: &AppState,
    person: &Person,
    cluster: String,
    instance: String,
    body: ChangeNotes,
) -> Result<Notes, Problem> {
    let ChangeNotes { text, revision } = body;
    let request = ChangeNotesRequest { cluster, instance, text, revision };
    Ok(state.clients.notes().change_notes(person.ask(request)).await?.into_inner())
}
