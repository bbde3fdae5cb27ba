//! What each object is called, and a full one of each for the examples.

use chrono::{DateTime, TimeZone, Utc};

use super::access::{Grant, GrantObject, InstanceOwner, Session, Token, User};
use super::audit::{Outcome, Person, Phase, Record, RecordObject};
use super::console::Console;
use super::inventory::{
    Cluster, Connection, Disk, GanetiJob, GanetiJobObject, Instance, Network, Nic, Node, NodeGroup,
    Stream,
};
use super::jobs::{Job, JobObject, JobStep};
use super::{Object, jobs};
use crate::Class;

const INSTANCE_UUID: &str = "8a8f1c2e-5c1b-4d3c-9d7e-2f4f0a9b6c11";
const NODE_UUID: &str = "c7a4c4c7-3e0a-4a4e-8f63-1d1fb6d0c9aa";
const USER_ID: &str = "019309a4-0000-7000-8000-00000000a001";
const CLUSTER_ID: &str = "019309a4-0000-7000-8000-00000000c001";

/// The moment at which all examples happen.
pub(crate) fn example_time() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 2, 9, 30, 0).single().expect("a time that exists")
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

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

impl Object for Job {
    const KIND: &'static str = "job";
    const CLASS: Class = Class::Jobs;

    fn cluster(&self) -> Option<&str> {
        Some(&self.cluster)
    }
    fn id(&self) -> String {
        self.id.clone()
    }
    fn name(&self) -> &str {
        &self.id
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(event: &str) -> Self {
        let ended = matches!(event, "succeeded" | "failed" | "canceled");
        let started = ended || event != "queued";
        let (step, ganeti_status) = match event {
            "queued" => ("pending", None),
            "succeeded" => ("succeeded", some("success")),
            "failed" => ("failed", some("error")),
            "canceled" => ("failed", some("canceled")),
            _ => ("submitted", some("running")),
        };
        Self {
            id: "019309a4-0000-7000-8000-000000000101".to_owned(),
            cluster: "alpha".to_owned(),
            kind: "startup".to_owned(),
            object: JobObject {
                kind: "instance".to_owned(),
                uuid: some(INSTANCE_UUID),
                name: "web1.example.com".to_owned(),
            },
            state: if ended || !started { event } else { "running" }.to_owned(),
            steps: vec![JobStep {
                name: "startup".to_owned(),
                state: step.to_owned(),
                ganeti_job: started.then_some(4711),
                ganeti_status,
            }],
            ganeti_jobs: if started { vec![4711] } else { Vec::new() },
            requested_by: some("jane"),
            acting_as: None,
            created_at: example_time(),
            started_at: started.then(example_time),
            ended_at: ended.then(example_time),
            waiting_for: (event == "queued").then(|| "a place in alpha's queue".to_owned()),
            error: (event == "failed").then(|| jobs::JobError {
                code: "ganeti_error".to_owned(),
                message: "Not enough memory on node node1.example.com".to_owned(),
                hint: some("Free memory on the node, or move the instance."),
            }),
            log_lines: if started { 3 } else { 0 },
            stale: false,
            revision: if started { 5 } else { 1 },
            origin: "gwm".to_owned(),
        }
    }
}

impl Object for User {
    const KIND: &'static str = "user";
    const CLASS: Class = Class::Access;

    fn cluster(&self) -> Option<&str> {
        None
    }
    fn id(&self) -> String {
        self.id.clone()
    }
    fn name(&self) -> &str {
        &self.username
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(_event: &str) -> Self {
        Self {
            id: USER_ID.to_owned(),
            username: "jane".to_owned(),
            is_admin: false,
            disabled: false,
            created_at: example_time(),
            revision: 1,
        }
    }
}

impl Object for Session {
    const KIND: &'static str = "session";
    const CLASS: Class = Class::Access;

    fn cluster(&self) -> Option<&str> {
        None
    }
    fn id(&self) -> String {
        self.id.clone()
    }
    fn name(&self) -> &str {
        &self.username
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(event: &str) -> Self {
        Self {
            id: "019309a4-0000-7000-8000-00000000b001".to_owned(),
            user_id: USER_ID.to_owned(),
            username: "jane".to_owned(),
            client_address: some("192.0.2.77"),
            started_at: example_time(),
            ended_at: (event == "ended").then(example_time),
            revision: 1,
        }
    }
}

impl Object for Token {
    const KIND: &'static str = "token";
    const CLASS: Class = Class::Access;

    fn cluster(&self) -> Option<&str> {
        None
    }
    fn id(&self) -> String {
        self.id.clone()
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(event: &str) -> Self {
        Self {
            id: "019309a4-0000-7000-8000-00000000d001".to_owned(),
            name: "backup script".to_owned(),
            user_id: USER_ID.to_owned(),
            username: "jane".to_owned(),
            created_at: example_time(),
            revoked_at: (event == "revoked").then(example_time),
            revision: 1,
        }
    }
}

impl Object for Grant {
    const KIND: &'static str = "grant";
    const CLASS: Class = Class::Access;

    fn cluster(&self) -> Option<&str> {
        None
    }
    fn id(&self) -> String {
        self.id.clone()
    }
    fn name(&self) -> &str {
        &self.id
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(_event: &str) -> Self {
        Self {
            id: "019309a4-0000-7000-8000-00000000e001".to_owned(),
            user_id: USER_ID.to_owned(),
            username: "jane".to_owned(),
            permission: "power".to_owned(),
            object: GrantObject {
                kind: "instance".to_owned(),
                cluster_id: CLUSTER_ID.to_owned(),
                uuid: some(INSTANCE_UUID),
            },
            created_at: example_time(),
            created_by: some("admin"),
            revision: 1,
        }
    }
}

impl Object for InstanceOwner {
    const KIND: &'static str = "owner";
    const CLASS: Class = Class::Access;

    fn cluster(&self) -> Option<&str> {
        None
    }
    fn id(&self) -> String {
        self.uuid.clone()
    }
    fn order_key(&self) -> String {
        format!("owner/{}/{}", self.cluster_id, self.uuid)
    }
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.uuid)
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(_event: &str) -> Self {
        Self {
            uuid: INSTANCE_UUID.to_owned(),
            cluster_id: CLUSTER_ID.to_owned(),
            name: some("web1.example.com"),
            owner: some("user/jane"),
            owner_id: some(USER_ID),
            since: example_time(),
            set_by: some("admin"),
            revision: 412,
        }
    }
}

impl Object for Console {
    const KIND: &'static str = "console";
    const CLASS: Class = Class::Console;

    fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }
    fn id(&self) -> String {
        self.id.clone()
    }
    fn name(&self) -> &str {
        self.instance.as_deref().unwrap_or(&self.id)
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(event: &str) -> Self {
        Self {
            id: "019309a4-0000-7000-8000-00000000f001".to_owned(),
            cluster: some("alpha"),
            instance_uuid: some(INSTANCE_UUID),
            instance: some("web1.example.com"),
            kind: "vnc".to_owned(),
            user_id: some(USER_ID),
            username: some("jane"),
            client_address: some("192.0.2.77"),
            opened_at: (event != "refused").then(example_time),
            closed_at: (event == "closed").then(example_time),
            reason: match event {
                "opened" => None,
                "closed" => some("the browser closed it"),
                _ => some("ticket_used"),
            },
            revision: if event == "closed" { 2 } else { 1 },
        }
    }
}

impl Object for Record {
    const KIND: &'static str = "record";
    const CLASS: Class = Class::Audit;

    fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }
    fn id(&self) -> String {
        self.id.clone()
    }
    /// The end of a job's act must not overtake its beginning.
    fn order_key(&self) -> String {
        self.job_id.clone().unwrap_or_else(|| self.id())
    }
    fn name(&self) -> &str {
        &self.action
    }
    fn revision(&self) -> u64 {
        self.number
    }
    fn example(_event: &str) -> Self {
        Self {
            id: "019309a4-0000-7000-8000-000000009001".to_owned(),
            number: 1207,
            at: example_time(),
            service: "job-runner".to_owned(),
            action: "instance.startup".to_owned(),
            phase: Phase::End,
            outcome: Some(Outcome::Failed),
            reason: some("ganeti_error"),
            person: Some(Person {
                user_id: some(USER_ID),
                username: some("jane"),
                acting_as: None,
                session_id: some("019309a4-0000-7000-8000-00000000b001"),
                token_id: None,
                client_address: some("192.0.2.77"),
            }),
            cluster: some("alpha"),
            object: Some(RecordObject {
                kind: "instance".to_owned(),
                id: some(INSTANCE_UUID),
                name: some("web1.example.com"),
            }),
            job_id: some("019309a4-0000-7000-8000-000000000101"),
            request_id: some("019309a4-0000-7000-8000-000000008001"),
            details: [("ganeti_job".to_owned(), 4711.into())].into(),
            previous_hash: some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            hash: some("60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"),
        }
    }
}
