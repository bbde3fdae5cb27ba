//! A node as it is stored. Its free figures move at each look; only a step is an event.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gwm_events::types::inventory;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::said::Said;
use super::{differences, narrow, unsigned, wide};

/// A free figure that moved by more than this many MiB is told ..
const STEP_MIB: u64 = 1024;
/// .. or by more than one in this many of the total.
const STEP_SHARE: i64 = 20;

/// A row of `node`.
#[derive(Debug, Clone, Serialize, FromRow)]
pub(crate) struct NodeRecord {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) role: String,
    /// Empty: not known.
    pub(crate) node_group: String,
    /// Rights go by this: names change.
    pub(crate) node_group_uuid: Option<Uuid>,
    pub(crate) memory_total_mib: Option<i64>,
    pub(crate) memory_free_mib: Option<i64>,
    pub(crate) disk_total_mib: Option<i64>,
    pub(crate) disk_free_mib: Option<i64>,
    pub(crate) memory_free_told: Option<i64>,
    pub(crate) disk_free_told: Option<i64>,
    pub(crate) cpus_total: Option<i32>,
    pub(crate) instances_primary: i32,
    pub(crate) instances_secondary: i32,
    pub(crate) offline: bool,
    pub(crate) drained: bool,
    pub(crate) tags: Vec<String>,
    pub(crate) primary_ip: String,
    pub(crate) secondary_ip: String,
    /// As Ganeti wrote it, without the instances.
    pub(crate) said: Said,
    pub(crate) raw_hash: i64,
    pub(crate) revision: i64,
    pub(crate) seen_at: DateTime<Utc>,
    pub(crate) absent: bool,
    pub(crate) missing: bool,
}

impl NodeRecord {
    /// Reads what Ganeti said.
    pub(crate) fn of(
        said: &gwm_rapi::Node,
        node_group: String,
        raw_hash: i64,
        seen_at: DateTime<Utc>,
    ) -> Self {
        let mut tags = said.tags.clone();
        tags.sort();
        let role = match said.role.as_deref() {
            Some("M") => "master",
            Some("C") => "master-candidate",
            Some("D") => "drained",
            Some("O") => "offline",
            _ => "regular",
        };
        Self {
            uuid: said.uuid,
            name: said.name.clone(),
            role: role.to_owned(),
            node_group,
            node_group_uuid: said.group_uuid,
            memory_total_mib: wide(said.mtotal),
            memory_free_mib: wide(said.mfree),
            disk_total_mib: wide(said.dtotal),
            disk_free_mib: wide(said.dfree),
            memory_free_told: wide(said.mfree),
            disk_free_told: wide(said.dfree),
            cpus_total: narrow(said.ctotal),
            instances_primary: narrow(said.pinst_cnt).unwrap_or(0),
            instances_secondary: narrow(said.sinst_cnt).unwrap_or(0),
            offline: said.offline.unwrap_or(false),
            drained: said.drained.unwrap_or(false),
            tags,
            primary_ip: said.pip.clone().unwrap_or_default(),
            secondary_ip: said.sip.clone().unwrap_or_default(),
            said: sqlx::types::Json(super::said::nothing()),
            raw_hash,
            revision: 1,
            seen_at,
            absent: false,
            missing: false,
        }
    }

    /// As [`super::InstanceRecord::follow`]; free figures count from the last one told.
    pub(crate) fn follow(&mut self, before: &Self, cluster: &str) -> BTreeMap<String, Value> {
        self.revision = before.revision;
        let mut changed = differences(
            &before.object(cluster),
            &self.object(cluster),
            &["revision", "seen_at", "memory_free_mib", "disk_free_mib"],
        );
        if before.node_group_uuid.is_none() {
            // That it is read at all is new, and nothing that happened.
            changed.remove("node_group_uuid");
        }
        if before.tags != self.tags {
            changed.insert("tags".to_owned(), before.tags.clone().into());
        }
        if stepped(before.memory_free_told, self.memory_free_mib, self.memory_total_mib) {
            changed.insert("memory_free_mib".to_owned(), before.memory_free_told.into());
        }
        if stepped(before.disk_free_told, self.disk_free_mib, self.disk_total_mib) {
            changed.insert("disk_free_mib".to_owned(), before.disk_free_told.into());
        }
        if changed.is_empty() {
            self.memory_free_told = before.memory_free_told;
            self.disk_free_told = before.disk_free_told;
        } else {
            // The event shows both figures as they are now.
            self.memory_free_told = self.memory_free_mib;
            self.disk_free_told = self.disk_free_mib;
            self.revision += 1;
        }
        changed
    }

    /// The object in events.
    pub(crate) fn object(&self, cluster: &str) -> inventory::Node {
        let count = |n: i32| u32::try_from(n).unwrap_or(0);
        inventory::Node {
            uuid: self.uuid.to_string(),
            name: self.name.clone(),
            cluster: cluster.to_owned(),
            role: self.role.clone(),
            node_group: (!self.node_group.is_empty()).then(|| self.node_group.clone()),
            node_group_uuid: self.node_group_uuid.map(|uuid| uuid.to_string()),
            memory_total_mib: self.memory_total_mib.map(unsigned),
            memory_free_mib: self.memory_free_mib.map(unsigned),
            disk_total_mib: self.disk_total_mib.map(unsigned),
            disk_free_mib: self.disk_free_mib.map(unsigned),
            cpus_total: self.cpus_total.map(count),
            instances_primary: count(self.instances_primary),
            instances_secondary: count(self.instances_secondary),
            offline: self.offline,
            drained: self.drained,
            missing: self.missing,
            revision: unsigned(self.revision),
            seen_at: self.seen_at,
        }
    }
}

fn stepped(told: Option<i64>, now: Option<i64>, total: Option<i64>) -> bool {
    match (told, now) {
        (Some(told), Some(now)) => {
            let moved = told.abs_diff(now);
            moved > STEP_MIB || total.is_some_and(|t| moved > unsigned(t / STEP_SHARE))
        }
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(free: u64) -> NodeRecord {
        let json = format!(
            r#"{{"uuid": "9d6a8a4e-9a52-4cbf-9f0f-3f1c6f9c2a11", "name": "n1", "role": "M",
                "mtotal": 16384, "mfree": {free}, "dtotal": 100, "dfree": 50}}"#
        );
        NodeRecord::of(
            &serde_json::from_str(&json).unwrap(),
            String::new(),
            0,
            DateTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn free_memory_is_told_in_steps_counted_from_what_was_told() {
        let mut told = node(8000);
        let mut events = 0;
        for free in [7700, 7400, 7200, 7150, 6900, 6300] {
            let mut now = node(free);
            events += usize::from(!now.follow(&told, "a").is_empty());
            assert_eq!(now.memory_free_mib, Some(i64::try_from(free).unwrap()));
            told = now;
        }
        // 5 % of 16 GiB is 819 MiB: told at 7150 and at 6300.
        assert_eq!((events, told.revision), (2, 3));
    }

    #[test]
    fn figures_that_vanish_are_told() {
        let mut dead = node(8000);
        dead.memory_free_mib = None;
        assert!(!dead.follow(&node(8000), "a").is_empty());
    }
}
