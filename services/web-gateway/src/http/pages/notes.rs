//! `/clusters/{c}/instances/{i}/notes`: changing what is written down about an instance.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use chrono::Utc;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::{Instance, Notes};
use gwm_types::Permission;
use http::StatusCode;
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, escape, sentence};
use super::instances::object;
use super::login::see_other;
use crate::http::AppState;
use crate::http::api::instances::detail;
use crate::http::api::notes::{ChangeNotes, write};
use crate::http::model::time;
use crate::http::problem::Problem;
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::instances::{InstanceNotes, InstanceNotesPage};
use crate::http::views::parts::{Link, When};
use crate::http::views::shell::Section;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NotesForm {
    text: String,
    revision: String,
}

/// Notes as pages show them; none: there is nothing to read.
pub(crate) fn shown(notes: Option<Notes>) -> Option<InstanceNotes> {
    let notes = notes.filter(|n| !n.text.is_empty())?;
    Some(InstanceNotes {
        text: notes.text,
        by: notes.changed_by,
        changed: time(notes.changed_at).map(|at| When::new(at, Utc::now())),
    })
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((c, i)): Path<(String, String)>,
) -> Page {
    let (instance, notes) = own(&state, &viewer, c, i).await?;
    let action = format!("/clusters/{}/instances/{}/notes", instance.cluster, instance.name);
    let typed = viewer.typed.as_ref().and_then(|typed| typed.form::<NotesForm>(&action));
    let form = typed.unwrap_or_else(|| form_of(notes.as_ref()));
    common::ok(&draw(&state, &viewer, instance, form, None, FormErrors::default()).await)
}

/// The form that changes what is there now.
fn form_of(notes: Option<&Notes>) -> NotesForm {
    NotesForm {
        text: notes.map(|n| n.text.clone()).unwrap_or_default(),
        revision: notes.map_or(0, |n| n.revision).to_string(),
    }
}

/// The instance and its notes, for those who may change it.
async fn own(
    state: &AppState,
    viewer: &Viewer,
    cluster: String,
    instance: String,
) -> Result<(Instance, Option<Notes>), PageError> {
    let found = detail(state, &viewer.person, cluster, instance).await?;
    let instance = found.instance.unwrap_or_default();
    state.authz.require(&viewer.person.0, Permission::Modify, object(&instance))?;
    Ok((instance, found.notes))
}

async fn draw(
    state: &AppState,
    viewer: &Viewer,
    instance: Instance,
    form: NotesForm,
    theirs: Option<InstanceNotes>,
    errors: FormErrors,
) -> InstanceNotesPage {
    let href = format!("/clusters/{}/instances/{}", instance.cluster, escape(&instance.name));
    let crumbs = vec![
        Link::new("Instances", "/instances"),
        Link::new(&instance.name, href),
        Link::new("Notes", ""),
    ];
    let title = format!("Notes on {}", instance.name);
    InstanceNotesPage {
        shell: common::shell(state, viewer, Section::Instances, &title, crumbs).await,
        cluster: instance.cluster,
        name: instance.name,
        text: form.text,
        revision: form.revision,
        theirs,
        errors,
    }
}

pub(crate) async fn save(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((c, i)): Path<(String, String)>,
    Form(mut form): Form<NotesForm>,
) -> Page {
    let body = ChangeNotes { text: form.text.clone(), revision: form.revision.parse().ok() };
    let href = format!("/clusters/{c}/instances/{}", escape(&i));
    let fault = match write(&state, &viewer.person, c.clone(), i.clone(), body).await {
        Ok(_) => return Ok(see_other(&href).into_response()),
        Err(Problem(fault)) => fault,
    };
    let overtaken = fault.reason == "notes_changed";
    if fault.code != ErrorCode::InvalidArgument && !overtaken {
        return Err(fault.into());
    }
    let (instance, notes) = own(&state, &viewer, c, i).await?;
    let mut theirs = None;
    if overtaken {
        // What was typed stays; sent once more it replaces what is shown beside it.
        form.revision = form_of(notes.as_ref()).revision;
        theirs = shown(notes);
    }
    let status = if overtaken { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
    let page = draw(&state, &viewer, instance, form, theirs, wrong(&fault, overtaken)).await;
    Ok(common::render(status, &page))
}

fn wrong(fault: &Fault, overtaken: bool) -> FormErrors {
    let message = if overtaken {
        let by = fault.message.split(" has changed").next().unwrap_or("Somebody");
        format!("{by} has changed them meanwhile. Save once more to replace what stands below.")
    } else {
        sentence(&fault.message)
    };
    FormErrors(vec![FieldError { field: "text".to_owned(), message }])
}
