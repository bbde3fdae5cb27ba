//! `/instances/new`.

use axum::extract::State;
use axum::response::IntoResponse;
use axum_extra::extract::{Form, Query};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache::{CreateOptions, GetCreateOptionsRequest};
use gwm_types::{Object, Permission};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::common::{self, Page, PageError, Viewer, sentence};
use super::login::see_other;
use super::quotas;
use crate::http::AppState;
use crate::http::api::clusters;
use crate::http::api::instances::{Submit, detail};
use crate::http::model::{ClusterDocument, cluster, size_mib};
use crate::http::problem::Problem;
use crate::http::views::form::{Choice, FieldError, FormErrors};
use crate::http::views::instances::InstanceCreatePage;
use crate::http::views::parts::{Link, Notice, Tone};
use crate::http::views::shell::Section;

/// The form as typed; also the query of the first page, where only `cluster` counts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CreateForm {
    name: String,
    cluster: String,
    os: String,
    memory: String,
    vcpus: String,
    disk_template: String,
    disks: Vec<String>,
    pnode: String,
    snode: String,
    hypervisor: String,
    nic_link: String,
    start: String,
    name_check: String,
    form_key: String,
}

/// What counts is what the persona holds itself, not what its person holds besides.
fn only_creators(state: &AppState, viewer: &Viewer) -> Result<(), PageError> {
    if state.authz.creates_anywhere(&viewer.person.0) {
        return Ok(());
    }
    let why = format!(
        "{} may create instances on no cluster; act as a group that may, or ask an administrator",
        viewer.person.0.persona()
    );
    Err(Fault::new(ErrorCode::PermissionDenied, "permission_denied", why).into())
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(mut form): Query<CreateForm>,
) -> Page {
    only_creators(&state, &viewer)?;
    let typed = viewer.typed.as_ref();
    if let Some(typed) = typed.and_then(|typed| typed.form("/instances/new")) {
        form = typed;
    } else if form.memory.is_empty() {
        form.start = "true".to_owned();
    }
    let page = draw(&state, &viewer, form, FormErrors::default()).await?;
    common::ok(&page)
}

async fn draw(
    state: &AppState,
    viewer: &Viewer,
    form: CreateForm,
    errors: FormErrors,
) -> Result<InstanceCreatePage, PageError> {
    let clusters = writable(state, viewer).await?;
    let crumbs = vec![Link::new("Instances", "/instances"), Link::new("Create", "")];
    let mut shell =
        common::shell(state, viewer, Section::Instances, "Create instance", crumbs).await;
    let chosen = clusters
        .iter()
        .find(|c| c.slug == form.cluster)
        .or_else(|| clusters.first())
        .map(|c| c.slug.clone())
        .unwrap_or_default();
    let options = if chosen.is_empty() {
        let todo = "Add a cluster with a credential that may write, then come back.";
        shell.notices.push(Notice::new(Tone::Warn, "No cluster takes new instances now", todo));
        CreateOptions::default()
    } else {
        let mut request = viewer.person.ask(GetCreateOptionsRequest { cluster: chosen.clone() });
        request.set_timeout(std::time::Duration::from_secs(30));
        state.clients.inventory().get_create_options(request).await?.into_inner()
    };
    let id = clusters.iter().find(|c| c.slug == chosen).and_then(|c| c.id.parse().ok());
    let placed = id.is_some_and(|id| {
        state.authz.allows(&viewer.person.0, Permission::ViewPlacement, Object::Cluster(id))
    });
    if !chosen.is_empty() && !placed && options.default_iallocator.is_empty() {
        let why = "It has no allocator that would find a node for it. Ask who runs the cluster.";
        let what = format!("{chosen} can’t take an instance from you now");
        shell.notices.push(Notice::new(Tone::Warn, &what, why));
    }
    let cluster_id = clusters.iter().find(|c| c.slug == chosen).map(|c| c.id.as_str());
    let quotas = match cluster_id {
        Some(id) => quotas::left(state, viewer, id).await,
        None => Vec::new(),
    };
    let page = fill(shell, &chosen, &clusters, &options, form, errors);
    Ok(InstanceCreatePage { placed, quotas, ..page })
}

/// The clusters that take new instances of the persona: those that answer and can be written to.
async fn writable(state: &AppState, viewer: &Viewer) -> Result<Vec<ClusterDocument>, PageError> {
    let all = clusters::all(state, &viewer.person).await.map_err(|Problem(fault)| fault)?;
    let all = all.into_iter().map(cluster);
    let creates = |c: &ClusterDocument| {
        c.id.parse().is_ok_and(|id| state.authz.creates(&viewer.person.0, id))
    };
    Ok(all.filter(|c| !c.read_only && c.health.reachable && creates(c)).collect())
}

fn fill(
    shell: crate::http::views::shell::Shell,
    chosen: &str,
    clusters: &[ClusterDocument],
    options: &CreateOptions,
    form: CreateForm,
    errors: FormErrors,
) -> InstanceCreatePage {
    let choices = |values: &[String], now: &str| -> Vec<Choice> {
        values
            .iter()
            .map(|v| Choice { value: v.clone(), label: v.clone(), selected: v == now })
            .collect()
    };
    let allocator = !options.default_iallocator.is_empty();
    let nodes = |now: &str| {
        let mut nodes = choices(&options.nodes, now);
        if allocator {
            let any = Choice {
                value: String::new(),
                label: "let Ganeti choose".to_owned(),
                selected: now.is_empty(),
            };
            nodes.insert(0, any);
        }
        nodes
    };
    let mut templates = options.disk_templates.clone();
    // The one that survives a node comes first where it is offered.
    templates.sort_by_key(|t| (t != "drbd", t != "plain", t == "diskless", t.clone()));
    let mut hypervisors = options.hypervisors.clone();
    hypervisors.sort_by_key(|h| h != &options.default_hypervisor);
    let or = |typed: &str, default: String| {
        if typed.is_empty() { default } else { typed.to_owned() }
    };
    let memory = match options.default_memory_mib {
        0 => 1024,
        mib => mib,
    };
    InstanceCreatePage {
        shell,
        errors,
        clusters: clusters
            .iter()
            .map(|c| Choice {
                value: c.slug.clone(),
                label: c.slug.clone(),
                selected: c.slug == chosen,
            })
            .collect(),
        oses: choices(&options.oses, &form.os),
        disk_templates: choices(&templates, &form.disk_template),
        hypervisors: choices(&hypervisors, &form.hypervisor),
        nodes: nodes(&form.pnode),
        secondary_nodes: nodes(&form.snode),
        placed: false,
        quotas: Vec::new(),
        allocator,
        name: form.name,
        memory: or(&form.memory, format!("{memory} MiB")),
        vcpus: or(&form.vcpus, options.default_vcpus.max(1).to_string()),
        disks: if form.disks.iter().all(String::is_empty) {
            vec!["10 GiB".to_owned()]
        } else {
            form.disks
        },
        nic_link: form.nic_link,
        start: !form.start.is_empty(),
        name_check: !form.name_check.is_empty(),
        form_key: or(&form.form_key, uuid::Uuid::now_v7().to_string()),
    }
}

pub(crate) async fn create(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<CreateForm>,
) -> Page {
    only_creators(&state, &viewer)?;
    let refused = match parameters(&form) {
        Err(errors) => errors,
        Ok(_) if exists(&state, &viewer, &form).await => {
            let message = format!("An instance of this name exists on {} already.", form.cluster);
            FormErrors(vec![FieldError { field: "name".to_owned(), message }])
        }
        Ok(parameters) => {
            let mut headers = HeaderMap::new();
            if let Ok(key) = HeaderValue::from_str(&form.form_key)
                && !key.is_empty()
            {
                headers.insert("idempotency-key", key);
            }
            let submit = Submit {
                kind: "create",
                cluster: form.cluster.clone(),
                instance: form.name.trim().to_owned(),
            };
            match submit.send(&state, &viewer.person, &headers, parameters).await {
                Ok(job) => return Ok(see_other(&format!("/jobs/{}", job.id)).into_response()),
                Err(problem) if problem.0.code == ErrorCode::Unauthenticated => {
                    return Err(problem.into());
                }
                Err(problem) => FormErrors(vec![field_error(&problem.0)]),
            }
        }
    };
    let page = draw(&state, &viewer, form, refused).await?;
    Ok(common::render(StatusCode::BAD_REQUEST, &page))
}

/// Said at the field rather than by a job that fails; Ganeti has the last word all the same.
async fn exists(state: &AppState, viewer: &Viewer, form: &CreateForm) -> bool {
    let (cluster, name) = (form.cluster.clone(), form.name.trim().to_owned());
    detail(state, &viewer.person, cluster, name).await.is_ok()
}

/// job-runner's names of fields are the form's, but for a few.
fn field_error(fault: &Fault) -> FieldError {
    let named = fault.field.as_deref().unwrap_or_default();
    let first = named.split(['.', '[']).find(|p| !p.is_empty() && *p != "parameters");
    let field = match first.unwrap_or_default() {
        "instance" => "name",
        "disks" => "disk-0",
        "nics" => "nic_link",
        "memory_mib" => "memory",
        other => other,
    };
    FieldError { field: field.to_owned(), message: sentence(&fault.message) }
}

/// What the form says, as job-runner takes it.
fn parameters(form: &CreateForm) -> Result<Map<String, Value>, FormErrors> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, message: &str| {
        let (field, message) = (field.to_owned(), message.to_owned());
        errors.push(FieldError { field, message });
    };
    let mut out = Map::new();
    if form.name.trim().is_empty() {
        wrong("name", "Give it a name.");
    }
    match size_mib(&form.memory) {
        Some(mib) if mib > 0 => out.insert("memory_mib".to_owned(), json!(mib)),
        _ => {
            wrong("memory", "A size such as 512M or 1.5G.");
            None
        }
    };
    match form.vcpus.trim().parse::<u32>() {
        Ok(vcpus) if vcpus > 0 => out.insert("vcpus".to_owned(), json!(vcpus)),
        _ => {
            wrong("vcpus", "A whole number from 1 up.");
            None
        }
    };
    let mut disks = Vec::new();
    if form.disk_template != "diskless" {
        // A field that was left empty, but for the first, is no disk.
        let typed = form.disks.iter().enumerate();
        for (index, disk) in typed.filter(|(index, disk)| *index == 0 || !disk.trim().is_empty()) {
            match size_mib(disk) {
                Some(mib) if mib > 0 => disks.push(json!({"size_mib": mib})),
                _ => wrong(&format!("disk-{index}"), "A size such as 10G."),
            }
        }
    }
    if !errors.is_empty() {
        return Err(FormErrors(errors));
    }
    out.insert("disks".to_owned(), Value::Array(disks));
    let texts = [
        ("os", &form.os),
        ("disk_template", &form.disk_template),
        ("hypervisor", &form.hypervisor),
        ("pnode", &form.pnode),
    ];
    for (name, value) in texts {
        if !value.trim().is_empty() {
            out.insert(name.to_owned(), json!(value.trim()));
        }
    }
    if form.disk_template == "drbd" && !form.snode.is_empty() {
        out.insert("snode".to_owned(), json!(form.snode));
    }
    let nic = match form.nic_link.trim() {
        "" => json!({}),
        link => json!({"link": link}),
    };
    out.insert("nics".to_owned(), json!([nic]));
    out.insert("start".to_owned(), json!(!form.start.is_empty()));
    out.insert("name_check".to_owned(), json!(!form.name_check.is_empty()));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_field_is_named() {
        let form = CreateForm { disks: vec!["x".to_owned()], ..Default::default() };
        let FormErrors(errors) = parameters(&form).unwrap_err();
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["name", "memory", "vcpus", "disk-0"]);
    }
}
