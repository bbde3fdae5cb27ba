//! A network as it is stored, and what about it is an event.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gwm_events::types::inventory::{self, Connection};
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::said::{Said, fields_of, said};
use super::{differences, unsigned, wide};

/// A row of `network`.
#[derive(Debug, Clone, Serialize, FromRow)]
pub(crate) struct NetworkRecord {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    /// CIDR; empty: none.
    pub(crate) network: String,
    pub(crate) gateway: String,
    pub(crate) network6: String,
    pub(crate) gateway6: String,
    pub(crate) mac_prefix: String,
    pub(crate) addresses_free: Option<i64>,
    pub(crate) addresses_reserved: Option<i64>,
    pub(crate) node_groups: Vec<String>,
    pub(crate) connections: Json<Vec<Connection>>,
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

impl NetworkRecord {
    /// Reads what Ganeti said; `json` is its text.
    pub(crate) fn of(
        network: &gwm_rapi::Network,
        json: &str,
        hash: i64,
        seen_at: DateTime<Utc>,
    ) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut tags = network.tags.clone();
        tags.sort();
        let mut connections: Vec<Connection> = network
            .group_list
            .iter()
            .map(|group| Connection {
                node_group: group.group.clone(),
                mode: group.mode.clone(),
                link: group.link.clone(),
                vlan: group.vlan.clone(),
            })
            .collect();
        connections.sort_by(|a, b| a.node_group.cmp(&b.node_group));
        Self {
            uuid: network.uuid,
            name: network.name.clone(),
            network: text(&network.network),
            gateway: text(&network.gateway),
            network6: text(&network.network6),
            gateway6: text(&network.gateway6),
            mac_prefix: text(&network.mac_prefix),
            addresses_free: wide(network.free_count),
            addresses_reserved: wide(network.reserved_count),
            node_groups: connections.iter().map(|c| c.node_group.clone()).collect(),
            connections: Json(connections),
            tags,
            said: said(json),
            raw_hash: hash,
            revision: 1,
            config_version: 1,
            created_at: network.ctime,
            modified_at: network.mtime,
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
        // Ganeti counts what instances have in these as well; what is reserved by hand stands only here.
        let reserved = fields_of(self.said.get()).remove("external_reservations");
        (
            (&self.name, &self.network, &self.gateway, &self.network6, &self.gateway6),
            (&self.mac_prefix, &self.connections.0, &self.tags, reserved),
        )
    }

    /// The object in events.
    pub(crate) fn object(&self, cluster: &str) -> inventory::Network {
        let known = |text: &String| (!text.is_empty()).then(|| text.clone());
        inventory::Network {
            uuid: self.uuid.to_string(),
            name: self.name.clone(),
            cluster: cluster.to_owned(),
            network: known(&self.network),
            gateway: known(&self.gateway),
            network6: known(&self.network6),
            gateway6: known(&self.gateway6),
            mac_prefix: known(&self.mac_prefix),
            addresses_free: self.addresses_free.map(unsigned),
            addresses_reserved: self.addresses_reserved.map(unsigned),
            connections: self.connections.0.clone(),
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

    const ONE: &str = r#"{"uuid": "9d6a8a4e-9a52-4cbf-9f0f-3f1c6f9c2a11", "name": "lan",
        "network": "10.50.0.0/28", "gateway": null, "free_count": 10, "reserved_count": 6,
        "map": "XX..", "group_list": [["default", "bridged", "br0", ""]],
        "external_reservations": "10.50.0.0"}"#;

    fn record(json: &str) -> NetworkRecord {
        NetworkRecord::of(&serde_json::from_str(json).unwrap(), json, 0, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn an_address_taken_is_an_event_and_no_configuration() {
        let mut after = record(&ONE.replace("\"free_count\": 10", "\"free_count\": 9"));
        let changed = after.follow(&record(ONE), "a");
        assert_eq!(changed.keys().collect::<Vec<_>>(), ["addresses_free"]);
        assert_eq!((after.revision, after.config_version), (2, 1));
    }

    #[test]
    fn a_reservation_by_hand_moves_the_configuration_version() {
        let mut after = record(&ONE.replace("\"10.50.0.0\"", "\"10.50.0.0, 10.50.0.9\""));
        assert_eq!(after.follow(&record(ONE), "a").keys().collect::<Vec<_>>(), ["config_version"]);
    }

    #[test]
    fn a_network_without_addresses_is_one() {
        let json = r#"{"uuid": "9d6a8a4e-9a52-4cbf-9f0f-3f1c6f9c2a11", "name": "l2",
            "network": null, "free_count": null, "reserved_count": null, "map": null}"#;
        let object = record(json).object("a");
        assert_eq!((object.network, object.addresses_free), (None, None));
        assert!(object.connections.is_empty());
    }
}
