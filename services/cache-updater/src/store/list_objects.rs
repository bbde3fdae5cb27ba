//! The fields of the lists of node groups, networks and OSes.

use chrono::{DateTime, Utc};
use gwm_query::{Kind, Table};
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::item::Item;
use super::list::{KEYS, field};
use crate::domain::InstanceSummary;

/// A row that lists show: every item, and OSes, of which there are no events.
pub(crate) trait Listable: for<'r> FromRow<'r, PgRow> + Send + Unpin {
    const TABLE: &'static str;
    const COLUMNS: &'static [&'static str];
    fn uuid(&self) -> Uuid;
}

impl<T: Item> Listable for T {
    const TABLE: &'static str = <T as Item>::TABLE;
    const COLUMNS: &'static [&'static str] = <T as Item>::COLUMNS;
    fn uuid(&self) -> Uuid {
        Item::uuid(self)
    }
}

impl Listable for InstanceSummary {
    const TABLE: &'static str = "instance";
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
        "owner",
        "revision",
        "config_version",
        "created_at",
        "modified_at",
        "seen_at",
        "missing",
    ];
    fn uuid(&self) -> Uuid {
        self.uuid
    }
}

/// A row of `os`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct OsRecord {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) hidden: bool,
    pub(crate) blacklisted: bool,
    pub(crate) read_at: DateTime<Utc>,
}

impl Listable for OsRecord {
    const TABLE: &'static str = "os";
    const COLUMNS: &'static [&'static str] = &["uuid", "name", "hidden", "blacklisted", "read_at"];
    fn uuid(&self) -> Uuid {
        self.uuid
    }
}

pub(crate) static NODE_GROUPS: Table = Table {
    name: "node groups",
    words: "o.name",
    default_sort: "name",
    keys: KEYS,
    fields: &[
        field(&["name", "node_group", "group"], "o.name", Kind::Text, Some("o.name")),
        field(&["uuid"], "o.uuid::text", Kind::Text, None),
        field(&["cluster"], "o.cluster", Kind::Text, Some("o.cluster")),
        field(&["alloc_policy", "policy"], "o.alloc_policy", Kind::Text, Some("o.alloc_policy")),
        field(&["nodes"], "o.node_count", Kind::Number, Some("coalesce(o.node_count, -1)::bigint")),
        field(&["tag", "tags"], "o.tags", Kind::Texts, None),
        field(&["missing"], "o.missing", Kind::Flag, None),
    ],
};

pub(crate) static NETWORKS: Table = Table {
    name: "networks",
    words: "o.name",
    default_sort: "name",
    keys: KEYS,
    fields: &[
        field(&["name"], "o.name", Kind::Text, Some("o.name")),
        field(&["uuid"], "o.uuid::text", Kind::Text, None),
        field(&["cluster"], "o.cluster", Kind::Text, Some("o.cluster")),
        field(&["network"], "o.network", Kind::Text, Some("o.network")),
        field(&["gateway"], "o.gateway", Kind::Text, None),
        field(&["network6"], "o.network6", Kind::Text, None),
        field(&["gateway6"], "o.gateway6", Kind::Text, None),
        field(&["mac_prefix"], "o.mac_prefix", Kind::Text, None),
        field(&["node_group", "group"], "o.node_groups", Kind::Texts, None),
        field(
            &["addresses_free", "free"],
            "o.addresses_free",
            Kind::Number,
            Some("coalesce(o.addresses_free, -1)"),
        ),
        field(
            &["addresses_reserved", "reserved"],
            "o.addresses_reserved",
            Kind::Number,
            Some("coalesce(o.addresses_reserved, -1)"),
        ),
        field(&["tag", "tags"], "o.tags", Kind::Texts, None),
        field(&["missing"], "o.missing", Kind::Flag, None),
    ],
};

pub(crate) static OSES: Table = Table {
    name: "OSes",
    words: "o.name",
    default_sort: "name",
    keys: KEYS,
    fields: &[
        field(&["name", "os"], "o.name", Kind::Text, Some("o.name")),
        field(&["cluster"], "o.cluster", Kind::Text, Some("o.cluster")),
        field(&["hidden"], "o.hidden", Kind::Flag, None),
        field(&["blacklisted"], "o.blacklisted", Kind::Flag, None),
    ],
};
