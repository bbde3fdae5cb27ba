//! What nodes and instances have in common: rows of a cluster with a UUID, a revision and events.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gwm_events::types::inventory::{
    INSTANCE_CHANGED, INSTANCE_CREATED, INSTANCE_DISCOVERED, INSTANCE_FORGOTTEN, INSTANCE_MISSING,
    INSTANCE_REMOVED, INSTANCE_STATUS_CHANGED, NODE_CHANGED, NODE_CREATED, NODE_DISCOVERED,
    NODE_FORGOTTEN, NODE_REMOVED,
};
use gwm_events::types::{EventType, Object};
use gwm_events::{CauseKind, Event};
use gwm_pg::outbox::OutboxRow;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::{InstanceRecord, NodeRecord, only_status};
use crate::error::Result;

pub(crate) const SERVICE: &str = "cache-updater";

/// What a change is part of.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) cluster_id: Uuid,
    pub(crate) slug: String,
    pub(crate) observed_at: DateTime<Utc>,
    /// The last look that showed the old state.
    pub(crate) not_before: Option<DateTime<Utc>>,
    pub(crate) cause: CauseKind,
    pub(crate) cause_id: Option<String>,
    /// The first look: whatever is new was there before.
    pub(crate) first: bool,
    /// A create job of gwm's ended: what is new was made by it.
    pub(crate) made_here: bool,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Discovered,
    Created,
    Changed,
    Missing,
    Removed,
    Forgotten,
}

/// A row of `node` or `instance`.
pub(crate) trait Item:
    for<'r> FromRow<'r, PgRow> + Serialize + Clone + Send + Sync + Unpin + 'static
{
    /// The table, and the kind in tombstones.
    const TABLE: &'static str;
    /// Whether it has an owner, and rights on it.
    const OWNED: bool = false;
    /// Its columns without `cluster_id`.
    const COLUMNS: &'static [&'static str];

    fn uuid(&self) -> Uuid;
    fn name(&self) -> &str;
    fn revision(&mut self) -> &mut i64;
    fn mark(&mut self, seen_at: Option<DateTime<Utc>>, absent: bool, missing: bool);
    /// Gives what is new here its owner.
    fn own(&mut self, _owner: Option<String>) {}
    /// Whether auth is to hear of its traits, or of those of the instances on it, which rights may depend on.
    fn retold(&self, _before: Option<&Self>) -> bool {
        false
    }
    fn is_absent(&self) -> bool;
    fn is_missing(&self) -> bool;
    /// When Ganeti made it.
    fn made_at(&self) -> Option<DateTime<Utc>>;
    /// Keeps what this look did not read, and takes over revisions; see the records.
    fn follow(&mut self, before: &Self, cluster: &str) -> BTreeMap<String, Value>;
    /// The event as an outbox row.
    fn tell(
        &self,
        context: &Context,
        what: What,
        changed: BTreeMap<String, Value>,
    ) -> Result<OutboxRow>;
}

pub(super) fn row<T: Object>(
    kind: EventType<T>,
    object: T,
    context: &Context,
    changed: BTreeMap<String, Value>,
    effective_at: Option<DateTime<Utc>>,
) -> Result<OutboxRow> {
    let event = Event::new(kind, SERVICE, context.observed_at, object)
        .changed(changed)
        .not_before(context.not_before)
        .effective_at(effective_at)
        .cause(context.cause, context.cause_id.clone())
        .traceparent(gwm_kernel::current_traceparent());
    Ok(event.outbox_row()?)
}

impl Item for InstanceRecord {
    const TABLE: &'static str = "instance";
    const OWNED: bool = true;
    const COLUMNS: &'static [&'static str] = &[
        "uuid",
        "name",
        "status",
        "admin_state",
        "primary_node",
        "secondary_nodes",
        "node_group",
        "hypervisor",
        "os",
        "vcpus",
        "memory_mib",
        "disk_mib",
        "disk_template",
        "nics",
        "disks",
        "tags",
        "hvparams",
        "beparams",
        "own_hvparams",
        "own_beparams",
        "network_port",
        "memory_used_mib",
        "said",
        "owner",
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
    fn own(&mut self, owner: Option<String>) {
        self.owner = owner;
    }
    fn retold(&self, before: Option<&Self>) -> bool {
        before.is_none_or(|b| (&b.tags, &b.primary_node) != (&self.tags, &self.primary_node))
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
        if self.hypervisor.is_empty() {
            self.hypervisor.clone_from(&before.hypervisor);
        }
        Self::follow(self, before, cluster)
    }
    fn tell(
        &self,
        context: &Context,
        what: What,
        changed: BTreeMap<String, Value>,
    ) -> Result<OutboxRow> {
        let kind = match what {
            What::Discovered => INSTANCE_DISCOVERED,
            What::Created => INSTANCE_CREATED,
            What::Changed if only_status(&changed) => INSTANCE_STATUS_CHANGED,
            What::Changed => INSTANCE_CHANGED,
            What::Missing => INSTANCE_MISSING,
            What::Removed => INSTANCE_REMOVED,
            What::Forgotten => INSTANCE_FORGOTTEN,
        };
        let effective = if what == What::Created { self.created_at } else { None };
        row(kind, self.object(&context.slug), context, changed, effective)
    }
}

impl Item for NodeRecord {
    const TABLE: &'static str = "node";
    const OWNED: bool = false;
    const COLUMNS: &'static [&'static str] = &[
        "uuid",
        "name",
        "role",
        "node_group",
        "node_group_uuid",
        "memory_total_mib",
        "memory_free_mib",
        "disk_total_mib",
        "disk_free_mib",
        "memory_free_told",
        "disk_free_told",
        "cpus_total",
        "instances_primary",
        "instances_secondary",
        "offline",
        "drained",
        "tags",
        "primary_ip",
        "secondary_ip",
        "said",
        "raw_hash",
        "revision",
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
    fn own(&mut self, _owner: Option<String>) {}
    fn retold(&self, before: Option<&Self>) -> bool {
        // An instance that was read before its node had no node group to be told of.
        before.is_none_or(|b| (&b.name, b.node_group_uuid) != (&self.name, self.node_group_uuid))
    }
    fn is_absent(&self) -> bool {
        self.absent
    }
    fn is_missing(&self) -> bool {
        self.missing
    }
    fn made_at(&self) -> Option<DateTime<Utc>> {
        None
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
            What::Discovered => NODE_DISCOVERED,
            What::Created => NODE_CREATED,
            What::Changed | What::Missing => NODE_CHANGED,
            What::Removed => NODE_REMOVED,
            What::Forgotten => NODE_FORGOTTEN,
        };
        row(kind, self.object(&context.slug), context, changed, None)
    }
}
