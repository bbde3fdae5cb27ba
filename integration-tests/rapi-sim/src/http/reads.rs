//! Lists and single objects.

use serde_json::{Value, json};

use super::Reply;
use crate::query;
use crate::state::{Cluster, group_view, info_view, instance_view, network_view, node_view};

/// Answers a read of a resource class.
pub(crate) fn read(cluster: &Cluster, class: &str, name: &str, bulk: bool) -> Reply {
    let found = match class {
        "R_2_info" => Some(info_view(cluster)),
        "R_2_features" => Some(json!([
            "instance-reinstall-reqv1",
            "node-evac-res1",
            "instance-create-reqv1",
            "node-migrate-reqv1"
        ])),
        "R_2_filters" => Some(json!([])),
        "R_2_tags" => Some(json!(cluster.tags)),
        "R_2_instances" => Some(instances(cluster, bulk)),
        "R_2_nodes" => Some(nodes(cluster, bulk)),
        "R_2_groups" => Some(groups(cluster, bulk)),
        "R_2_networks" => Some(networks(cluster, bulk)),
        "R_2_instances_name" => cluster.expand_instance(name).map(|i| instance_view(cluster, i)),
        "R_2_nodes_name" => cluster.expand_node(name).map(|n| {
            let mut view = node_view(cluster, n);
            view["secondary_ip"] = json!(n.pip);
            view
        }),
        "R_2_groups_name" => cluster.expand_group(name).map(|g| group_view(cluster, g)),
        "R_2_networks_name" => cluster.expand_network(name).map(|n| network_view(cluster, n)),
        "R_2_instances_name_tags" => cluster.expand_instance(name).map(|i| json!(i.tags)),
        "R_2_nodes_name_tags" => cluster.expand_node(name).map(|n| json!(n.tags)),
        "R_2_groups_name_tags" => cluster.expand_group(name).map(|g| json!(g.tags)),
        "R_2_networks_name_tags" => cluster.expand_network(name).map(|n| json!(n.tags)),
        "R_2_nodes_name_role" => cluster.expand_node(name).map(|n| {
            json!(match cluster.role(n) {
                "M" => "master",
                "C" => "master-candidate",
                "D" => "drained",
                "O" => "offline",
                _ => "regular",
            })
        }),
        _ => None,
    };
    found.map_or_else(|| missing(class, name), Reply::ok)
}

/// An object that is not there is a 404, but its tags and role are a 500.
fn missing(class: &str, name: &str) -> Reply {
    let resource = match class {
        "R_2_nodes_name_role" => return Reply::error(500, "list index out of range"),
        "R_2_instances_name_tags" => "instance",
        "R_2_nodes_name_tags" => "node",
        "R_2_networks_name_tags" => "network",
        "R_2_groups_name_tags" => "group",
        _ => return Reply::not_found(),
    };
    Reply::error(500, &query::unknown_entity(resource, name))
}

fn list<'a>(key: &str, resource: &str, names: impl Iterator<Item = &'a String>) -> Value {
    names.map(|name| json!({key: name, "uri": format!("/2/{resource}/{name}")})).collect()
}

fn instances(cluster: &Cluster, bulk: bool) -> Value {
    if bulk {
        return cluster.instances.values().map(|i| instance_view(cluster, i)).collect();
    }
    list("id", "instances", cluster.instances.keys())
}

fn nodes(cluster: &Cluster, bulk: bool) -> Value {
    if bulk {
        return cluster.nodes.values().map(|n| node_view(cluster, n)).collect();
    }
    list("id", "nodes", cluster.nodes.keys())
}

fn groups(cluster: &Cluster, bulk: bool) -> Value {
    if bulk {
        return cluster.groups.values().map(|g| group_view(cluster, g)).collect();
    }
    list("name", "groups", cluster.groups.keys())
}

fn networks(cluster: &Cluster, bulk: bool) -> Value {
    if bulk {
        return cluster.networks.values().map(|n| network_view(cluster, n)).collect();
    }
    list("name", "networks", cluster.networks.keys())
}
