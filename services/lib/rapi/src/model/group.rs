//! A node group.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Params;
use super::lenient::{float_time, null_as_default};

/// A node group, from `/2/groups?bulk=1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its identity.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// `preferred`, `last_resort` or `unallocable`.
    #[serde(default)]
    pub alloc_policy: Option<String>,
    /// Number of nodes.
    #[serde(default)]
    pub node_cnt: Option<u64>,
    /// Names of its nodes.
    #[serde(default, deserialize_with = "null_as_default")]
    pub node_list: Vec<String>,
    /// Instance policy, defaults filled in.
    #[serde(default)]
    pub ipolicy: Params,
    /// Node parameters, defaults filled in.
    #[serde(default)]
    pub ndparams: Params,
    /// Node parameters set on it.
    #[serde(default)]
    pub custom_ndparams: Params,
    /// Instance policy set on it.
    #[serde(default)]
    pub custom_ipolicy: Params,
    /// Disk parameters by disk template, defaults filled in.
    #[serde(default)]
    pub diskparams: Params,
    /// Disk parameters set on it.
    #[serde(default)]
    pub custom_diskparams: Params,
    /// Counter of its configuration changes.
    #[serde(default)]
    pub serial_no: Option<u64>,
    /// When it was made; unknown for the first one.
    #[serde(default, deserialize_with = "float_time")]
    pub ctime: Option<DateTime<Utc>>,
    /// When it last changed.
    #[serde(default, deserialize_with = "float_time")]
    pub mtime: Option<DateTime<Utc>>,
    /// Tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
}
