//! What is left of an answer for those who may not see where instances run: whole fields go, no text is searched for
//! names. Each message is written out field by field, so a new field does not compile before it is said here what
//! becomes of it.

use gwm_proto::cache as pb;
use prost_types::Struct;

use crate::domain::PAUSED;
use crate::seen::FOR_OPERATORS;

pub(super) fn instance(i: pb::Instance) -> pb::Instance {
    pb::Instance {
        primary_node: String::new(),
        secondary_nodes: Vec::new(),
        node_group: String::new(),
        nics: i.nics.into_iter().map(nic).collect(),
        disks: i.disks.into_iter().map(disk).collect(),
        uuid: i.uuid,
        name: i.name,
        cluster: i.cluster,
        cluster_id: i.cluster_id,
        status: i.status,
        admin_state: i.admin_state,
        hypervisor: i.hypervisor,
        os: i.os,
        vcpus: i.vcpus,
        memory_mib: i.memory_mib,
        disk_mib: i.disk_mib,
        disk_template: i.disk_template,
        tags: i.tags,
        revision: i.revision,
        config_version: i.config_version,
        created_at: i.created_at,
        modified_at: i.modified_at,
        seen_at: i.seen_at,
        missing: i.missing,
        owner: i.owner,
    }
}

/// A bridge is the cluster's, and its name may be a node's or another customer's.
fn nic(n: pb::Nic) -> pb::Nic {
    pb::Nic {
        mode: String::new(),
        link: String::new(),
        mac: n.mac,
        ip: n.ip,
        network: n.network,
        name: n.name,
    }
}

fn disk(d: pb::Disk) -> pb::Disk {
    pb::Disk { size_mib: d.size_mib, uuid: d.uuid, name: d.name }
}

pub(super) fn instance_detail(d: pb::InstanceDetail) -> pb::InstanceDetail {
    let backend = |p: &pb::Parameter| p.kind == "beparams";
    pb::InstanceDetail {
        hvparams: Some(Struct::default()),
        own_hvparams: Vec::new(),
        parameters: d.parameters.into_iter().filter(backend).collect(),
        // They are a node group's policy.
        violations: Vec::new(),
        said: Some(Struct::default()),
        instance: d.instance.map(instance),
        cluster: d.cluster.map(freshness),
        beparams: d.beparams,
        own_beparams: d.own_beparams,
        // In our own words.
        console: d.console,
        memory_used_mib: d.memory_used_mib,
        permissions: d.permissions,
        notes: d.notes,
    }
}

pub(super) fn freshness(f: pb::ClusterFreshness) -> pb::ClusterFreshness {
    pb::ClusterFreshness {
        health: f.health.map(health),
        cluster_id: f.cluster_id,
        slug: f.slug,
        read_only: f.read_only,
    }
}

fn health(h: pb::Health) -> pb::Health {
    pb::Health {
        error: error(&h.error, &h.error_code).to_owned(),
        reachable: h.reachable,
        last_success: h.last_success,
        data_age_seconds: h.data_age_seconds,
        error_code: h.error_code,
        next_attempt: h.next_attempt,
        stale_after_seconds: h.stale_after_seconds,
        missing: h.missing,
    }
}

/// Why a cluster does not answer. That it is paused is gwm's own word.
pub(super) fn error<'a>(text: &'a str, code: &str) -> &'a str {
    if text.is_empty() || code == PAUSED { text } else { FOR_OPERATORS }
}

/// Sums of a whole cluster name no node; they stay with whoever sees all of its instances.
pub(super) fn cluster(c: pb::Cluster) -> pb::Cluster {
    pb::Cluster {
        master_node: String::new(),
        health: c.health.map(health),
        cluster_id: c.cluster_id,
        slug: c.slug,
        name: c.name,
        ganeti_uuid: c.ganeti_uuid,
        ganeti_version: c.ganeti_version,
        // These four are filled for administrators only.
        endpoints: c.endpoints,
        read_username: c.read_username,
        write_username: c.write_username,
        fingerprint: c.fingerprint,
        read_only: c.read_only,
        has_ca: c.has_ca,
        console_enabled: c.console_enabled,
        has_vnc_password: c.has_vnc_password,
        nodes_online: c.nodes_online,
        nodes_total: c.nodes_total,
        instances_running: c.instances_running,
        instances_total: c.instances_total,
        memory_total_mib: c.memory_total_mib,
        memory_free_mib: c.memory_free_mib,
        disk_total_mib: c.disk_total_mib,
        disk_free_mib: c.disk_free_mib,
        revision: c.revision,
        config_version: c.config_version,
        created_at: c.created_at,
        enabled_hypervisors: c.enabled_hypervisors,
        tags: c.tags,
        paused: c.paused,
        held_read_only: c.held_read_only,
        poll_interval_seconds: c.poll_interval_seconds,
        requests_per_minute: c.requests_per_minute,
        bulk_seconds: c.bulk_seconds,
        memory_allocated_mib: c.memory_allocated_mib,
        disk_allocated_mib: c.disk_allocated_mib,
        certificate_not_after: c.certificate_not_after,
        owner_tags: c.owner_tags,
    }
}

/// `/2/info` names the master, bridges, volume groups and directories of nodes.
pub(super) fn cluster_detail(d: pb::ClusterDetail) -> pb::ClusterDetail {
    pb::ClusterDetail {
        said: Some(Struct::default()),
        cluster: d.cluster.map(cluster),
        node_groups: d.node_groups,
        networks: d.networks,
        oses: d.oses,
        master_candidates: d.master_candidates,
        memory_allocated_mib: d.memory_allocated_mib,
        disk_allocated_mib: d.disk_allocated_mib,
    }
}

/// Where it is connected is a matter of node groups and their links.
pub(super) fn network(n: pb::Network) -> pb::Network {
    pb::Network {
        connections: Vec::new(),
        uuid: n.uuid,
        name: n.name,
        cluster: n.cluster,
        cluster_id: n.cluster_id,
        network: n.network,
        gateway: n.gateway,
        network6: n.network6,
        gateway6: n.gateway6,
        mac_prefix: n.mac_prefix,
        addresses_free: n.addresses_free,
        addresses_reserved: n.addresses_reserved,
        tags: n.tags,
        revision: n.revision,
        config_version: n.config_version,
        created_at: n.created_at,
        modified_at: n.modified_at,
        seen_at: n.seen_at,
        missing: n.missing,
    }
}

pub(super) fn network_detail(d: pb::NetworkDetail) -> pb::NetworkDetail {
    pb::NetworkDetail {
        said: Some(Struct::default()),
        network: d.network.map(network),
        instances: d.instances.into_iter().map(instance).collect(),
        instances_total: d.instances_total,
        cluster: d.cluster.map(freshness),
    }
}

/// Nodes are chosen by Ganeti's allocator then, and NICs by network.
pub(super) fn create_options(o: pb::CreateOptions) -> pb::CreateOptions {
    pb::CreateOptions {
        nodes: Vec::new(),
        node_groups: Vec::new(),
        default_nic_mode: String::new(),
        default_nic_link: String::new(),
        oses: o.oses,
        hypervisors: o.hypervisors,
        disk_templates: o.disk_templates,
        networks: o.networks,
        default_iallocator: o.default_iallocator,
        default_hypervisor: o.default_hypervisor,
        default_vcpus: o.default_vcpus,
        default_memory_mib: o.default_memory_mib,
        nodes_online: o.nodes_online,
    }
}

#[cfg(test)]
mod tests {
    use prost_types::{Value, value::Kind};

    use super::*;

    fn filled() -> Struct {
        let value = Value { kind: Some(Kind::StringValue("HIDDEN".to_owned())) };
        Struct { fields: [("HIDDEN".to_owned(), value)].into() }
    }

    fn hidden() -> String {
        "HIDDEN".to_owned()
    }

    fn shown() -> String {
        "shown".to_owned()
    }

    fn an_instance() -> pb::Instance {
        let nic = pb::Nic { mode: hidden(), link: hidden(), ..a_nic() };
        pb::Instance {
            primary_node: hidden(),
            secondary_nodes: vec![hidden()],
            node_group: hidden(),
            nics: vec![nic],
            disks: vec![pb::Disk { size_mib: 1, uuid: shown(), name: shown() }],
            ..what_stays()
        }
    }

    fn a_nic() -> pb::Nic {
        pb::Nic { mac: shown(), ip: shown(), network: shown(), name: shown(), ..pb::Nic::default() }
    }

    fn what_stays() -> pb::Instance {
        pb::Instance {
            uuid: shown(),
            name: shown(),
            status: "ERROR_nodedown".to_owned(),
            hypervisor: "kvm".to_owned(),
            disk_template: "drbd".to_owned(),
            nics: vec![a_nic()],
            disks: vec![pb::Disk { size_mib: 1, uuid: shown(), name: shown() }],
            vcpus: Some(2),
            owner: shown(),
            revision: 7,
            ..pb::Instance::default()
        }
    }

    fn sick() -> pb::Health {
        pb::Health { error: hidden(), error_code: "rapi_dns".to_owned(), ..pb::Health::default() }
    }

    /// What is hidden is marked, whatever way it would be printed.
    fn assert_none_left(message: &impl std::fmt::Debug) {
        let text = format!("{message:?}");
        assert!(!text.contains("HIDDEN"), "{text}");
    }

    #[test]
    fn of_an_instance_all_stays_but_where_it_runs() {
        assert_eq!(instance(an_instance()), what_stays());
        let parameter = |kind: &str, name| pb::Parameter {
            kind: kind.to_owned(),
            name,
            ..pb::Parameter::default()
        };
        let kinds = ["hvparams", "nicparams", "osparams", "ndparams", "ipolicy", "diskparams"];
        let mut parameters: Vec<_> = kinds.iter().map(|kind| parameter(kind, hidden())).collect();
        parameters.push(parameter("beparams", shown()));
        let detail = instance_detail(pb::InstanceDetail {
            instance: Some(an_instance()),
            hvparams: Some(filled()),
            own_hvparams: vec![hidden()],
            parameters,
            violations: vec![hidden()],
            said: Some(filled()),
            cluster: Some(pb::ClusterFreshness { health: Some(sick()), ..Default::default() }),
            own_beparams: vec![shown()],
            ..pb::InstanceDetail::default()
        });
        assert_none_left(&detail);
        assert_eq!(detail.parameters, [parameter("beparams", shown())]);
        assert_eq!(detail.own_beparams, ["shown"]);
    }

    #[test]
    fn a_cluster_is_known_to_be_dead_and_not_which_machine_did_not_answer() {
        let masked = cluster(pb::Cluster {
            master_node: hidden(),
            health: Some(sick()),
            nodes_total: 3,
            ..pb::Cluster::default()
        });
        assert_none_left(&masked);
        assert_eq!((masked.nodes_total, masked.health.unwrap().error.as_str()), (3, FOR_OPERATORS));
        assert_eq!(error("", ""), "");
        assert_eq!(error("an administrator paused it", PAUSED), "an administrator paused it");
        let detail = pb::ClusterDetail { said: Some(filled()), ..pb::ClusterDetail::default() };
        assert_none_left(&cluster_detail(detail));
    }

    #[test]
    fn of_a_network_its_addresses_stay() {
        let connection =
            pb::Connection { node_group: hidden(), link: hidden(), ..Default::default() };
        let detail = network_detail(pb::NetworkDetail {
            network: Some(pb::Network {
                name: shown(),
                gateway: shown(),
                connections: vec![connection],
                ..pb::Network::default()
            }),
            said: Some(filled()),
            instances: vec![an_instance()],
            ..pb::NetworkDetail::default()
        });
        assert_none_left(&detail);
        assert_eq!(detail.network.unwrap().gateway, "shown");
        assert_eq!(detail.instances, [what_stays()]);
    }

    #[test]
    fn no_node_and_no_link_is_offered_for_a_new_instance() {
        let masked = create_options(pb::CreateOptions {
            nodes: vec![hidden()],
            node_groups: vec![hidden()],
            default_nic_mode: hidden(),
            default_nic_link: hidden(),
            networks: vec![shown()],
            oses: vec![shown()],
            ..pb::CreateOptions::default()
        });
        assert_none_left(&masked);
        assert_eq!((masked.networks.len(), masked.oses.len()), (1, 1));
    }
}
