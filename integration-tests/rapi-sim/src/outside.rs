//! Changes from outside, as if made by Ganeti's command line or by fate.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::clock::Stamp;
use crate::handle::SimCluster;

/// Something that happens without this project's doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Outside {
    /// `gnt-instance startup`.
    Start {
        /// Name of the instance.
        instance: String,
    },
    /// `gnt-instance shutdown`.
    Stop {
        /// Name of the instance.
        instance: String,
    },
    /// `gnt-instance reboot`.
    Reboot {
        /// Name of the instance.
        instance: String,
    },
    /// The instance dies; no job.
    Crash {
        /// Name of the instance.
        instance: String,
    },
    /// `gnt-instance add-tags`, `remove-tags`.
    Tag {
        /// Name of the instance.
        instance: String,
        /// Tags to add.
        #[serde(default)]
        add: Vec<String>,
        /// Tags to remove.
        #[serde(default)]
        remove: Vec<String>,
    },
    /// `gnt-instance add`.
    Create(NewInstance),
    /// `gnt-instance remove`.
    Remove {
        /// Name of the instance.
        instance: String,
    },
    /// Removed and made again: same name, other UUID; no job is left in the queue.
    Recreate {
        /// Name of the instance.
        instance: String,
    },
    /// `gnt-instance migrate`.
    Migrate {
        /// Name of the instance.
        instance: String,
    },
    /// `gnt-instance rename` of a stopped instance.
    Rename {
        /// Name of the instance.
        instance: String,
        /// New name.
        to: String,
    },
    /// `gnt-instance modify -B ...`.
    Modify {
        /// Name of the instance.
        instance: String,
        /// Backend parameters, as `{"vcpus": 4}`.
        beparams: Map<String, Value>,
    },
    /// A node stops answering, or answers again; no job.
    NodeDown {
        /// Name of the node.
        node: String,
        /// Whether it is down.
        down: bool,
    },
    /// `gnt-node modify --offline`.
    NodeOffline {
        /// Name of the node.
        node: String,
        /// Whether it is offline.
        offline: bool,
    },
}

/// What `gnt-instance add` is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewInstance {
    /// Name.
    pub instance: String,
    /// Disk template.
    #[serde(default = "plain")]
    pub disk_template: String,
    /// Disk sizes in MiB.
    #[serde(default)]
    pub disks: Vec<u64>,
    /// Memory in MiB.
    #[serde(default = "memory")]
    pub memory: u64,
    /// Whether it is started.
    #[serde(default = "yes")]
    pub start: bool,
}

fn plain() -> String {
    "plain".to_owned()
}

fn memory() -> u64 {
    512
}

fn yes() -> bool {
    true
}

/// Why a change from outside was not made.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// No such instance or node.
    #[error("{0} is not in the cluster")]
    Unknown(String),
    /// Ganeti refused it.
    #[error("job {0} ended {1}")]
    Failed(u64, String),
}

impl SimCluster {
    /// Makes a change and waits until it is made; answers the Ganeti job, where there was one.
    pub async fn outside(&self, change: Outside) -> Result<Option<u64>, OutsideError> {
        let (op_id, command, more) = match change {
            Outside::Crash { instance } => return self.live(&instance, |i| i.running_on = None),
            Outside::Recreate { instance } => return self.recreate(&instance),
            Outside::NodeDown { node, down } => return self.node_down(&node, down),
            Outside::Start { instance } => named("OP_INSTANCE_STARTUP", "startup", &instance),
            Outside::Stop { instance } => named("OP_INSTANCE_SHUTDOWN", "shutdown", &instance),
            Outside::Reboot { instance } => named("OP_INSTANCE_REBOOT", "reboot", &instance),
            Outside::Remove { instance } => named("OP_INSTANCE_REMOVE", "remove", &instance),
            Outside::Migrate { instance } => named("OP_INSTANCE_MIGRATE", "migrate", &instance),
            Outside::Rename { instance, to } => {
                let more = json!({"instance_name": instance, "new_name": to});
                ("OP_INSTANCE_RENAME", "rename", more)
            }
            Outside::Modify { instance, beparams } => {
                let more = json!({"instance_name": instance, "beparams": beparams});
                ("OP_INSTANCE_SET_PARAMS", "modify", more)
            }
            Outside::NodeOffline { node, offline } => {
                ("OP_NODE_SET_PARAMS", "modify", json!({"node_name": node, "offline": offline}))
            }
            Outside::Tag { instance, add, remove } => {
                let tags = |list| json!({"kind": "instance", "name": instance, "tags": list});
                let mut last = None;
                if !add.is_empty() {
                    last = Some(self.command("OP_TAGS_SET", "add-tags", tags(add)).await?);
                }
                if !remove.is_empty() {
                    last = Some(self.command("OP_TAGS_DEL", "remove-tags", tags(remove)).await?);
                }
                return Ok(last);
            }
            Outside::Create(new) => {
                let disks: Vec<Value> = new.disks.iter().map(|s| json!({"size": s})).collect();
                let more = json!({
                    "instance_name": new.instance, "mode": "create", "nics": [{}],
                    "disks": disks, "start": new.start, "iallocator": "hail",
                    "disk_template":
                        if new.disks.is_empty() { "diskless" } else { &new.disk_template },
                    "os_type": "noop+default", "hypervisor": "kvm",
                    "beparams": {"minmem": new.memory, "maxmem": new.memory, "vcpus": 1},
                });
                ("OP_INSTANCE_CREATE", "add", more)
            }
        };
        self.command(op_id, command, more).await.map(Some)
    }

    /// Runs an opcode as the command line would: a job with the client's reason trail.
    async fn command(&self, op_id: &str, name: &str, more: Value) -> Result<u64, OutsideError> {
        let now = Stamp::now().nanos();
        let mut op = Map::from_iter([
            ("OP_ID".to_owned(), json!(op_id)),
            ("debug_level".to_owned(), json!(0)),
            ("priority".to_owned(), json!(0)),
            ("depends".to_owned(), Value::Null),
            ("comment".to_owned(), Value::Null),
            ("reason".to_owned(), json!([["gnt:client:gnt-instance", name, now]])),
        ]);
        op.extend(more.as_object().cloned().unwrap_or_default());
        let id = self.shared().submit(vec![op]);
        let mut changes = self.shared().changes();
        loop {
            let ended = self.shared().with(|w| {
                w.queue.jobs.get(&id).map(|job| job.status).filter(|status| status.is_final())
            });
            match ended.map(crate::jobs::Status::word) {
                Some("success") => return Ok(id),
                Some(other) => return Err(OutsideError::Failed(id, other.to_owned())),
                None if changes.changed().await.is_err() => {
                    return Err(OutsideError::Failed(id, "lost".to_owned()));
                }
                None => {}
            }
        }
    }

    fn live(
        &self,
        name: &str,
        change: impl FnOnce(&mut crate::state::Instance),
    ) -> Result<Option<u64>, OutsideError> {
        self.edit(|c| c.instances.get_mut(name).map(change))
            .map(|()| None)
            .ok_or_else(|| OutsideError::Unknown(name.to_owned()))
    }

    fn recreate(&self, name: &str) -> Result<Option<u64>, OutsideError> {
        let now = Stamp::now().float();
        self.edit(|c| {
            let uuid = c.rng.uuid();
            let found = c.instances.get_mut(name)?;
            found.uuid = uuid;
            found.serial_no = 1;
            found.ctime = now;
            found.mtime = now;
            found.boots += 1;
            Some(())
        })
        .map(|()| None)
        .ok_or_else(|| OutsideError::Unknown(name.to_owned()))
    }

    fn node_down(&self, name: &str, down: bool) -> Result<Option<u64>, OutsideError> {
        self.edit(|c| c.nodes.get_mut(name).map(|n| n.down = down))
            .map(|()| None)
            .ok_or_else(|| OutsideError::Unknown(name.to_owned()))
    }
}

fn named(
    op_id: &'static str,
    name: &'static str,
    instance: &str,
) -> (&'static str, &'static str, Value) {
    (op_id, name, json!({"instance_name": instance, "reboot_type": "hard"}))
}
