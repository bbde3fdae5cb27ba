//! What somebody holds, as the pages of users and groups show it.

use chrono::Utc;
use futures::future::join_all;
use gwm_proto::auth::{Grant, ListGrantsRequest};
use gwm_proto::cache::{GetClusterRequest, GetObjectRequest};

use super::common::{PageError, Viewer, escape};
use super::grants;
use crate::http::AppState;
use crate::http::model::time_or_epoch;
use crate::http::views::held::{Held, HeldRow};
use crate::http::views::parts::{Link, When};

/// Each is looked up to be shown by name.
const MOST_SHOWN: usize = 50;

/// Whose page it is.
pub(crate) struct Of<'a> {
    /// Id of the user or the group.
    pub(crate) id: &'a str,
    /// As it is typed: a user's name, or `group/NAME`.
    pub(crate) name: &'a str,
    /// The page.
    pub(crate) page: &'a str,
    /// All that it holds, as the API has it.
    pub(crate) all: String,
}

/// What a persona holds; of a user also what comes by groups.
pub(crate) async fn of(
    state: &AppState,
    viewer: &Viewer,
    whose: Of<'_>,
) -> Result<Held, PageError> {
    let persona_id = whose.id;
    let asked = ListGrantsRequest { persona_id: persona_id.to_owned(), ..Default::default() };
    let mut clients = state.clients.grants();
    let (grants, give) = tokio::join!(
        clients.list_grants(viewer.person.ask(asked)),
        grants::give_form(state, viewer, whose.name, whose.page),
    );
    let grants = grants?;
    let grants = grants.into_inner().grants;
    let shown = grants.iter().take(MOST_SHOWN);
    let rows = join_all(shown.map(|grant| row(state, viewer, persona_id, grant))).await;
    Ok(Held { more: grants.len().saturating_sub(rows.len()), rows, all: whose.all, give })
}

/// A right with the name of its object, where the viewer sees that.
async fn row(state: &AppState, viewer: &Viewer, persona_id: &str, grant: &Grant) -> HeldRow {
    let object = grant.object.clone().unwrap_or_default();
    let (kind, object) = match object.kind.as_str() {
        "fleet" => ("", Link::new("everything", "")),
        "node_group" => ("node group", Link::new(grant.selector.clone(), "")),
        "selector" => ("instances with", Link::new(grant.selector.clone(), "")),
        "instance" => {
            let ask = GetObjectRequest { cluster: object.cluster_id, object: object.uuid.clone() };
            let found = state.clients.inventory().get_instance(viewer.person.ask(ask)).await;
            let found = found.ok().and_then(|detail| detail.into_inner().instance);
            let link = found.map(|i| {
                let href = format!("/clusters/{}/instances/{}", i.cluster, escape(&i.name));
                Link::new(i.name, href)
            });
            ("instance", link.unwrap_or_else(|| Link::new(object.uuid, "")))
        }
        _ => {
            let ask = GetClusterRequest { cluster: object.cluster_id };
            let found = state.clients.clusters().get_cluster(viewer.person.ask(ask)).await;
            let slug = found.ok().map(|cluster| cluster.into_inner().slug);
            let link = slug.map(|slug| Link::new(slug.clone(), format!("/clusters/{slug}")));
            ("cluster", link.unwrap_or_else(|| Link::new("that you don’t see", "")))
        }
    };
    let by_group = grant.persona_id != persona_id;
    HeldRow {
        role: grant.role.clone(),
        kind,
        object,
        by: by_group.then(|| {
            Link::new(&grant.persona_name, format!("/groups/{}", escape(&grant.persona_name)))
        }),
        created: When::new(time_or_epoch(grant.created_at), Utc::now()),
    }
}
