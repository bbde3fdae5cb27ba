//! Every field of node groups and networks, against what Ganeti's own command line says, before and after
//! it is changed from there.

use std::collections::BTreeMap;

use gwm_integration_tests::Api;
use gwm_testkit::wait_for;
use serde_json::{Value, json};

use crate::fields::{columns, moment, number, sorted, text, to_seconds};
use crate::ganeti::{run, run_beside, table, try_run};
use crate::stage::{CLUSTERS, PATIENCE, Stage, wanted};

const GROUP: &str = "name,uuid,alloc_policy,node_cnt,tags,ctime,mtime";
const NETWORK: &str = "name,uuid,network,gateway,network6,gateway6,mac_prefix,free_count,\
    reserved_count,group_list,tags,ctime,mtime";
/// What gwm says of its own accord.
const OWN: [&str; 3] = ["revision", "config_version", "seen_at"];

#[tokio::test(flavor = "multi_thread")]
async fn node_groups_and_networks_are_those_of_ganeti() {
    if !wanted() {
        return;
    }
    let stage = Stage::start("lab-objects", 1).await;
    let api = &stage.admin;
    let back = Back;
    assert!(are_those_of_ganeti(api).await >= 4, "alpha has two groups and a network");

    // Renamed, tagged, another policy; a network made, connected, with an address reserved by hand.
    for command in [
        &["gnt-group", "rename", "rack2", "rack9"][..],
        &["gnt-group", "add-tags", "rack9", "lab:objects"],
        &["gnt-group", "modify", "--alloc-policy=last_resort", "rack9"],
        &["gnt-network", "add", "--network=192.0.2.128/28", "--gateway=192.0.2.129", "lab-net"],
        &["gnt-network", "connect", "--nic-parameters=mode=bridged,link=br0", "lab-net", "default"],
        &["gnt-network", "modify", "--add-reserved-ips=192.0.2.133", "lab-net"],
    ] {
        run_beside("alpha", command).await;
        are_those_of_ganeti(api).await;
    }
    let net = api.get("/clusters/alpha/networks/lab-net").await.ok();
    assert_eq!((&net["addresses_free"], &net["addresses_reserved"]), (&json!(12), &json!(4)));
    assert!(net["said"]["external_reservations"].as_str().unwrap().contains("192.0.2.133"));
    let group = api.get("/clusters/alpha/node-groups/rack9").await.ok();
    assert_eq!(group["nodes_shown"][0]["node_group"], "rack9", "{group:#}");

    // The cluster's page has what `gnt-cluster info` is made of; parameters of a real instance have origins.
    let info = api.get("/clusters/alpha/info").await.ok();
    assert_eq!(
        info["info"]["name"],
        run("alpha", &["gnt-cluster", "getmaster"]).trim().replacen("node1.", "", 1)
    );
    let list = api.get("/instances?q=cluster:alpha&limit=1").await.ok();
    let name = list["items"][0]["name"].as_str().unwrap();
    let instance = api.get(&format!("/clusters/alpha/instances/{name}")).await.ok();
    let parameters = instance["parameters"].as_array().unwrap();
    assert!(parameters.iter().any(|p| p["kind"] == "beparams" && p["origin"] == "instance"));
    assert!(parameters.iter().any(|p| p["kind"] == "beparams" && p["origin"] == "cluster"));

    drop(back);
    are_those_of_ganeti(api).await;
    let _gone = api.get("/clusters/alpha/networks/lab-net").await.expect_status(404);
}

/// Leaves the lab as it was, whatever the test came to.
struct Back;

impl Drop for Back {
    fn drop(&mut self) {
        for command in [
            &["gnt-network", "disconnect", "lab-net", "default"][..],
            &["gnt-network", "remove", "--force", "lab-net"],
            &["gnt-group", "rename", "rack9", "rack2"],
            &["gnt-group", "remove-tags", "rack2", "lab:objects"],
            &["gnt-group", "modify", "--alloc-policy=preferred", "rack2"],
        ] {
            if let Err(error) = try_run("alpha", command) {
                eprintln!("{command:?}: {error}");
            }
        }
    }
}

/// All of them, on both clusters, once gwm has looked again.
async fn are_those_of_ganeti(api: &Api) -> usize {
    let mut compared = 0;
    for cluster in CLUSTERS {
        let refreshed = api.post(&format!("/clusters/{cluster}/refresh"), &json!({})).await;
        let _cluster = refreshed.ok();
        for (path, ours) in
            [("node-groups", groups as fn(&str) -> BTreeMap<String, Value>), ("networks", networks)]
        {
            let what = format!("{path} of {cluster} to be as Ganeti says");
            compared += wait_for(&what, PATIENCE, async || {
                let theirs = ours(cluster);
                let seen =
                    api.get(&format!("/clusters/{cluster}/{path}?limit=200")).await.accepted();
                same(&theirs, &seen.map_err(|error| error.to_string())?["items"])
            })
            .await;
        }
    }
    compared
}

fn same(theirs: &BTreeMap<String, Value>, items: &Value) -> Result<usize, String> {
    let items = items.as_array().ok_or("no items")?;
    if items.len() != theirs.len() {
        return Err(format!("{} of {}", items.len(), theirs.len()));
    }
    for item in items {
        let name = item["name"].as_str().ok_or("no name")?;
        let wanted = theirs.get(name).ok_or_else(|| format!("{name} is unknown to Ganeti"))?;
        for (field, seen) in item.as_object().ok_or("no object")? {
            if OWN.contains(&field.as_str()) {
                continue;
            }
            let seen = if field.ends_with("_at") { &to_seconds(seen) } else { seen };
            if *seen != wanted[field] {
                return Err(format!("{name}: {field} is {seen}, Ganeti says {}", wanted[field]));
            }
        }
    }
    Ok(theirs.len())
}

/// The first group of a cluster was made at no time that Ganeti knows: it is null.
fn known_moment(cell: &str) -> Value {
    let unknown = cell.starts_with("1970") || ["-", "N/A", ""].contains(&cell);
    if unknown { to_seconds(&Value::Null) } else { moment(cell) }
}

fn groups(cluster: &str) -> BTreeMap<String, Value> {
    let object = |cells: Vec<String>| {
        let of = columns(&cells, GROUP);
        let object = json!({
            "uuid": of("uuid"), "name": of("name"), "cluster": cluster,
            "alloc_policy": of("alloc_policy"), "nodes": number(of("node_cnt")),
            "tags": sorted(of("tags")), "missing": false,
            "created_at": known_moment(of("ctime")), "modified_at": known_moment(of("mtime")),
        });
        (of("name").to_owned(), object)
    };
    table(cluster, "gnt-group", GROUP).into_iter().map(object).collect()
}

fn networks(cluster: &str) -> BTreeMap<String, Value> {
    let object = |cells: Vec<String>| {
        let of = columns(&cells, NETWORK);
        // `default (bridged, br0, ), rack2 (..)`
        let groups = of("group_list").split("), ").filter_map(|group| {
            let (name, how) = group.trim_end_matches(')').split_once(" (")?;
            let mut how = how.split(',').map(str::trim);
            let mut next = || text(how.next().unwrap_or_default());
            Some((
                name.to_owned(),
                json!({
                    "node_group": name, "mode": next(), "link": next(), "vlan": next(),
                }),
            ))
        });
        let groups: BTreeMap<String, Value> = groups.collect();
        let object = json!({
            "uuid": of("uuid"), "name": of("name"), "cluster": cluster,
            "network": text(of("network")), "gateway": text(of("gateway")),
            "network6": text(of("network6")), "gateway6": text(of("gateway6")),
            "mac_prefix": text(of("mac_prefix")), "addresses_free": number(of("free_count")),
            "addresses_reserved": number(of("reserved_count")),
            "connections": groups.into_values().collect::<Vec<_>>(),
            "tags": sorted(of("tags")), "missing": false,
            "created_at": known_moment(of("ctime")), "modified_at": known_moment(of("mtime")),
        });
        (of("name").to_owned(), object)
    };
    table(cluster, "gnt-network", NETWORK).into_iter().map(object).collect()
}
