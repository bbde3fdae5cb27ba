//! `/instances`.

use axum::extract::{RawQuery, State};
use axum_extra::extract::Query;
use chrono::Utc;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::{ClusterFreshness, Instance, ListClustersRequest, ListInstancesRequest};
use gwm_proto::common::PageRequest;
use std::collections::HashMap;

use super::common::{self, Page, Viewer, escape};
use super::listing::{About, IN_NAME, ListState, column, extra, fixed};
use super::views;
use crate::http::AppState;
use crate::http::model::{HealthDocument, health};
use crate::http::views::instances::{InstanceRow, InstancesPage};
use crate::http::views::parts::{Action, Status, Weight};
use crate::http::views::shell::Section;

const ABOUT: About = About {
    path: "/instances",
    kind: "instance",
    noun: "instances",
    q_hint: "name, or status:ERROR* cluster:fra1 memory>4G",
    own_sort: "name",
    columns: &[
        fixed("Name", "name", ""),
        fixed("Status", "status", ""),
        column("cluster", "Cluster", "cluster", ""),
        column("node", "Node", "node", "mid"),
        column("os", "OS", "os", "low"),
        extra("hypervisor", "Hypervisor", "", "low"),
        column("vcpus", "CPUs", "vcpus", "n mid"),
        column("memory", "Memory", "memory", "n"),
        column("disk", "Disk", "disk", "n"),
        extra("disk_template", "Disk template", "", "low"),
        column("owner", "Owner", "owner", "low"),
        column("tags", "Tags", "", IN_NAME),
    ],
};

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(mut list): Query<ListState>,
    query: RawQuery,
) -> Page {
    if !common::sees_some_placement(&state, &viewer) {
        list.left_out = "node";
    }
    let shell = common::shell(&state, &viewer, Section::Instances, "Instances", Vec::new());
    let request = viewer.person.ask(ListInstancesRequest { page: Some(list.request()) });
    let mut inventory = state.clients.inventory();
    let (mut shell, answer, views) =
        tokio::join!(shell, inventory.list_instances(request), views::of(&state, &viewer, &ABOUT));
    if let Some(elsewhere) = views::opens_at(&views, &ABOUT, &query) {
        return Ok(elsewhere);
    }
    let answer = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let fault = Fault::from_status(&status);
            if fault.code == ErrorCode::Unauthenticated {
                return Err(fault.into());
            }
            let mut failed = list.failed(&ABOUT, &fault);
            views::tabs(views, &list, &ABOUT, &mut failed);
            let list = failed;
            let page = InstancesPage {
                shell,
                list,
                rows: Vec::new(),
                may_create: state.authz.creates_anywhere(&viewer.person.0),
                no_clusters: false,
                mine: mine(&viewer),
            };
            return common::ok(&page);
        }
    };
    let now = Utc::now();
    let healths = healths(&answer.clusters);
    shell.as_of = common::as_of(healths.iter().map(|(s, h)| (s.as_str(), h)), now);
    for (slug, health) in healths.iter().filter(|(_, h)| !h.reachable) {
        shell.notices.push(common::dead_cluster(slug, health, now));
    }
    let read_only: HashMap<&str, bool> =
        answer.clusters.iter().map(|c| (c.slug.as_str(), c.read_only)).collect();
    let persona = viewer.persona();
    let rows: Vec<InstanceRow> = answer
        .instances
        .into_iter()
        .map(|instance| {
            let place = Place {
                health: healths.get(&instance.cluster),
                persona: &persona,
                read_only: read_only.get(instance.cluster.as_str()).copied().unwrap_or(false),
                removes: state.authz.allows(
                    &viewer.person.0,
                    gwm_types::Permission::Remove,
                    object(&instance),
                ),
                powers: state.authz.allows(
                    &viewer.person.0,
                    gwm_types::Permission::Power,
                    object(&instance),
                ),
                looks: state.authz.allows(
                    &viewer.person.0,
                    gwm_types::Permission::Console,
                    object(&instance),
                ),
            };
            row(instance, &place)
        })
        .collect();
    let mut listing = list.listing(&ABOUT, rows.len(), answer.page.as_ref());
    views::tabs(views, &list, &ABOUT, &mut listing);
    let no_clusters = rows.is_empty() && viewer.admin && no_clusters(&state, &viewer).await;
    let may_create = state.authz.creates_anywhere(&viewer.person.0);
    let mine = mine(&viewer);
    common::ok(&InstancesPage { shell, list: listing, rows, may_create, no_clusters, mine })
}

/// Where what belongs to the persona is listed.
fn mine(viewer: &Viewer) -> String {
    format!("/instances?q={}", escape(&format!("owner:{}", viewer.person.0.persona())))
}

async fn no_clusters(state: &AppState, viewer: &Viewer) -> bool {
    let page = PageRequest { limit: 1, ..Default::default() };
    let request = viewer.person.ask(ListClustersRequest { page: Some(page) });
    let answer = state.clients.clusters().list_clusters(request).await;
    answer.is_ok_and(|a| a.into_inner().clusters.is_empty())
}

pub(crate) fn healths(clusters: &[ClusterFreshness]) -> HashMap<String, HealthDocument> {
    clusters.iter().map(|c| (c.slug.clone(), health(c.health.clone()))).collect()
}

/// The object that rights on it are held on; one that does not parse allows nothing.
pub(crate) fn object(instance: &Instance) -> gwm_types::Object {
    match (instance.cluster_id.parse(), instance.uuid.parse()) {
        (Ok(cluster), Ok(uuid)) => gwm_types::Object::Instance(cluster, uuid),
        _ => gwm_types::Object::Fleet,
    }
}

/// What decides about the buttons of a row.
pub(crate) struct Place<'a> {
    pub(crate) health: Option<&'a HealthDocument>,
    pub(crate) read_only: bool,
    pub(crate) removes: bool,
    pub(crate) powers: bool,
    pub(crate) looks: bool,
    /// The viewer's, as forms carry it.
    pub(crate) persona: &'a str,
}

pub(crate) fn row(instance: Instance, place: &Place<'_>) -> InstanceRow {
    let stale = match place.health {
        Some(health) if health.paused() => format!("{} is paused", instance.cluster),
        Some(health) if !health.reachable => {
            let why = health.error.as_deref().unwrap_or("it does not answer");
            format!("{} does not answer: {why}", instance.cluster)
        }
        _ => String::new(),
    };
    let mut menu = power(&instance, place, &stale);
    menu.push(delete(&instance, place, &stale));
    InstanceRow {
        status: Status::instance(&instance.status),
        uuid: instance.uuid,
        name: instance.name,
        cluster: instance.cluster,
        node: instance.primary_node,
        secondary_nodes: instance.secondary_nodes,
        os: instance.os,
        hypervisor: instance.hypervisor,
        vcpus: instance.vcpus,
        memory_mib: instance.memory_mib,
        disk_mib: instance.disk_mib,
        disk_template: instance.disk_template,
        owner: super::imports::text(instance.owner),
        tags: instance.tags,
        stale,
        actions: menu,
    }
}

fn base(instance: &Instance) -> String {
    format!("/clusters/{}/instances/{}", instance.cluster, escape(&instance.name))
}

fn action(instance: &Instance, verb: &str, label: &str, icon: &'static str, busy: &str) -> Action {
    Action {
        id: format!("{verb}-{}", instance.uuid),
        label: label.to_owned(),
        icon,
        path: format!("{}/{verb}", base(instance)),
        link: matches!(verb, "console" | "delete"),
        busy_word: busy.to_owned(),
        disabled: None,
        weight: Weight::Plain,
        confirm: String::new(),
        persona: String::new(),
    }
}

/// Why nothing can be changed on this instance's cluster, if so.
fn blocked(place: &Place<'_>, stale: &str, allowed: bool) -> Option<String> {
    if !allowed {
        return Some("You may not do this".to_owned());
    }
    if place.read_only {
        return Some("This cluster is read-only in gwm".to_owned());
    }
    (!stale.is_empty()).then(|| stale.to_owned())
}

/// Start, shut down, reboot, console; those that can't be used say why.
pub(crate) fn power(instance: &Instance, place: &Place<'_>, stale: &str) -> Vec<Action> {
    let mut start = action(instance, "startup", "Start", "play", "starting…");
    let mut stop = action(instance, "shutdown", "Shut down", "square", "shutting down…");
    let mut reboot = action(instance, "reboot", "Reboot", "rotate-cw", "rebooting…");
    let mut console = action(instance, "console", "Console", "monitor", "");
    stop.confirm = format!("Shut down {}?", instance.name);
    reboot.confirm = format!("Reboot {}?", instance.name);
    let runs = matches!(instance.status.as_str(), "running" | "ERROR_up" | "ERROR_wrongnode");
    if runs && instance.admin_state == "up" {
        start.disabled = Some("It runs already".to_owned());
    }
    if !runs && instance.admin_state != "up" {
        stop.disabled = Some("It is stopped already".to_owned());
        reboot.disabled = Some("It is stopped: start it instead".to_owned());
    }
    if !runs {
        console.disabled = Some("A stopped instance has no console".to_owned());
    }
    if instance.status == "ADMIN_offline" {
        start.disabled = Some("It is marked offline in Ganeti".to_owned());
    }
    let blocked = blocked(place, stale, place.powers);
    for action in [&mut start, &mut stop, &mut reboot] {
        action.disabled = blocked.clone().or_else(|| action.disabled.take());
    }
    if !place.looks {
        console.disabled = Some("You may not open its console".to_owned());
    } else if !stale.is_empty() {
        console.disabled = Some(stale.to_owned());
    }
    let mut actions = vec![start, stop, reboot, console];
    actions.iter_mut().for_each(|action| place.persona.clone_into(&mut action.persona));
    actions
}

pub(crate) fn delete(instance: &Instance, place: &Place<'_>, stale: &str) -> Action {
    let mut delete = action(instance, "delete", "Delete", "trash-2", "deleting…");
    delete.weight = Weight::Danger;
    place.persona.clone_into(&mut delete.persona);
    delete.disabled = blocked(place, stale, place.removes);
    delete
}
