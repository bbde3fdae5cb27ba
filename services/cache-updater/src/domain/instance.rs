//! An instance as it is stored, and what about it is an event.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gwm_events::types::inventory;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::said::Said;
use super::{differences, narrow, unsigned, wide};

/// A row of `instance`.
#[derive(Debug, Clone, Serialize, FromRow)]
pub(crate) struct InstanceRecord {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) admin_state: String,
    pub(crate) primary_node: String,
    pub(crate) secondary_nodes: Vec<String>,
    /// Empty: not known.
    pub(crate) node_group: String,
    /// Empty: not known yet.
    pub(crate) hypervisor: String,
    pub(crate) os: String,
    pub(crate) vcpus: Option<i32>,
    pub(crate) memory_mib: Option<i64>,
    pub(crate) disk_mib: Option<i64>,
    pub(crate) disk_template: String,
    pub(crate) nics: Json<Vec<NicRecord>>,
    pub(crate) disks: Json<Vec<DiskRecord>>,
    pub(crate) tags: Vec<String>,
    pub(crate) hvparams: Json<Box<RawValue>>,
    pub(crate) beparams: Json<Box<RawValue>>,
    pub(crate) own_hvparams: Vec<String>,
    pub(crate) own_beparams: Vec<String>,
    pub(crate) network_port: Option<i32>,
    pub(crate) memory_used_mib: Option<i64>,
    /// What pages show of it and nothing is filtered by, in Ganeti's words.
    pub(crate) said: Said,
    /// `user/NAME`, as auth tells it; Ganeti knows nothing of it.
    pub(crate) owner: Option<String>,
    pub(crate) raw_hash: i64,
    pub(crate) revision: i64,
    pub(crate) config_version: i64,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) modified_at: Option<DateTime<Utc>>,
    pub(crate) seen_at: DateTime<Utc>,
    pub(crate) absent: bool,
    pub(crate) missing: bool,
}

/// What lists show of an instance: half of its columns, none of its parameters.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct InstanceSummary {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) admin_state: String,
    pub(crate) primary_node: String,
    pub(crate) secondary_nodes: Vec<String>,
    pub(crate) node_group: String,
    pub(crate) hypervisor: String,
    pub(crate) os: String,
    pub(crate) vcpus: Option<i32>,
    pub(crate) memory_mib: Option<i64>,
    pub(crate) disk_mib: Option<i64>,
    pub(crate) disk_template: String,
    pub(crate) nics: Json<Vec<NicRecord>>,
    pub(crate) disks: Json<Vec<DiskRecord>>,
    pub(crate) tags: Vec<String>,
    pub(crate) owner: Option<String>,
    pub(crate) revision: i64,
    pub(crate) config_version: i64,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) modified_at: Option<DateTime<Utc>>,
    pub(crate) seen_at: DateTime<Utc>,
    pub(crate) missing: bool,
}

impl From<InstanceRecord> for InstanceSummary {
    fn from(record: InstanceRecord) -> Self {
        Self {
            uuid: record.uuid,
            name: record.name,
            status: record.status,
            admin_state: record.admin_state,
            primary_node: record.primary_node,
            secondary_nodes: record.secondary_nodes,
            node_group: record.node_group,
            hypervisor: record.hypervisor,
            os: record.os,
            vcpus: record.vcpus,
            memory_mib: record.memory_mib,
            disk_mib: record.disk_mib,
            disk_template: record.disk_template,
            nics: record.nics,
            disks: record.disks,
            tags: record.tags,
            owner: record.owner,
            revision: record.revision,
            config_version: record.config_version,
            created_at: record.created_at,
            modified_at: record.modified_at,
            seen_at: record.seen_at,
            missing: record.missing,
        }
    }
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NicRecord {
    pub(crate) mac: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) name: Option<String>,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DiskRecord {
    pub(crate) size_mib: Option<u64>,
    pub(crate) uuid: Option<String>,
    pub(crate) name: Option<String>,
}

impl InstanceRecord {
    /// Reads what Ganeti said; hypervisor and node group come from elsewhere, revisions later.
    pub(crate) fn of(said: &gwm_rapi::Instance, raw_hash: i64, seen_at: DateTime<Utc>) -> Self {
        let at = |list: &[Option<String>], n: usize| list.get(n).cloned().flatten();
        let nics = (0..said.nic_macs.len().max(said.nic_links.len()))
            .map(|n| NicRecord {
                mac: at(&said.nic_macs, n),
                ip: at(&said.nic_ips, n),
                mode: at(&said.nic_modes, n),
                link: at(&said.nic_links, n),
                network: at(&said.nic_network_names, n).or_else(|| at(&said.nic_networks, n)),
                name: at(&said.nic_names, n),
            })
            .collect();
        let disks = said
            .disk_sizes
            .iter()
            .enumerate()
            .map(|(n, size)| DiskRecord {
                size_mib: *size,
                uuid: at(&said.disk_uuids, n),
                name: at(&said.disk_names, n),
            })
            .collect();
        let mut tags = said.tags.clone();
        // Ganeti's order of tags is that of a hash table.
        tags.sort();
        Self {
            uuid: said.uuid,
            name: said.name.clone(),
            status: said.status.clone().unwrap_or_default(),
            admin_state: said.admin_state.clone().unwrap_or_default(),
            primary_node: said.pnode.clone().unwrap_or_default(),
            secondary_nodes: said.snodes.clone(),
            node_group: String::new(),
            hypervisor: String::new(),
            os: said.os.clone().unwrap_or_default(),
            vcpus: narrow(said.beparams.vcpus),
            memory_mib: wide(said.beparams.maxmem.or(said.beparams.memory)),
            disk_mib: wide(said.disk_usage),
            disk_template: said.disk_template.clone().unwrap_or_default(),
            nics: Json(nics),
            disks: Json(disks),
            tags,
            hvparams: Json(raw(said.hvparams.as_json())),
            beparams: Json(raw(
                &serde_json::to_string(&said.beparams).unwrap_or_else(|_| "{}".to_owned())
            )),
            own_hvparams: said.custom_hvparams.to_map().into_keys().collect(),
            own_beparams: said.custom_beparams.to_map().into_keys().collect(),
            network_port: said.network_port.map(i32::from),
            memory_used_mib: wide(said.oper_ram),
            said: more(said),
            owner: None,
            raw_hash,
            revision: 1,
            config_version: 1,
            created_at: said.ctime,
            modified_at: said.mtime,
            seen_at,
            absent: false,
            missing: false,
        }
    }

    /// What changed from `before` to this, as events name it. Raises revision and configuration
    /// version where that is due; empty: nothing to tell of.
    pub(crate) fn follow(&mut self, before: &Self, cluster: &str) -> BTreeMap<String, Value> {
        self.revision = before.revision;
        self.config_version = before.config_version;
        self.owner.clone_from(&before.owner);
        if self.configuration() != before.configuration() {
            self.config_version += 1;
        }
        let unheard = ["revision", "seen_at", "created_at", "modified_at"];
        let changed = differences(&before.object(cluster), &self.object(cluster), &unheard);
        if !changed.is_empty() {
            self.revision += 1;
        }
        changed
    }

    /// What the strong `ETag` covers: what can be edited, not where and whether it runs.
    fn configuration(&self) -> impl PartialEq + '_ {
        (
            (&self.name, &self.hypervisor, &self.os, self.vcpus, self.memory_mib),
            (&self.disk_template, &self.nics.0, &self.disks.0, &self.tags),
            (self.hvparams.get(), self.beparams.get(), &self.own_hvparams, &self.own_beparams),
        )
    }

    /// The object in events.
    pub(crate) fn object(&self, cluster: &str) -> inventory::Instance {
        let known = |text: &String| (!text.is_empty()).then(|| text.clone());
        inventory::Instance {
            uuid: self.uuid.to_string(),
            name: self.name.clone(),
            cluster: cluster.to_owned(),
            status: self.status.clone(),
            admin_state: self.admin_state.clone(),
            primary_node: Some(self.primary_node.clone()),
            secondary_nodes: self.secondary_nodes.clone(),
            node_group: known(&self.node_group),
            hypervisor: self.hypervisor.clone(),
            os: self.os.clone(),
            vcpus: self.vcpus.and_then(|v| u32::try_from(v).ok()),
            memory_mib: self.memory_mib.map(unsigned),
            disk_mib: self.disk_mib.map(unsigned),
            disk_template: self.disk_template.clone(),
            nics: self
                .nics
                .iter()
                .map(|n| inventory::Nic {
                    mac: n.mac.clone(),
                    ip: n.ip.clone(),
                    mode: n.mode.clone(),
                    link: n.link.clone(),
                    network: n.network.clone(),
                    name: n.name.clone(),
                })
                .collect(),
            disks: self
                .disks
                .iter()
                .map(|d| inventory::Disk {
                    size_mib: d.size_mib,
                    uuid: d.uuid.clone(),
                    name: d.name.clone(),
                })
                .collect(),
            tags: self.tags.clone(),
            owner: self.owner.clone(),
            missing: self.missing,
            revision: unsigned(self.revision),
            config_version: self.config_version.to_string(),
            created_at: self.created_at,
            modified_at: self.modified_at,
            seen_at: self.seen_at,
        }
    }
}

/// Whether only the status changed.
pub(crate) fn only_status(changed: &BTreeMap<String, Value>) -> bool {
    changed.contains_key("status")
        && changed.keys().all(|name| matches!(name.as_str(), "status" | "admin_state"))
}

/// What is left of the answer.
fn more(said: &gwm_rapi::Instance) -> Said {
    let nicparams: Vec<_> = said.custom_nicparams.iter().map(gwm_rapi::Params::to_map).collect();
    let more = serde_json::json!({
        "oper_state": said.oper_state,
        "oper_vcpus": said.oper_vcpus,
        "network_port": said.network_port,
        "serial_no": said.serial_no,
        "nic.uuids": said.nic_uuids,
        "nic.networks": said.nic_networks,
        "nic.bridges": said.nic_bridges,
        "custom_nicparams": nicparams,
        "disk.spindles": said.disk_spindles,
    });
    super::said::said(&more.to_string())
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned())
        .unwrap_or_else(|_| RawValue::from_string("{}".to_owned()).expect("{} is JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(json: &str) -> InstanceRecord {
        InstanceRecord::of(&serde_json::from_str(json).unwrap(), 0, DateTime::UNIX_EPOCH)
    }

    const ONE: &str = r#"{"uuid": "9d6a8a4e-9a52-4cbf-9f0f-3f1c6f9c2a11", "name": "web1",
        "status": "running", "admin_state": "up", "pnode": "n1", "tags": ["b", "a"],
        "beparams": {"vcpus": 2, "maxmem": 512}, "hvparams": {"acpi": true}, "mtime": 5}"#;

    #[test]
    fn a_new_modification_time_alone_is_no_event() {
        let before = record(ONE);
        let mut after = record(&ONE.replace("\"mtime\": 5", "\"mtime\": 9"));
        assert!(after.follow(&before, "a").is_empty());
        assert_eq!((after.revision, after.config_version), (1, 1));
    }

    #[test]
    fn the_order_of_tags_is_no_change() {
        let mut after = record(&ONE.replace(r#"["b", "a"]"#, r#"["a", "b"]"#));
        assert!(after.follow(&record(ONE), "a").is_empty());
    }

    #[test]
    fn a_status_alone_is_told_apart_and_leaves_the_configuration_version() {
        let mut after =
            record(&ONE.replace("\"running\"", "\"ADMIN_down\"").replace("\"up\"", "\"down\""));
        let changed = after.follow(&record(ONE), "a");
        assert!(only_status(&changed), "{changed:?}");
        assert_eq!((after.revision, after.config_version), (2, 1));
        assert_eq!(changed["status"], "running");
    }

    #[test]
    fn a_hypervisor_parameter_moves_the_configuration_version_and_is_an_event() {
        let mut after = record(&ONE.replace("true", "false"));
        let changed = after.follow(&record(ONE), "a");
        assert_eq!(changed.keys().collect::<Vec<_>>(), ["config_version"]);
        assert_eq!((after.revision, after.config_version), (2, 2));
    }
}
