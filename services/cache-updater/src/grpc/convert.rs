//! Between records and messages.

use chrono::{DateTime, Utc};
use gwm_events::types::inventory::Connection;
use gwm_kernel::Fault;
use gwm_proto::cache as pb;
use gwm_proto::common::{PageInfo, PageRequest};
use prost_types::{Struct, Timestamp, Value as PbValue, value::Kind};
use uuid::Uuid;

use super::mask;
use crate::domain::{
    ClusterRecord, DiskRecord, Freshness, InstanceSummary, NicRecord, NodeRecord, unsigned,
};
use crate::seen::Placement;
use crate::store::{Listed, Page};

pub(super) fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: at.timestamp(),
        nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0),
    }
}

pub(super) fn from_timestamp(at: &Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
}

pub(super) fn count(n: i32) -> u32 {
    u32::try_from(n).unwrap_or(0)
}

fn health(c: &Freshness) -> pb::Health {
    let age = |at: DateTime<Utc>| (Utc::now() - at).as_seconds_f64().max(0.0);
    pb::Health {
        reachable: c.reachable,
        last_success: c.last_success.map(timestamp),
        data_age_seconds: c.last_success.map(age),
        error: c.error.clone(),
        error_code: c.error_code.clone(),
        next_attempt: c.next_attempt.map(timestamp),
        stale_after_seconds: c.interval_seconds * 2.0,
        missing: count(c.missing),
    }
}

pub(super) fn freshness(c: &Freshness, placement: &Placement) -> pb::ClusterFreshness {
    let told = pb::ClusterFreshness {
        cluster_id: c.cluster_id.to_string(),
        slug: c.slug.clone(),
        health: Some(health(c)),
        read_only: c.read_only,
    };
    if placement.shows(c.cluster_id) { told } else { mask::freshness(told) }
}

pub(super) fn freshnesses(all: &[Freshness], placement: &Placement) -> Vec<pb::ClusterFreshness> {
    all.iter().map(|c| freshness(c, placement)).collect()
}

/// The cluster for those who see all of it; the rest see its name and health, and for them
/// addresses, accounts and sums stay empty.
pub(super) fn cluster(
    c: &ClusterRecord,
    whole: bool,
    administrator: bool,
    placement: &Placement,
) -> pb::Cluster {
    let mut out = pb::Cluster {
        cluster_id: c.cluster_id.to_string(),
        slug: c.slug.clone(),
        name: c.name.clone(),
        ganeti_uuid: c.ganeti_uuid.to_string(),
        ganeti_version: c.ganeti_version.clone(),
        read_only: c.read_only(),
        console_enabled: c.console_enabled,
        health: Some(health(&c.freshness())),
        revision: unsigned(c.revision),
        config_version: c.config_version.to_string(),
        created_at: Some(timestamp(c.created_at)),
        paused: c.paused,
        ..pb::Cluster::default()
    };
    if whole {
        out.master_node.clone_from(&c.master_node);
        out.nodes_online = count(c.nodes_online);
        out.nodes_total = count(c.nodes_total);
        out.instances_running = count(c.instances_running);
        out.instances_total = count(c.instances_total);
        out.memory_total_mib = unsigned(c.memory_total_mib);
        out.memory_free_mib = unsigned(c.memory_free_mib);
        out.disk_total_mib = unsigned(c.disk_total_mib);
        out.disk_free_mib = unsigned(c.disk_free_mib);
        out.memory_allocated_mib = unsigned(c.memory_allocated_mib);
        out.disk_allocated_mib = unsigned(c.disk_allocated_mib);
        out.certificate_not_after = c.certificate_not_after.map(timestamp);
        out.enabled_hypervisors.clone_from(&c.enabled_hypervisors);
        out.tags.clone_from(&c.tags);
    }
    if administrator {
        out.endpoints.clone_from(&c.endpoints);
        out.read_username.clone_from(&c.read_username);
        out.write_username.clone_from(&c.write_username);
        out.fingerprint.clone_from(&c.fingerprint);
        out.has_ca = !c.ca_pem.is_empty();
        out.has_vnc_password = c.vnc_password_sealed.is_some();
        out.held_read_only = c.held_read_only;
        out.poll_interval_seconds = count(c.poll_interval_seconds);
        out.requests_per_minute = c.requests_per_minute.map(count);
        out.bulk_seconds = c.bulk_seconds;
        out.owner_tags.clone_from(&c.owner_tags);
    }
    if placement.shows(c.cluster_id) { out } else { mask::cluster(out) }
}

pub(super) fn instance(i: InstanceSummary, cluster_id: Uuid, slug: &str) -> pb::Instance {
    let nic = |n: NicRecord| pb::Nic {
        mac: n.mac.unwrap_or_default(),
        ip: n.ip.unwrap_or_default(),
        mode: n.mode.unwrap_or_default(),
        link: n.link.unwrap_or_default(),
        network: n.network.unwrap_or_default(),
        name: n.name.unwrap_or_default(),
    };
    let disk = |d: DiskRecord| pb::Disk {
        size_mib: d.size_mib.unwrap_or(0),
        uuid: d.uuid.unwrap_or_default(),
        name: d.name.unwrap_or_default(),
    };
    pb::Instance {
        uuid: i.uuid.to_string(),
        name: i.name,
        cluster: slug.to_owned(),
        cluster_id: cluster_id.to_string(),
        status: i.status,
        admin_state: i.admin_state,
        primary_node: i.primary_node,
        secondary_nodes: i.secondary_nodes,
        node_group: i.node_group,
        hypervisor: i.hypervisor,
        os: i.os,
        vcpus: i.vcpus.map(count),
        memory_mib: i.memory_mib.map(unsigned),
        disk_mib: i.disk_mib.map(unsigned),
        disk_template: i.disk_template,
        nics: i.nics.0.into_iter().map(nic).collect(),
        disks: i.disks.0.into_iter().map(disk).collect(),
        tags: i.tags,
        revision: unsigned(i.revision),
        config_version: i.config_version.to_string(),
        created_at: i.created_at.map(timestamp),
        modified_at: i.modified_at.map(timestamp),
        seen_at: Some(timestamp(i.seen_at)),
        missing: i.missing,
        owner: i.owner.unwrap_or_default(),
    }
}

pub(super) fn instances(rows: Vec<Listed<InstanceSummary>>) -> Vec<pb::Instance> {
    rows.into_iter()
        .map(|r| {
            let shown = instance(r.item, r.cluster_id, &r.cluster);
            if r.placed { shown } else { mask::instance(shown) }
        })
        .collect()
}

pub(super) fn node(n: &NodeRecord, cluster_id: Uuid, slug: &str) -> pb::Node {
    pb::Node {
        uuid: n.uuid.to_string(),
        name: n.name.clone(),
        cluster: slug.to_owned(),
        cluster_id: cluster_id.to_string(),
        role: n.role.clone(),
        node_group: n.node_group.clone(),
        node_group_uuid: n.node_group_uuid.map(|uuid| uuid.to_string()).unwrap_or_default(),
        memory_total_mib: n.memory_total_mib.map(unsigned),
        memory_free_mib: n.memory_free_mib.map(unsigned),
        disk_total_mib: n.disk_total_mib.map(unsigned),
        disk_free_mib: n.disk_free_mib.map(unsigned),
        cpus_total: n.cpus_total.map(count),
        instances_primary: count(n.instances_primary),
        instances_secondary: count(n.instances_secondary),
        offline: n.offline,
        drained: n.drained,
        revision: unsigned(n.revision),
        seen_at: Some(timestamp(n.seen_at)),
        missing: n.missing,
    }
}

pub(super) fn connection(c: &Connection, network: &str) -> pb::Connection {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    pb::Connection {
        network: network.to_owned(),
        node_group: c.node_group.clone(),
        mode: text(&c.mode),
        link: text(&c.link),
        vlan: text(&c.vlan),
    }
}

pub(super) fn page<T>(page: &Page<T>) -> PageInfo {
    PageInfo {
        next_cursor: page.next_cursor.clone(),
        total: page.total,
        total_exact: page.total_exact,
        stream_sequence: page.stream_sequence,
    }
}

pub(super) fn page_request(page: Option<PageRequest>) -> PageRequest {
    page.unwrap_or_default()
}

/// A JSON object as a message; anything else is an empty one.
pub(super) fn to_struct(json: &str) -> Struct {
    match serde_json::from_str(json) {
        Ok(serde_json::Value::Object(fields)) => {
            Struct { fields: fields.into_iter().map(|(k, v)| (k, to_value(v))).collect() }
        }
        Ok(_) | Err(_) => Struct::default(),
    }
}

pub(super) fn to_value(value: serde_json::Value) -> PbValue {
    use serde_json::Value;
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(b) => Kind::BoolValue(b),
        Value::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or(0.0)),
        Value::String(s) => Kind::StringValue(s),
        Value::Array(list) => Kind::ListValue(prost_types::ListValue {
            values: list.into_iter().map(to_value).collect(),
        }),
        Value::Object(fields) => Kind::StructValue(Struct {
            fields: fields.into_iter().map(|(k, v)| (k, to_value(v))).collect(),
        }),
    };
    PbValue { kind: Some(kind) }
}

pub(super) fn uuid(field: &str, text: &str) -> Result<Uuid, Fault> {
    Uuid::try_parse(text).map_err(|_| Fault::invalid(field, format!("{field} must be a UUID")))
}
