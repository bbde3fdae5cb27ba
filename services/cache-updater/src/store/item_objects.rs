//! Node groups and networks as items: kept, compared and told of like nodes and instances.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gwm_events::types::inventory::{
    NETWORK_CHANGED, NETWORK_CREATED, NETWORK_DISCOVERED, NETWORK_FORGOTTEN, NETWORK_REMOVED,
    NODE_GROUP_CHANGED, NODE_GROUP_CREATED, NODE_GROUP_DISCOVERED, NODE_GROUP_FORGOTTEN,
    NODE_GROUP_REMOVED,
};
use gwm_pg::outbox::OutboxRow;
use serde_json::Value;
use uuid::Uuid;

use super::item::{Context, Item, What, row};
use crate::domain::{NetworkRecord, NodeGroupRecord};
use crate::error::Result;

impl Item for NodeGroupRecord {
    const TABLE: &'static str = "node_group";
    const COLUMNS: &'static [&'static str] = &[
        "uuid",
        "name",
        "alloc_policy",
        "node_count",
        "tags",
        "said",
        "raw_hash",
        "revision",
        "config_version",
        "created_at",
        "modified_at",
        "seen_at",
        "absent",
        "missing",
    ];

    fn uuid(&self) -> Uuid {
        self.uuid
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn revision(&mut self) -> &mut i64 {
        &mut self.revision
    }
    fn mark(&mut self, seen_at: Option<DateTime<Utc>>, absent: bool, missing: bool) {
        self.seen_at = seen_at.unwrap_or(self.seen_at);
        self.absent = absent;
        self.missing = missing;
    }
    fn is_absent(&self) -> bool {
        self.absent
    }
    fn is_missing(&self) -> bool {
        self.missing
    }
    fn made_at(&self) -> Option<DateTime<Utc>> {
        self.created_at
    }
    fn follow(&mut self, before: &Self, cluster: &str) -> BTreeMap<String, Value> {
        Self::follow(self, before, cluster)
    }
    fn tell(
        &self,
        context: &Context,
        what: What,
        changed: BTreeMap<String, Value>,
    ) -> Result<OutboxRow> {
        let kind = match what {
            What::Discovered => NODE_GROUP_DISCOVERED,
            What::Created => NODE_GROUP_CREATED,
            What::Changed | What::Missing => NODE_GROUP_CHANGED,
            What::Removed => NODE_GROUP_REMOVED,
            What::Forgotten => NODE_GROUP_FORGOTTEN,
        };
        let effective = if what == What::Created { self.created_at } else { None };
        row(kind, self.object(&context.slug), context, changed, effective)
    }
}

impl Item for NetworkRecord {
    const TABLE: &'static str = "network";
    const COLUMNS: &'static [&'static str] = &[
        "uuid",
        "name",
        "network",
        "gateway",
        "network6",
        "gateway6",
        "mac_prefix",
        "addresses_free",
        "addresses_reserved",
        "node_groups",
        "connections",
        "tags",
        "said",
        "raw_hash",
        "revision",
        "config_version",
        "created_at",
        "modified_at",
        "seen_at",
        "absent",
        "missing",
    ];

    fn uuid(&self) -> Uuid {
        self.uuid
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn revision(&mut self) -> &mut i64 {
        &mut self.revision
    }
    fn mark(&mut self, seen_at: Option<DateTime<Utc>>, absent: bool, missing: bool) {
        self.seen_at = seen_at.unwrap_or(self.seen_at);
        self.absent = absent;
        self.missing = missing;
    }
    fn is_absent(&self) -> bool {
        self.absent
    }
    fn is_missing(&self) -> bool {
        self.missing
    }
    fn made_at(&self) -> Option<DateTime<Utc>> {
        self.created_at
    }
    fn follow(&mut self, before: &Self, cluster: &str) -> BTreeMap<String, Value> {
        Self::follow(self, before, cluster)
    }
    fn tell(
        &self,
        context: &Context,
        what: What,
        changed: BTreeMap<String, Value>,
    ) -> Result<OutboxRow> {
        let kind = match what {
            What::Discovered => NETWORK_DISCOVERED,
            What::Created => NETWORK_CREATED,
            What::Changed | What::Missing => NETWORK_CHANGED,
            What::Removed => NETWORK_REMOVED,
            What::Forgotten => NETWORK_FORGOTTEN,
        };
        let effective = if what == What::Created { self.created_at } else { None };
        row(kind, self.object(&context.slug), context, changed, effective)
    }
}
