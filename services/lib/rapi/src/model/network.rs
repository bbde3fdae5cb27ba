//! A network.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::lenient::{float_time, null_as_default};

/// Where a network is connected: group, mode, link, VLAN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Option<String>>")]
pub struct NetworkGroup {
    /// Name of the node group.
    pub group: String,
    /// NIC mode there.
    pub mode: Option<String>,
    /// NIC link there.
    pub link: Option<String>,
    /// VLAN there.
    pub vlan: Option<String>,
}

impl From<Vec<Option<String>>> for NetworkGroup {
    fn from(parts: Vec<Option<String>>) -> Self {
        let mut parts = parts.into_iter().map(|part| part.filter(|text| !text.is_empty()));
        let mut next = || parts.next().flatten();
        Self { group: next().unwrap_or_default(), mode: next(), link: next(), vlan: next() }
    }
}

/// A network, from `/2/networks?bulk=1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Its identity.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// IPv4 network in CIDR form.
    #[serde(default)]
    pub network: Option<String>,
    /// IPv4 gateway.
    #[serde(default)]
    pub gateway: Option<String>,
    /// IPv6 network in CIDR form.
    #[serde(default)]
    pub network6: Option<String>,
    /// IPv6 gateway.
    #[serde(default)]
    pub gateway6: Option<String>,
    /// First octets of MAC addresses in it.
    #[serde(default)]
    pub mac_prefix: Option<String>,
    /// Free addresses.
    #[serde(default)]
    pub free_count: Option<u64>,
    /// Addresses taken or reserved.
    #[serde(default)]
    pub reserved_count: Option<u64>,
    /// Where it is connected.
    #[serde(default, deserialize_with = "null_as_default")]
    pub group_list: Vec<NetworkGroup>,
    /// Names of instances in it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub inst_list: Vec<String>,
    /// One character an address: `X` taken or reserved, `.` free.
    #[serde(default)]
    pub map: Option<String>,
    /// Addresses reserved by hand, separated by commas.
    #[serde(default)]
    pub external_reservations: Option<String>,
    /// Counter of its configuration changes.
    #[serde(default)]
    pub serial_no: Option<u64>,
    /// When it was made.
    #[serde(default, deserialize_with = "float_time")]
    pub ctime: Option<DateTime<Utc>>,
    /// When it last changed.
    #[serde(default, deserialize_with = "float_time")]
    pub mtime: Option<DateTime<Utc>>,
    /// Tags.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
}
