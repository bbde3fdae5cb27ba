//! From the wire between the services to the JSON of the API. Instance, node and job are the very
//! structs that events carry.

use chrono::{DateTime, Utc};
use gwm_events::types::inventory::{Connection, Disk, Instance, Network, Nic, Node, NodeGroup};
use gwm_events::types::jobs::{Job, JobError, JobObject, JobStep};
use gwm_proto::{cache, jobs};
use prost_types::{Struct, Timestamp, Value, value::Kind};
use serde::Serialize;
use utoipa::ToSchema;

/// A moment; `None` when it is not known.
pub(crate) fn time(time: Option<Timestamp>) -> Option<DateTime<Utc>> {
    let time = time?;
    DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?)
}

/// A moment that is always known; one that is not shows as 1970 rather than failing the page.
pub(crate) fn time_or_epoch(moment: Option<Timestamp>) -> DateTime<Utc> {
    time(moment).unwrap_or_default()
}

pub(crate) fn some(text: String) -> Option<String> {
    Some(text).filter(|t| !t.is_empty())
}

/// How well gwm knows a cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HealthDocument {
    /// Whether the last attempt to read it succeeded.
    pub(crate) reachable: bool,
    /// When it was last read completely.
    pub(crate) last_success: Option<DateTime<Utc>>,
    /// How old what is shown is, in seconds.
    pub(crate) data_age: Option<f64>,
    /// The last error in words; without `view_placement` on the cluster it names nothing.
    pub(crate) error: Option<String>,
    /// Its stable word.
    pub(crate) error_code: Option<String>,
    /// When it is tried again.
    pub(crate) next_attempt: Option<DateTime<Utc>>,
    /// Seconds above which the data counts as old.
    pub(crate) stale_after: f64,
    /// Objects that vanished in too large a number at once, waiting for more proof.
    pub(crate) missing: u32,
}

/// A cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ClusterDocument {
    pub(crate) id: String,
    pub(crate) slug: String,
    /// Ganeti's name of it.
    pub(crate) name: Option<String>,
    /// Ganeti's UUID of it.
    pub(crate) uuid: Option<String>,
    pub(crate) ganeti_version: Option<String>,
    /// Null without `view_placement` on it.
    pub(crate) master_node: Option<String>,
    pub(crate) endpoints: Vec<String>,
    pub(crate) read_username: Option<String>,
    pub(crate) write_username: Option<String>,
    /// gwm has no credential to write with, or is not to use it.
    pub(crate) read_only: bool,
    /// An administrator wants it left alone: nothing is read and no new job is sent.
    pub(crate) paused: bool,
    /// Read-only by choice, whatever credential is stored.
    pub(crate) held_read_only: bool,
    /// Seconds between looks as set for this cluster; 0: as gwm is configured.
    pub(crate) poll_interval_seconds: u32,
    /// Requests to RAPI in the minute before the last look.
    pub(crate) requests_per_minute: Option<u32>,
    /// How many seconds the last bulk read took.
    pub(crate) bulk_seconds: Option<f64>,
    /// `off`, `write` (owners are written as tags on instances) or `remove` (such tags are taken away);
    /// null for who is no administrator.
    pub(crate) owner_tags: Option<String>,
    /// SHA-256 of the pinned certificate; null when a CA is trusted instead.
    pub(crate) fingerprint: Option<String>,
    pub(crate) console: ConsoleDocument,
    pub(crate) health: HealthDocument,
    pub(crate) nodes_online: u32,
    pub(crate) nodes_total: u32,
    pub(crate) instances_running: u32,
    pub(crate) instances_total: u32,
    pub(crate) memory_total_mib: u64,
    pub(crate) memory_free_mib: u64,
    pub(crate) disk_total_mib: u64,
    pub(crate) disk_free_mib: u64,
    /// What its instances are given, summed up.
    pub(crate) memory_allocated_mib: u64,
    /// Likewise, on every node that holds a copy.
    pub(crate) disk_allocated_mib: u64,
    /// When the endpoint's certificate ends, as last seen.
    pub(crate) certificate_not_after: Option<DateTime<Utc>>,
    pub(crate) hypervisors: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) revision: u64,
    pub(crate) config_version: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// How consoles of a cluster are reached; the password is write-only.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConsoleDocument {
    pub(crate) enabled: bool,
    pub(crate) has_vnc_password: bool,
}

impl HealthDocument {
    /// Whether it is not read because an administrator wants it left alone.
    pub(crate) fn paused(&self) -> bool {
        self.error_code.as_deref() == Some("cluster_paused")
    }
}

pub(crate) fn health(health: Option<cache::Health>) -> HealthDocument {
    let health = health.unwrap_or_default();
    let last_success = time(health.last_success);
    // The answer itself may be an old one: the age is that of now.
    let age_now = last_success.map(|at| (Utc::now() - at).as_seconds_f64());
    HealthDocument {
        reachable: health.reachable,
        last_success,
        data_age: health.data_age_seconds.map(|told| age_now.map_or(told, |now| now.max(told))),
        error: some(health.error),
        error_code: some(health.error_code),
        next_attempt: time(health.next_attempt),
        stale_after: health.stale_after_seconds,
        missing: health.missing,
    }
}

pub(crate) fn cluster(cluster: cache::Cluster) -> ClusterDocument {
    ClusterDocument {
        id: cluster.cluster_id,
        slug: cluster.slug,
        name: some(cluster.name),
        uuid: some(cluster.ganeti_uuid),
        ganeti_version: some(cluster.ganeti_version),
        master_node: some(cluster.master_node),
        endpoints: cluster.endpoints,
        read_username: some(cluster.read_username),
        write_username: some(cluster.write_username),
        read_only: cluster.read_only,
        paused: cluster.paused,
        held_read_only: cluster.held_read_only,
        poll_interval_seconds: cluster.poll_interval_seconds,
        requests_per_minute: cluster.requests_per_minute,
        bulk_seconds: cluster.bulk_seconds,
        owner_tags: some(cluster.owner_tags),
        fingerprint: some(cluster.fingerprint),
        console: ConsoleDocument {
            enabled: cluster.console_enabled,
            has_vnc_password: cluster.has_vnc_password,
        },
        health: health(cluster.health),
        nodes_online: cluster.nodes_online,
        nodes_total: cluster.nodes_total,
        instances_running: cluster.instances_running,
        instances_total: cluster.instances_total,
        memory_total_mib: cluster.memory_total_mib,
        memory_free_mib: cluster.memory_free_mib,
        disk_total_mib: cluster.disk_total_mib,
        disk_free_mib: cluster.disk_free_mib,
        memory_allocated_mib: cluster.memory_allocated_mib,
        disk_allocated_mib: cluster.disk_allocated_mib,
        certificate_not_after: time(cluster.certificate_not_after),
        hypervisors: cluster.enabled_hypervisors,
        tags: cluster.tags,
        revision: cluster.revision,
        config_version: cluster.config_version,
        created_at: time_or_epoch(cluster.created_at),
    }
}

pub(crate) fn instance(wire: cache::Instance) -> Instance {
    Instance {
        uuid: wire.uuid,
        name: wire.name,
        cluster: wire.cluster,
        status: wire.status,
        admin_state: wire.admin_state,
        primary_node: some(wire.primary_node),
        secondary_nodes: wire.secondary_nodes,
        node_group: some(wire.node_group),
        hypervisor: wire.hypervisor,
        os: wire.os,
        vcpus: wire.vcpus,
        memory_mib: wire.memory_mib,
        disk_mib: wire.disk_mib,
        disk_template: wire.disk_template,
        nics: wire.nics.into_iter().map(nic).collect(),
        disks: wire.disks.into_iter().map(disk).collect(),
        tags: wire.tags,
        owner: some(wire.owner),
        missing: wire.missing,
        revision: wire.revision,
        config_version: wire.config_version,
        created_at: time(wire.created_at),
        modified_at: time(wire.modified_at),
        seen_at: time_or_epoch(wire.seen_at),
    }
}

fn nic(nic: cache::Nic) -> Nic {
    Nic {
        mac: some(nic.mac),
        ip: some(nic.ip),
        mode: some(nic.mode),
        link: some(nic.link),
        network: some(nic.network),
        name: some(nic.name),
    }
}

fn disk(disk: cache::Disk) -> Disk {
    Disk { size_mib: Some(disk.size_mib), uuid: some(disk.uuid), name: some(disk.name) }
}

pub(crate) fn node(wire: cache::Node) -> Node {
    Node {
        uuid: wire.uuid,
        name: wire.name,
        cluster: wire.cluster,
        role: wire.role,
        node_group: some(wire.node_group),
        node_group_uuid: some(wire.node_group_uuid),
        memory_total_mib: wire.memory_total_mib,
        memory_free_mib: wire.memory_free_mib,
        disk_total_mib: wire.disk_total_mib,
        disk_free_mib: wire.disk_free_mib,
        cpus_total: wire.cpus_total,
        instances_primary: wire.instances_primary,
        instances_secondary: wire.instances_secondary,
        offline: wire.offline,
        drained: wire.drained,
        missing: wire.missing,
        revision: wire.revision,
        seen_at: time_or_epoch(wire.seen_at),
    }
}

pub(crate) fn node_group(wire: cache::NodeGroup) -> NodeGroup {
    NodeGroup {
        uuid: wire.uuid,
        name: wire.name,
        cluster: wire.cluster,
        alloc_policy: some(wire.alloc_policy),
        nodes: wire.nodes,
        tags: wire.tags,
        missing: wire.missing,
        revision: wire.revision,
        config_version: wire.config_version,
        created_at: time(wire.created_at),
        modified_at: time(wire.modified_at),
        seen_at: time_or_epoch(wire.seen_at),
    }
}

pub(crate) fn network(wire: cache::Network) -> Network {
    let connection = |c: cache::Connection| Connection {
        node_group: c.node_group,
        mode: some(c.mode),
        link: some(c.link),
        vlan: some(c.vlan),
    };
    Network {
        uuid: wire.uuid,
        name: wire.name,
        cluster: wire.cluster,
        network: some(wire.network),
        gateway: some(wire.gateway),
        network6: some(wire.network6),
        gateway6: some(wire.gateway6),
        mac_prefix: some(wire.mac_prefix),
        addresses_free: wire.addresses_free,
        addresses_reserved: wire.addresses_reserved,
        connections: wire.connections.into_iter().map(connection).collect(),
        tags: wire.tags,
        missing: wire.missing,
        revision: wire.revision,
        config_version: wire.config_version,
        created_at: time(wire.created_at),
        modified_at: time(wire.modified_at),
        seen_at: time_or_epoch(wire.seen_at),
    }
}

/// A network in a node group.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConnectionDocument {
    pub(crate) network: String,
    pub(crate) mode: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) vlan: Option<String>,
}

pub(crate) fn connections(wire: Vec<cache::Connection>) -> Vec<ConnectionDocument> {
    let document = |c: cache::Connection| ConnectionDocument {
        network: c.network,
        mode: some(c.mode),
        link: some(c.link),
        vlan: some(c.vlan),
    };
    wire.into_iter().map(document).collect()
}

/// A value in force and where it comes from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ParameterDocument {
    /// `hvparams`, `beparams`, `nicparams`, `osparams`, `ndparams`, `ipolicy` or `diskparams`.
    pub(crate) kind: String,
    /// The NIC's number or the disk template; null where there is only one.
    pub(crate) part: Option<String>,
    pub(crate) name: String,
    /// Null of OS parameters, which may be passwords: only their names are known.
    #[schema(value_type = Object)]
    pub(crate) value: serde_json::Value,
    /// `instance`, `os`, `node`, `node_group` or `cluster`; null: not known yet.
    pub(crate) origin: Option<String>,
}

pub(crate) fn parameters(wire: Vec<cache::Parameter>) -> Vec<ParameterDocument> {
    let document = |p: cache::Parameter| ParameterDocument {
        kind: p.kind,
        part: some(p.part),
        name: p.name,
        value: p.value.map(from_value).unwrap_or_default(),
        origin: some(p.origin),
    };
    wire.into_iter().map(document).collect()
}

pub(crate) fn job(wire: jobs::Job) -> Job {
    let object = wire.object.unwrap_or_default();
    Job {
        id: wire.job_id,
        cluster: wire.cluster,
        kind: wire.kind,
        object: JobObject { kind: object.kind, uuid: some(object.uuid), name: wire.object_name },
        state: wire.state,
        steps: wire
            .steps
            .into_iter()
            .map(|step| JobStep {
                name: step.name,
                state: step.state,
                ganeti_job: step.ganeti_job,
                ganeti_status: some(step.ganeti_status),
            })
            .collect(),
        ganeti_jobs: wire.ganeti_jobs,
        requested_by: some(wire.requested_by),
        acting_as: some(wire.acting_as),
        created_at: time_or_epoch(wire.created_at),
        started_at: time(wire.started_at),
        ended_at: time(wire.ended_at),
        waiting_for: some(wire.waiting_for),
        error: wire.error.map(|e| JobError {
            code: e.code,
            message: e.message,
            hint: some(e.hint),
        }),
        log_lines: 0,
        stale: wire.stale,
        revision: wire.revision,
        origin: wire.origin,
    }
}

/// JSON as the services pass it on.
pub(crate) fn to_struct(object: serde_json::Map<String, serde_json::Value>) -> Struct {
    Struct { fields: object.into_iter().map(|(k, v)| (k, to_value(v))).collect() }
}

fn to_value(value: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(b) => Kind::BoolValue(b),
        // Sizes and counts are far below 2^53.
        Json::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or_default()),
        Json::String(s) => Kind::StringValue(s),
        Json::Array(items) => Kind::ListValue(prost_types::ListValue {
            values: items.into_iter().map(to_value).collect(),
        }),
        Json::Object(object) => Kind::StructValue(to_struct(object)),
    };
    Value { kind: Some(kind) }
}

/// And back; whole numbers stay whole.
pub(crate) fn from_struct(object: Struct) -> serde_json::Map<String, serde_json::Value> {
    object.fields.into_iter().map(|(k, v)| (k, from_value(v))).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small just before")]
fn from_value(value: Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(b)) => Json::Bool(b),
        Some(Kind::NumberValue(n)) if n.fract() == 0.0 && n.abs() < 9e15 => Json::from(n as i64),
        Some(Kind::NumberValue(n)) => Json::from(n),
        Some(Kind::StringValue(s)) => Json::String(s),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(from_value).collect(),
        Some(Kind::StructValue(object)) => Json::Object(from_struct(object)),
    }
}

/// A size as people write it, in MiB; a bare number is MiB.
pub(crate) fn size_mib(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit.trim() {
        "" | "m" | "mb" | "mib" => 1.0,
        "g" | "gb" | "gib" => 1024.0,
        "t" | "tb" | "tib" => 1024.0 * 1024.0,
        _ => return None,
    };
    let mib = (number.parse::<f64>().ok()? * scale).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 2^40, checked here"
    )]
    (0.0..=1_099_511_627_776.0).contains(&mib).then_some(mib as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, mib) in
            [("512", 512), ("1.5G", 1536), ("10 GiB", 10_240), ("2t", 2_097_152), ("128 MiB", 128)]
        {
            assert_eq!(size_mib(text), Some(mib), "{text}");
        }
        for bad in ["", "G", "1.2.3", "-5", "1e9", "5 apples", "99999999999999999999T"] {
            assert_eq!(size_mib(bad), None, "{bad}");
        }
    }
}
