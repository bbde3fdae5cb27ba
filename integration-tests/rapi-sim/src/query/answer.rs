//! Answers of `/2/query/{resource}` and of its field list.

use serde_json::{Value, json};

use super::Filter;
use super::cell::Row;
use super::python::dumps;
use crate::http::Reply;
use crate::state::Cluster;
use crate::templates;
use crate::world::{Shared, World};

/// Answers a query.
pub(crate) fn answer(
    shared: &Shared,
    resource: &str,
    fields_argument: Option<&str>,
    body: Option<&Value>,
) -> Reply {
    let listed = match (body.and_then(|b| b.get("fields")), fields_argument) {
        (Some(Value::Array(list)), _) => {
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        (_, Some(text)) => text.split(',').map(str::to_owned).collect::<Vec<_>>(),
        _ => return Reply::bad("Missing 'fields' query argument"),
    };
    let filter = body.and_then(|b| b.get("qfilter").or_else(|| b.get("filter")));
    let filter = filter.filter(|f| !f.is_null());
    let Some(known) = templates::fields(resource) else {
        return unknown_resource(resource, &listed);
    };
    let parsed = match filter.map(Filter::parse).transpose() {
        Ok(parsed) => parsed,
        Err(why) => {
            let request = dumps(&json!([resource, listed, filter]));
            let text =
                format!("Failed to parse request: Cannot convert value '{request}', error: {why}");
            return Reply::error(502, &text);
        }
    };
    match shared.with(|world| select(world, resource, known, &listed, parsed.as_ref())) {
        Ok(data) => {
            let fields: Vec<Value> = listed.iter().map(|name| definition(known, name)).collect();
            Reply::ok(json!({"data": data, "fields": fields}))
        }
        Err(why) => Reply::error(500, &why),
    }
}

fn select(
    world: &World,
    resource: &str,
    known: &[Value],
    listed: &[String],
    filter: Option<&Filter>,
) -> Result<Vec<Value>, String> {
    let is_known = |name: &str| known.iter().any(|f| f["name"] == name);
    let mut read = Vec::new();
    if let Some(filter) = filter {
        filter.fields(&mut read);
    }
    if let Some(field) = read.iter().find(|name| !is_known(name)) {
        return Err(format!("Can't find field named '{field}'"));
    }
    let key = if resource == "job" { "id" } else { "name" };
    let requested = filter.and_then(|f| f.requested(key));
    let rows = match &requested {
        Some(wanted) => named(world, resource, wanted)?,
        None => all(world, resource, listed.iter().any(|f| f == "archived")),
    };
    let mut data = Vec::new();
    for row in rows {
        if let (Some(filter), None) = (filter, &requested)
            && !filter.passes(&|name: &str| row.cell(name).1)?
        {
            continue;
        }
        let cell =
            |name: &String| if is_known(name) { json!(row.cell(name)) } else { json!([1, null]) };
        data.push(listed.iter().map(cell).collect());
    }
    Ok(data)
}

fn unknown_resource(resource: &str, fields: &[String]) -> Reply {
    match resource {
        "os" => Reply::error(500, "Query 'ItemTypeOpCode QROs' not supported"),
        "cluster" => Reply::error(500, "Query 'ItemTypeOpCode QRCluster' not supported"),
        other => {
            let request = dumps(&json!([other, fields, null]));
            Reply::error(
                502,
                &format!(
                    "Failed to parse request: Cannot convert value '{request}', error: Can't \
                     parse value '{other}' as neitherQueryTypeLuxi nor QueryTypeOp"
                ),
            )
        }
    }
}

fn definition(known: &[Value], name: &str) -> Value {
    known.iter().find(|f| f["name"] == name).cloned().unwrap_or_else(|| {
        json!({
            "name": name, "title": name, "kind": "unknown",
            "doc": format!("Unknown field '{name}'"),
        })
    })
}

fn job_fields() -> Vec<&'static str> {
    let fields = templates::fields("job").unwrap_or_default();
    fields.iter().filter_map(|f| f["name"].as_str()).collect()
}

/// All objects of a resource; archived jobs only when `archived` is among the fields.
fn all(world: &World, resource: &str, archived: bool) -> Vec<Row> {
    let cluster = &world.cluster;
    match resource {
        "instance" => cluster.instances.values().map(|i| Row::instance(cluster, i)).collect(),
        "node" => cluster.nodes.values().map(|n| Row::node(cluster, n)).collect(),
        "group" => cluster.groups.values().map(|g| Row::group(cluster, g)).collect(),
        "network" => cluster.networks.values().map(|n| Row::network(cluster, n)).collect(),
        "job" => {
            let shown = world.queue.jobs.values().filter(|job| archived || !job.archived);
            shown.map(|job| Row::job(job.view(&job_fields()))).collect()
        }
        _ => Vec::new(),
    }
}

/// Objects asked for by name or number. An unknown job is a row of nothing, anything else
/// unknown is an error of the whole query.
fn named(world: &World, resource: &str, wanted: &[Value]) -> Result<Vec<Row>, String> {
    let rows = wanted.iter().map(|value| {
        if resource == "job" {
            let job = value.as_u64().and_then(|id| world.queue.jobs.get(&id));
            return Ok(job
                .map_or_else(|| Row::unknown_job(value), |job| Row::job(job.view(&job_fields()))));
        }
        let name = value.as_str().unwrap_or_default();
        one(&world.cluster, resource, name).ok_or_else(|| unknown_entity(resource, name))
    });
    rows.collect()
}

fn one(cluster: &Cluster, resource: &str, name: &str) -> Option<Row> {
    match resource {
        "instance" => cluster.expand_instance(name).map(|i| Row::instance(cluster, i)),
        "node" => cluster.expand_node(name).map(|n| Row::node(cluster, n)),
        "group" => cluster.expand_group(name).map(|g| Row::group(cluster, g)),
        "network" => cluster.expand_network(name).map(|n| Row::network(cluster, n)),
        _ => None,
    }
}

/// Ganeti's text for an object that is not there, as queries and tag reads give it.
pub(crate) fn unknown_entity(resource: &str, name: &str) -> String {
    let word = match resource {
        "instance" => "Instance",
        "node" => "Node",
        "network" => "Network",
        _ => "NodeGroup",
    };
    format!("('{word} name {name} not found', 'unknown_entity')")
}

/// Answers `/2/query/{resource}/fields`.
pub(crate) fn definitions(resource: &str, wanted: Option<&str>) -> Reply {
    let Some(known) = templates::fields(resource) else {
        return unknown_resource(resource, &[]);
    };
    let fields: Vec<Value> = wanted.map_or_else(
        || known.to_vec(),
        |text| text.split(',').map(|name| definition(known, name)).collect(),
    );
    Reply::ok(json!({"fields": fields}))
}
