//! `/clusters/{c}/instances/{i}/console`.

use axum::extract::{Path, State};

use super::common::{self, Page, Viewer, sentence};
use crate::http::AppState;
use crate::http::api::instances::detail;
use crate::http::views::console::ConsolePage;
use crate::http::views::parts::{Notice, Status, Tone};

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path((c, i)): Path<(String, String)>,
) -> Page {
    let found = detail(&state, &viewer.person, c, i).await?;
    let instance = found.instance.unwrap_or_default();
    let console = found.console.unwrap_or_default();
    let problem = if !found.permissions.iter().any(|p| p == "console") {
        let todo = "Ask an administrator for the permission “console” on this instance.";
        Some(Notice::new(Tone::Warn, "You may not open this console", todo))
    } else if !console.problem.is_empty() {
        Some(Notice::new(Tone::Warn, "This console does not open", sentence(&console.problem)))
    } else if console.kinds.is_empty() {
        let why = "Its hypervisor offers none that a browser can show.";
        Some(Notice::new(Tone::Warn, "This instance has no console", why))
    } else {
        None
    };
    let page = ConsolePage {
        back: format!("/clusters/{}/instances/{}", instance.cluster, instance.name),
        cluster: instance.cluster,
        instance: instance.name,
        uuid: instance.uuid,
        status: Status::instance(&instance.status),
        problem,
    };
    common::ok(&page)
}
