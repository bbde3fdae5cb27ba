//! Who may do what, and what they did.

use super::{CLUSTER_ID, INSTANCE_UUID, USER_ID, example_time, some};
use crate::Class;
use crate::types::access::{
    Grant, GrantObject, Group, GroupMember, InstanceOwner, Quota, QuotaChoice, Role, Session,
    SshKey, Token, User,
};
use crate::types::audit::{Outcome, Person, Phase, Record, RecordObject};
use crate::types::console::Console;
use crate::types::jobs::{Job, JobObject, JobStep};
use crate::types::{Object, jobs};

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
    fn example(event: &str) -> Self {
        let changed = event == "changed";
        Self {
            id: USER_ID.to_owned(),
            username: "jane".to_owned(),
            is_admin: false,
            disabled: changed,
            created_at: example_time(),
            revision: if changed { 2 } else { 1 },
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
            expires_at: None,
            restricted: false,
            revoked_at: (event == "revoked").then(example_time),
            revision: 1,
        }
    }
}

impl Object for Grant {
    const KIND: &'static str = "grant";
    const CLASS: Class = Class::Access;

    fn cluster(&self) -> Option<&str> {
        self.object.cluster.as_deref()
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
            persona: "user/jane".to_owned(),
            persona_id: USER_ID.to_owned(),
            user_id: some(USER_ID),
            username: some("jane"),
            role: "power".to_owned(),
            object: GrantObject {
                kind: "instance".to_owned(),
                cluster_id: some(CLUSTER_ID),
                cluster: some("alpha"),
                uuid: some(INSTANCE_UUID),
                selector: None,
            },
            created_at: example_time(),
            created_by: some("admin"),
            revision: 1,
        }
    }
}

impl Object for SshKey {
    const KIND: &'static str = "ssh_key";
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
            id: "019309a4-0000-7000-8000-00000000e101".to_owned(),
            name: "jane@laptop".to_owned(),
            user_id: USER_ID.to_owned(),
            username: "jane".to_owned(),
            algorithm: "ssh-ed25519".to_owned(),
            public_key:
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"
                    .to_owned(),
            fingerprint: "SHA256:tgkYCRsRvL9W7lyj2a4HFFZdS3pHvt+x924e5dfuevQ".to_owned(),
            created_at: example_time(),
            revision: if event == "removed" { 2 } else { 1 },
        }
    }
}

impl Object for Role {
    const KIND: &'static str = "role";
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
    fn example(_event: &str) -> Self {
        Self {
            id: "019309a4-0000-7000-8000-00000000a101".to_owned(),
            name: "first-line".to_owned(),
            description: "Restarts machines and looks at their screens".to_owned(),
            permissions: vec!["power".to_owned(), "view_placement".to_owned()],
            created_at: example_time(),
            revision: 1,
        }
    }
}

impl Object for Quota {
    const KIND: &'static str = "quota";
    const CLASS: Class = Class::Access;

    fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }
    fn id(&self) -> String {
        self.id.clone()
    }
    fn name(&self) -> &str {
        self.persona.as_deref().unwrap_or("everybody")
    }
    fn revision(&self) -> u64 {
        self.revision
    }
    fn example(_event: &str) -> Self {
        let choice = |choice: &str, value| QuotaChoice { choice: choice.to_owned(), value };
        Self {
            id: "019309a4-0000-7000-8000-00000000a201".to_owned(),
            persona: some("group/shop"),
            persona_id: some("019309a4-0000-7000-8000-00000000a001"),
            cluster_id: some(CLUSTER_ID),
            cluster: some("alpha"),
            memory_mib: choice("value", Some(16384)),
            vcpus: choice("inherit", None),
            disk_mib: choice("unlimited", None),
            instances: choice("value", Some(8)),
            open_jobs: choice("inherit", None),
            counts: "running".to_owned(),
            most_memory_mib: choice("inherit", None),
            most_vcpus: choice("inherit", None),
            most_disk_mib: choice("inherit", None),
            revision: 2,
        }
    }
}

impl Object for Group {
    const KIND: &'static str = "group";
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
    fn example(_event: &str) -> Self {
        Self {
            id: "019309a4-0000-7000-8000-00000000a001".to_owned(),
            name: "shop".to_owned(),
            description: "Runs the web shop".to_owned(),
            members: vec![GroupMember {
                user_id: USER_ID.to_owned(),
                username: "jane".to_owned(),
                is_admin: true,
                added_at: example_time(),
            }],
            created_at: example_time(),
            revision: 3,
        }
    }
}

impl Object for InstanceOwner {
    const KIND: &'static str = "owner";
    const CLASS: Class = Class::Access;

    fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
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
            cluster: some("alpha"),
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
            cluster_id: some(CLUSTER_ID),
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
