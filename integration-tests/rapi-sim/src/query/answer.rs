//! Answers of `/2/query/{resource}` and of its field list.

use serde_json::{Value, json};

use super::Filter;
use super::cell::Row;
use crate::http::Reply;
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
            let request = json!([resource, listed, filter]);
            return Reply::error(
                502,
                &format!(
                    "Failed to parse request: Cannot convert value '{request}', error: Cannot \
                     deserialise filter: {why}"
                ),
            );
        }
    };
    let is_known = |name: &str| known.iter().any(|f| f["name"] == name);
    let rows = shared.with(|world| rows(world, resource, parsed.as_ref()));
    let data: Vec<Value> = rows
        .iter()
        .filter(|row| parsed.as_ref().is_none_or(|f| f.passes(&|name: &str| row.cell(name).1)))
        .map(|row| {
            let cell = |name: &String| {
                if is_known(name) { json!(row.cell(name)) } else { json!([1, null]) }
            };
            listed.iter().map(cell).collect()
        })
        .collect();
    let fields: Vec<Value> = listed.iter().map(|name| definition(known, name)).collect();
    Reply::ok(json!({"data": data, "fields": fields}))
}

fn unknown_resource(resource: &str, fields: &[String]) -> Reply {
    match resource {
        "os" => Reply::error(500, "Query 'ItemTypeOpCode QROs' not supported"),
        "cluster" => Reply::error(500, "Query 'ItemTypeOpCode QRCluster' not supported"),
        other => {
            let request = json!([other, fields, null]);
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

/// Objects of a resource; archived jobs only when the filter names `archived`.
fn rows(world: &World, resource: &str, filter: Option<&Filter>) -> Vec<Row> {
    let cluster = &world.cluster;
    match resource {
        "instance" => cluster.instances.values().map(|i| Row::instance(cluster, i)).collect(),
        "node" => cluster.nodes.values().map(|n| Row::node(cluster, n)).collect(),
        "group" => cluster.groups.values().map(|g| Row::group(cluster, g)).collect(),
        "network" => cluster.networks.values().map(|n| Row::network(cluster, n)).collect(),
        "job" => {
            let mut read = Vec::new();
            if let Some(filter) = filter {
                filter.fields(&mut read);
            }
            let all = read.iter().any(|f| f == "archived");
            let names: Vec<&str> = templates::fields("job")
                .unwrap_or_default()
                .iter()
                .filter_map(|f| f["name"].as_str())
                .collect();
            let shown = world.queue.jobs.values().filter(|job| all || !job.archived);
            shown.map(|job| Row::plain(job.view(&names))).collect()
        }
        _ => Vec::new(),
    }
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
