//! A node group as it is stored, and what about it is an event.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gwm_events::types::inventory;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::said::{Said, fields_of, said};
use super::{differences, narrow, unsigned};

/// A row of `node_group`.
#[derive(Debug, Clone, Serialize, FromRow)]
pub(crate) struct NodeGroupRecord {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) alloc_policy: String,
    pub(crate) node_count: Option<i32>,
    pub(crate) tags: Vec<String>,
    pub(crate) said: Said,
    pub(crate) raw_hash: i64,
    pub(crate) revision: i64,
    pub(crate) config_version: i64,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) modified_at: Option<DateTime<Utc>>,
    pub(crate) seen_at: DateTime<Utc>,
    pub(crate) absent: bool,
    pub(crate) missing: bool,
}

/// What of the text is configuration; the columns hold the rest of it.
const CONFIGURATION: [&str; 6] =
    ["ipolicy", "custom_ipolicy", "ndparams", "custom_ndparams", "diskparams", "custom_diskparams"];

impl NodeGroupRecord {
    /// Reads what Ganeti said; `json` is its text.
    pub(crate) fn of(
        group: &gwm_rapi::Group,
        json: &str,
        hash: i64,
        seen_at: DateTime<Utc>,
    ) -> Self {
        let mut tags = group.tags.clone();
        tags.sort();
        Self {
            uuid: group.uuid,
            name: group.name.clone(),
            alloc_policy: group.alloc_policy.clone().unwrap_or_default(),
            node_count: narrow(group.node_cnt),
            tags,
            said: said(json),
            raw_hash: hash,
            revision: 1,
            config_version: 1,
            created_at: group.ctime,
            modified_at: group.mtime,
            seen_at,
            absent: false,
            missing: false,
        }
    }

    /// As [`super::InstanceRecord::follow`].
    pub(crate) fn follow(&mut self, before: &Self, cluster: &str) -> BTreeMap<String, Value> {
        self.revision = before.revision;
        self.config_version = before.config_version;
        if self.configuration() != before.configuration() {
            self.config_version += 1;
        }
        let unheard = ["revision", "seen_at", "created_at", "modified_at"];
        let changed = differences(&before.object(cluster), &self.object(cluster), &unheard);
        self.revision += i64::from(!changed.is_empty());
        changed
    }

    fn configuration(&self) -> impl PartialEq + '_ {
        let mut parameters = fields_of(self.said.get());
        parameters.retain(|name, _| CONFIGURATION.contains(&name.as_str()));
        (&self.name, &self.alloc_policy, &self.tags, parameters)
    }

    /// The object in events.
    pub(crate) fn object(&self, cluster: &str) -> inventory::NodeGroup {
        inventory::NodeGroup {
            uuid: self.uuid.to_string(),
            name: self.name.clone(),
            cluster: cluster.to_owned(),
            alloc_policy: (!self.alloc_policy.is_empty()).then(|| self.alloc_policy.clone()),
            nodes: self.node_count.and_then(|n| u32::try_from(n).ok()),
            tags: self.tags.clone(),
            missing: self.missing,
            revision: unsigned(self.revision),
            config_version: self.config_version.to_string(),
            created_at: self.created_at,
            modified_at: self.modified_at,
            seen_at: self.seen_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"uuid": "9d6a8a4e-9a52-4cbf-9f0f-3f1c6f9c2a11", "name": "default",
        "alloc_policy": "preferred", "node_cnt": 2, "node_list": ["n1", "n2"], "tags": ["b", "a"],
        "ndparams": {"ssh_port": 22}, "custom_ndparams": {}, "ctime": 0, "mtime": 5}"#;

    fn record(json: &str) -> NodeGroupRecord {
        NodeGroupRecord::of(&serde_json::from_str(json).unwrap(), json, 0, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_node_more_is_an_event_and_no_configuration() {
        let mut after = record(&ONE.replace("\"node_cnt\": 2", "\"node_cnt\": 3"));
        let changed = after.follow(&record(ONE), "a");
        assert_eq!(changed.keys().collect::<Vec<_>>(), ["nodes"]);
        assert_eq!((after.revision, after.config_version), (2, 1));
    }

    #[test]
    fn a_node_parameter_moves_the_configuration_version() {
        let mut after = record(&ONE.replace(": 22", ": 23"));
        let changed = after.follow(&record(ONE), "a");
        assert_eq!(changed.keys().collect::<Vec<_>>(), ["config_version"]);
    }

    #[test]
    fn the_order_of_tags_and_a_new_time_are_no_change() {
        let text =
            ONE.replace(r#"["b", "a"]"#, r#"["a", "b"]"#).replace("\"mtime\": 5", "\"mtime\": 6");
        assert!(record(&text).follow(&record(ONE), "a").is_empty());
    }
}
