//! A cluster as it is stored.

use chrono::{DateTime, Utc};
use gwm_events::types::inventory;
use gwm_kernel::{ErrorCode, Fault};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::unsigned;

/// The word for a cluster that is left alone.
pub(crate) const PAUSED: &str = "cluster_paused";

/// A row of `cluster`.
#[derive(Clone, FromRow)]
pub(crate) struct ClusterRecord {
    pub(crate) cluster_id: Uuid,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) ganeti_uuid: Uuid,
    pub(crate) ganeti_version: String,
    pub(crate) master_node: String,
    pub(crate) endpoints: Vec<String>,
    pub(crate) read_username: String,
    /// Empty: gwm only reads.
    pub(crate) write_username: String,
    pub(crate) fingerprint: String,
    pub(crate) ca_pem: String,
    pub(crate) console_enabled: bool,
    pub(crate) data_key: Vec<u8>,
    pub(crate) read_password_sealed: Vec<u8>,
    pub(crate) write_password_sealed: Option<Vec<u8>>,
    pub(crate) vnc_password_sealed: Option<Vec<u8>>,
    pub(crate) offers: Json<Offers>,
    pub(crate) networks: Vec<String>,
    pub(crate) oses: Option<Vec<String>>,
    pub(crate) oses_read_at: Option<DateTime<Utc>>,
    pub(crate) enabled_hypervisors: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) reachable: bool,
    pub(crate) last_success: Option<DateTime<Utc>>,
    pub(crate) error: String,
    pub(crate) error_code: String,
    pub(crate) next_attempt: Option<DateTime<Utc>>,
    pub(crate) interval_seconds: f64,
    pub(crate) nodes_total: i32,
    pub(crate) nodes_online: i32,
    pub(crate) instances_total: i32,
    pub(crate) instances_running: i32,
    pub(crate) missing: i32,
    pub(crate) memory_total_mib: i64,
    pub(crate) memory_free_mib: i64,
    pub(crate) disk_total_mib: i64,
    pub(crate) disk_free_mib: i64,
    pub(crate) memory_allocated_mib: i64,
    pub(crate) disk_allocated_mib: i64,
    pub(crate) certificate_not_after: Option<DateTime<Utc>>,
    pub(crate) revision: i64,
    pub(crate) config_version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) paused: bool,
    pub(crate) held_read_only: bool,
    /// 0: as the service is configured.
    pub(crate) poll_interval_seconds: i32,
    pub(crate) requests_per_minute: Option<i32>,
    pub(crate) bulk_seconds: Option<f64>,
    /// `off`, `write` or `remove`.
    pub(crate) owner_tags: String,
}

/// How well gwm knows a cluster: what every answer says of the clusters that it shows something of.
#[derive(Debug, Clone)]
pub(crate) struct Freshness {
    pub(crate) cluster_id: Uuid,
    pub(crate) slug: String,
    pub(crate) reachable: bool,
    pub(crate) last_success: Option<DateTime<Utc>>,
    pub(crate) error: String,
    pub(crate) error_code: String,
    pub(crate) next_attempt: Option<DateTime<Utc>>,
    pub(crate) interval_seconds: f64,
    pub(crate) missing: i32,
    pub(crate) read_only: bool,
}

/// What the create form offers, from `/2/info`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Offers {
    pub(crate) hypervisors: Vec<String>,
    pub(crate) disk_templates: Vec<String>,
    pub(crate) iallocator: String,
    pub(crate) hypervisor: String,
    pub(crate) nic_mode: String,
    pub(crate) nic_link: String,
    pub(crate) vcpus: u64,
    pub(crate) memory_mib: u64,
}

impl Offers {
    /// Takes them from the cluster's answer.
    pub(crate) fn of(info: &gwm_rapi::ClusterInfo) -> Self {
        let be = info.default_beparams();
        let nic = info.default_nicparams();
        Self {
            hypervisors: info.enabled_hypervisors.clone(),
            disk_templates: info.enabled_disk_templates.clone(),
            iallocator: info.default_iallocator.clone().unwrap_or_default(),
            hypervisor: info
                .default_hypervisor
                .clone()
                .or_else(|| info.enabled_hypervisors.first().cloned())
                .unwrap_or_default(),
            nic_mode: nic.and_then(|n| n.mode.clone()).unwrap_or_default(),
            nic_link: nic.and_then(|n| n.link.clone()).unwrap_or_default(),
            vcpus: be.and_then(|b| b.vcpus).unwrap_or(1),
            memory_mib: be.and_then(|b| b.maxmem.or(b.memory)).unwrap_or(128),
        }
    }
}

impl ClusterRecord {
    /// How well gwm knows it.
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness {
            cluster_id: self.cluster_id,
            slug: self.slug.clone(),
            reachable: self.reachable,
            last_success: self.last_success,
            error: self.error.clone(),
            error_code: self.error_code.clone(),
            next_attempt: self.next_attempt,
            interval_seconds: self.interval_seconds,
            missing: self.missing,
            read_only: self.read_only(),
        }
    }

    /// Whether gwm has no credential to write with, or is not to use it.
    pub(crate) fn read_only(&self) -> bool {
        self.write_password_sealed.is_none() || self.held_read_only
    }

    /// Refuses while an administrator wants the cluster left alone.
    pub(crate) fn check_paused(&self) -> Result<(), Fault> {
        if !self.paused {
            return Ok(());
        }
        let text = format!("{} is paused: an administrator can resume it", self.slug);
        Err(Fault::new(ErrorCode::Unavailable, PAUSED, text))
    }

    /// Takes in what `/2/info` said; yields whether anything that is told of changed.
    pub(crate) fn take_info(&mut self, info: &gwm_rapi::ClusterInfo) -> bool {
        let before = self.object();
        self.name.clone_from(&info.name);
        self.ganeti_version = info.software_version.clone().unwrap_or_default();
        self.master_node = info.master.clone().unwrap_or_default();
        self.enabled_hypervisors.clone_from(&info.enabled_hypervisors);
        self.tags.clone_from(&info.tags);
        self.tags.sort();
        self.offers = Json(Offers::of(info));
        before != self.object()
    }

    /// The object in events.
    pub(crate) fn object(&self) -> inventory::Cluster {
        let known = |text: &String| (!text.is_empty()).then(|| text.clone());
        inventory::Cluster {
            id: self.cluster_id.to_string(),
            slug: self.slug.clone(),
            name: known(&self.name),
            uuid: Some(self.ganeti_uuid.to_string()),
            ganeti_version: known(&self.ganeti_version),
            master_node: known(&self.master_node),
            endpoints: self.endpoints.clone(),
            read_only: self.read_only(),
            paused: self.paused,
            owner_tags: self.owner_tags.clone(),
            reachable: self.reachable,
            last_success: self.last_success,
            error: known(&self.error),
            tags: self.tags.clone(),
            revision: unsigned(self.revision),
            created_at: self.created_at,
        }
    }
}

impl std::fmt::Debug for ClusterRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterRecord")
            .field("cluster_id", &self.cluster_id)
            .field("slug", &self.slug)
            .finish_non_exhaustive()
    }
}
