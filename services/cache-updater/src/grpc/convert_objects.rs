//! Node groups, networks, OSes and parameters as messages.

use gwm_proto::cache as pb;
use uuid::Uuid;

use super::convert::{connection, timestamp, to_value};
use super::mask;
use crate::domain::{NetworkRecord, NodeGroupRecord, Parameter, unsigned};
use crate::seen::Placement;
use crate::store::OsRecord;

pub(super) fn node_group(g: &NodeGroupRecord, cluster_id: Uuid, slug: &str) -> pb::NodeGroup {
    pb::NodeGroup {
        uuid: g.uuid.to_string(),
        name: g.name.clone(),
        cluster: slug.to_owned(),
        cluster_id: cluster_id.to_string(),
        alloc_policy: g.alloc_policy.clone(),
        nodes: g.node_count.and_then(|n| u32::try_from(n).ok()),
        tags: g.tags.clone(),
        revision: unsigned(g.revision),
        config_version: g.config_version.to_string(),
        created_at: g.created_at.map(timestamp),
        modified_at: g.modified_at.map(timestamp),
        seen_at: Some(timestamp(g.seen_at)),
        missing: g.missing,
    }
}

pub(super) fn network(
    n: &NetworkRecord,
    cluster_id: Uuid,
    slug: &str,
    placement: &Placement,
) -> pb::Network {
    let told = pb::Network {
        uuid: n.uuid.to_string(),
        name: n.name.clone(),
        cluster: slug.to_owned(),
        cluster_id: cluster_id.to_string(),
        network: n.network.clone(),
        gateway: n.gateway.clone(),
        network6: n.network6.clone(),
        gateway6: n.gateway6.clone(),
        mac_prefix: n.mac_prefix.clone(),
        addresses_free: n.addresses_free.map(unsigned),
        addresses_reserved: n.addresses_reserved.map(unsigned),
        connections: n.connections.iter().map(|c| connection(c, &n.name)).collect(),
        tags: n.tags.clone(),
        revision: unsigned(n.revision),
        config_version: n.config_version.to_string(),
        created_at: n.created_at.map(timestamp),
        modified_at: n.modified_at.map(timestamp),
        seen_at: Some(timestamp(n.seen_at)),
        missing: n.missing,
    };
    if placement.shows(cluster_id) { told } else { mask::network(told) }
}

pub(super) fn os(os: &OsRecord, cluster_id: Uuid, slug: &str, instances: u32) -> pb::Os {
    pb::Os {
        name: os.name.clone(),
        cluster: slug.to_owned(),
        cluster_id: cluster_id.to_string(),
        hidden: os.hidden,
        blacklisted: os.blacklisted,
        instances,
        read_at: Some(timestamp(os.read_at)),
    }
}

pub(super) fn parameter(p: Parameter) -> pb::Parameter {
    pb::Parameter {
        kind: p.kind.to_owned(),
        part: p.part,
        name: p.name,
        value: p.value.map(to_value),
        origin: p.origin.to_owned(),
    }
}
