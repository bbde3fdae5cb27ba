//! From a request to its answer, in the order of `ganeti-rapi`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::resources::{Found, Resource, find};
use super::{Reply, Request, auth, console, jobs, reads, submit};
use crate::query;
use crate::world::Shared;

/// Answers a request.
pub(crate) async fn route(shared: &Arc<Shared>, request: &mut Request) -> Reply {
    if request.authorization.is_none() {
        return Reply::error(401, "");
    }
    let (resource, names) = match find(&request.method, &request.path) {
        Found::Resource(resource, names) => (resource, names),
        Found::NoMethod => {
            let (method, path) = (&request.method, &request.path);
            return Reply::error(501, &format!("Method {method} is unsupported for path {path}"));
        }
        Found::Nothing => return Reply::not_found(),
    };
    if let Some(refusal) = refuse(shared, request, resource) {
        return refusal;
    }
    if !request.raw_body.is_empty() {
        let kind = request.content_type.as_deref().unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            return Reply::error(415, "");
        }
        match serde_json::from_slice::<Value>(&request.raw_body) {
            Ok(body) => request.body = Some(body),
            Err(_) => return Reply::bad("Unable to parse JSON data"),
        }
    }
    dispatch(shared, request, resource, &names).await
}

fn refuse(shared: &Shared, request: &Request, resource: &Resource) -> Option<Reply> {
    let given = auth::credentials(request.authorization.as_deref());
    shared.with(|world| {
        let Some(user) = given.and_then(|given| auth::check(&world.users, &given)) else {
            return Some(Reply::error(401, ""));
        };
        (!auth::permitted(user, &resource.access)).then(|| Reply::error(403, ""))
    })
}

async fn dispatch(
    shared: &Arc<Shared>,
    request: &Request,
    resource: &'static Resource,
    names: &[String],
) -> Reply {
    let name = names.first().map_or("", String::as_str);
    if resource.method != "GET" && resource.opcode.is_some() && resource.class != "R_2_query" {
        return submit::submit(shared, request, resource, names);
    }
    match (resource.class.as_str(), resource.method.as_str()) {
        ("R_2_jobs", _) => jobs::list(shared, request.flag("bulk")),
        ("R_2_jobs_id", "DELETE") => jobs::cancel(shared, name),
        ("R_2_jobs_id", _) => jobs::single(shared, name),
        ("R_2_jobs_id_wait", _) => jobs::wait(shared, request, name).await,
        ("R_2_os", _) => jobs::oses(shared).await,
        ("R_2_query", _) => {
            query::answer(shared, name, request.arg("fields"), request.body.as_ref())
        }
        ("R_2_query_fields", _) => query::definitions(name, request.arg("fields")),
        ("R_2_instances_name_console", _) => shared.with(|w| console::console(&w.cluster, name)),
        ("R_2_instances_name_info" | "R_2_nodes_name_storage", _) => {
            Reply::error(501, "not simulated")
        }
        ("R_2_filters" | "R_2_filters_uuid", method) if method != "GET" => {
            Reply::error(501, "not simulated")
        }
        ("R_root" | "R_2", _) => Reply::ok(Value::Null),
        ("R_version", _) => Reply::ok(json!(2)),
        (class, _) => shared.with(|w| reads::read(&w.cluster, class, name, request.flag("bulk"))),
    }
}
