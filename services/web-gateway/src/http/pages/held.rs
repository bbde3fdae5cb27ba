//! What somebody holds, as the pages of users and groups show it.

use std::collections::HashMap;

use chrono::Utc;
use gwm_proto::auth::{Grant, ListGrantsRequest};
use gwm_proto::cache::NameInstancesRequest;
use gwm_proto::common::ObjectRef;

use super::common::{PageError, Viewer, escape};
use super::grants;
use crate::http::AppState;
use crate::http::api::quotas::{Slugs, slugs};
use crate::http::model::time_or_epoch;
use crate::http::views::held::{Held, HeldRow};
use crate::http::views::parts::{Link, When};

/// So many are shown with the names of their objects.
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

/// What is called how, where the viewer sees it.
#[derive(Debug, Default)]
struct Names {
    /// By cluster and UUID.
    instances: HashMap<(String, String), Link>,
    clusters: Slugs,
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
    let shown = &grants[..grants.len().min(MOST_SHOWN)];
    let names = names(state, viewer, shown).await;
    let rows: Vec<HeldRow> = shown.iter().map(|grant| row(&names, persona_id, grant)).collect();
    Ok(Held { more: grants.len().saturating_sub(rows.len()), rows, all: whose.all, give })
}

/// Looks all of them up at once. What can't be is shown by its id.
async fn names(state: &AppState, viewer: &Viewer, grants: &[Grant]) -> Names {
    let objects = || grants.iter().filter_map(|grant| grant.object.as_ref());
    let instances: Vec<ObjectRef> = objects().filter(|o| o.kind == "instance").cloned().collect();
    let instances = async {
        if instances.is_empty() {
            return Vec::new();
        }
        let request = viewer.person.ask(NameInstancesRequest { instances });
        let named = state.clients.find().name_instances(request).await;
        named.map(|named| named.into_inner().instances).unwrap_or_default()
    };
    let clusters = async {
        if !objects().any(|object| object.kind == "cluster") {
            return Slugs::default();
        }
        slugs(state, &viewer.person).await.unwrap_or_default()
    };
    let (instances, clusters) = tokio::join!(instances, clusters);
    let instances = instances.into_iter().map(|named| {
        let href = format!("/clusters/{}/instances/{}", named.cluster, escape(&named.name));
        ((named.cluster_id, named.uuid), Link::new(named.name, href))
    });
    Names { instances: instances.collect(), clusters }
}

/// A right with the name of its object, where the viewer sees that.
fn row(names: &Names, persona_id: &str, grant: &Grant) -> HeldRow {
    let object = grant.object.clone().unwrap_or_default();
    let (kind, object) = match object.kind.as_str() {
        "fleet" => ("", Link::new("everything", "")),
        "node_group" => ("node group", Link::new(grant.selector.clone(), "")),
        "selector" => ("instances with", Link::new(grant.selector.clone(), "")),
        "instance" => {
            let link = names.instances.get(&(object.cluster_id, object.uuid.clone())).cloned();
            ("instance", link.unwrap_or_else(|| Link::new(object.uuid, "")))
        }
        _ => {
            let slug = names.clusters.get(&object.cluster_id);
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
