//! What Ganeti has.

use super::{CLUSTER_ID, INSTANCE_UUID, NODE_UUID, example_time, some};
use crate::Class;
use crate::types::Object;
use crate::types::inventory::{
    Cluster, Connection, Disk, GanetiJob, GanetiJobObject, Instance, Network, Nic, Node, NodeGroup,
    Stream,
};

impl Object for Cluster {
    const KIND: &'static str = "cluster";
    const CLASS: Class = Class::Inventory;

    fn cluster(&self) -> Option<&str> {
        Some(&self.slug)
    }
    fn id(&self) -> String {
        self.id.clone()
    }
    fn name(&self) -> &str {
        &self.slug
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(event: &str) -> Self {
        Self {
            id: CLUSTER_ID.to_owned(),
            slug: "alpha".to_owned(),
            name: some("alpha.example.com"),
            uuid: some("5b1f7f0e-6a55-4a3f-8d57-7a1c9a0a7e10"),
            ganeti_version: some("3.0.2"),
            master_node: some("node1.example.com"),
            endpoints: vec!["https://alpha.example.com:5080".to_owned()],
            paused: false,
            owner_tags: "off".to_owned(),
            read_only: false,
            reachable: event != "unreachable",
            last_success: Some(example_time()),
            error: (event == "unreachable")
                .then(|| "connection refused by alpha.example.com:5080".to_owned()),
            tags: vec!["site:fra".to_owned()],
            revision: 7,
            created_at: example_time(),
        }
    }
}

impl Object for Node {
    const KIND: &'static str = "node";
    const CLASS: Class = Class::Inventory;

    fn cluster(&self) -> Option<&str> {
        Some(&self.cluster)
    }
    fn id(&self) -> String {
        self.uuid.clone()
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(_event: &str) -> Self {
        Self {
            uuid: NODE_UUID.to_owned(),
            name: "node1.example.com".to_owned(),
            cluster: "alpha".to_owned(),
            role: "master".to_owned(),
            node_group: some("default"),
            node_group_uuid: some("f3594511-bfd3-4758-b591-c390de15b2da"),
            memory_total_mib: Some(65536),
            memory_free_mib: Some(40960),
            disk_total_mib: Some(953_344),
            disk_free_mib: Some(512_000),
            cpus_total: Some(16),
            instances_primary: 12,
            instances_secondary: 9,
            offline: false,
            drained: false,
            missing: false,
            revision: 31,
            seen_at: example_time(),
        }
    }
}

impl Object for Instance {
    const KIND: &'static str = "instance";
    const CLASS: Class = Class::Inventory;

    fn cluster(&self) -> Option<&str> {
        Some(&self.cluster)
    }
    fn id(&self) -> String {
        self.uuid.clone()
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(event: &str) -> Self {
        Self {
            uuid: INSTANCE_UUID.to_owned(),
            name: "web1.example.com".to_owned(),
            cluster: "alpha".to_owned(),
            status: "running".to_owned(),
            admin_state: "up".to_owned(),
            primary_node: some("node1.example.com"),
            secondary_nodes: vec!["node2.example.com".to_owned()],
            node_group: some("default"),
            hypervisor: "kvm".to_owned(),
            os: "debootstrap+default".to_owned(),
            vcpus: Some(2),
            memory_mib: Some(2048),
            disk_mib: Some(10368),
            disk_template: "drbd".to_owned(),
            nics: vec![Nic {
                mac: some("aa:00:00:12:34:56"),
                ip: some("192.0.2.10"),
                mode: some("bridged"),
                link: some("br0"),
                network: None,
                name: None,
            }],
            disks: vec![Disk {
                size_mib: Some(10240),
                uuid: some("1f6d6c4e-9d7b-4b3f-8a51-0b9f3a7d2e21"),
                name: None,
            }],
            tags: vec!["owner:web".to_owned()],
            owner: None,
            missing: event == "missing",
            revision: 42,
            config_version: "5".to_owned(),
            created_at: Some(example_time()),
            modified_at: Some(example_time()),
            seen_at: example_time(),
        }
    }
}

impl Object for NodeGroup {
    const KIND: &'static str = "node_group";
    const CLASS: Class = Class::Inventory;

    fn cluster(&self) -> Option<&str> {
        Some(&self.cluster)
    }
    fn id(&self) -> String {
        self.uuid.clone()
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(_event: &str) -> Self {
        Self {
            uuid: "f3594511-bfd3-4758-b591-c390de15b2da".to_owned(),
            name: "rack2".to_owned(),
            cluster: "alpha".to_owned(),
            alloc_policy: some("preferred"),
            nodes: Some(8),
            tags: vec!["site:fra".to_owned()],
            missing: false,
            revision: 4,
            config_version: "3".to_owned(),
            created_at: Some(example_time()),
            modified_at: Some(example_time()),
            seen_at: example_time(),
        }
    }
}

impl Object for Network {
    const KIND: &'static str = "network";
    const CLASS: Class = Class::Inventory;

    fn cluster(&self) -> Option<&str> {
        Some(&self.cluster)
    }
    fn id(&self) -> String {
        self.uuid.clone()
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(_event: &str) -> Self {
        Self {
            uuid: "fbd26ae0-a9de-468d-99d7-05c437ae2a2e".to_owned(),
            name: "lan".to_owned(),
            cluster: "alpha".to_owned(),
            network: some("192.0.2.0/24"),
            gateway: some("192.0.2.1"),
            network6: some("2001:db8:50::/64"),
            gateway6: some("2001:db8:50::1"),
            mac_prefix: some("aa:50:01"),
            addresses_free: Some(250),
            addresses_reserved: Some(6),
            connections: vec![Connection {
                node_group: "default".to_owned(),
                mode: some("bridged"),
                link: some("br0"),
                vlan: None,
            }],
            tags: vec!["vlan50".to_owned()],
            missing: false,
            revision: 9,
            config_version: "2".to_owned(),
            created_at: Some(example_time()),
            modified_at: Some(example_time()),
            seen_at: example_time(),
        }
    }
}

impl Object for GanetiJob {
    const KIND: &'static str = "ganeti_job";
    const CLASS: Class = Class::Inventory;

    fn cluster(&self) -> Option<&str> {
        Some(&self.cluster)
    }
    fn id(&self) -> String {
        self.number.to_string()
    }
    /// Numbers begin anew in each cluster.
    fn order_key(&self) -> String {
        format!("{}/{}", self.cluster_id, self.number)
    }
    fn name(&self) -> &str {
        self.summary.first().map_or(&self.op_code, |line| line)
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(event: &str) -> Self {
        let (started, ended) = (event != "submitted", event == "ended");
        Self {
            number: 4711,
            cluster: "alpha".to_owned(),
            cluster_id: CLUSTER_ID.to_owned(),
            status: match event {
                "submitted" => "queued",
                "started" => "running",
                _ => "error",
            }
            .to_owned(),
            op_code: "OP_INSTANCE_STARTUP".to_owned(),
            summary: vec!["INSTANCE_STARTUP(web1.example.com)".to_owned()],
            objects: vec![GanetiJobObject {
                kind: "instance".to_owned(),
                name: "web1.example.com".to_owned(),
                uuid: some(INSTANCE_UUID),
            }],
            gwm_job: None,
            received_at: Some(example_time()),
            started_at: started.then(example_time),
            ended_at: ended.then(example_time),
            error: ended.then(|| "OpPrereqError insufficient_resources".to_owned()),
            revision: match event {
                "submitted" => 1,
                "started" => 2,
                _ => 3,
            },
        }
    }
}

impl Object for Stream {
    const KIND: &'static str = "stream";
    const CLASS: Class = Class::Inventory;

    fn class(&self) -> Class {
        self.class
    }
    fn cluster(&self) -> Option<&str> {
        None
    }
    fn id(&self) -> String {
        self.class.as_str().to_owned()
    }
    fn name(&self) -> &str {
        self.class.as_str()
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(_event: &str) -> Self {
        Self { class: Class::Inventory, revision: 1 }
    }
}
