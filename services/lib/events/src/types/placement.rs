//! What is left of an event for those who may not see where instances run (`view_placement` on the cluster). Whole
//! fields go, no text is searched for names; an event of which nothing is left is none.
//!
//! Objects are taken apart field by field, so a new field does not compile before it is said here what becomes of
//! it; the names of the fields whose change is told stand beside that, and a test compares both.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::inventory::{Cluster, Disk, Instance, Network, Nic};
use super::jobs::{Job, JobError, JobObject, JobStep};
use crate::Event;

/// What stands instead of Ganeti's words.
const FOR_OPERATORS: &str = "the details are for operators of this cluster";

/// An event as somebody gets it who sees its object and not where things run; none when there is nothing to get:
/// nodes, node groups and Ganeti's own jobs, and changes of which nothing may be seen.
#[must_use]
pub fn without_placement(kind: &str, payload: &[u8]) -> Option<String> {
    match kind {
        "instance" => left_of::<Instance>(payload, &INSTANCE),
        "network" => left_of::<Network>(payload, &NETWORK),
        "cluster" => left_of::<Cluster>(payload, &CLUSTER),
        "job" => left_of::<Job>(payload, &JOB),
        _ => None,
    }
}

/// Why a job failed, for those who do not see what Ganeti says: `message` where it is in gwm's own words, else words
/// for the code.
#[must_use]
pub fn error_message(code: &str, message: &str) -> String {
    let words = match code {
        "object_replaced" | "superseded" | "read_only" | "cluster_removed" | "ganeti_job_lost"
        | "ganeti_forgot" | "expired" | "not_found" | "permission_denied" | "invalid_argument" => {
            return message.to_owned();
        }
        "already_exists" => "Ganeti says that there is such an object already",
        "insufficient_resources" => "the cluster has not enough room for it",
        "rejected" => "Ganeti refused the request",
        "unauthorized" => "Ganeti refused gwm's credential",
        "ganeti_error" => "Ganeti's job failed",
        _ => "it failed",
    };
    format!("{words}; {FOR_OPERATORS}")
}

/// How a kind of object is masked.
struct Mask<T> {
    object: fn(T) -> T,
    /// The fields whose value before may be told.
    told: &'static [&'static str],
    /// Those whose value before is told as far as it is told of the object: its new value decides.
    partly: &'static [(&'static str, Part)],
}

/// Leaves of a value what may be told; none when it can't be read.
type Part = fn(Value) -> Option<Value>;

fn left_of<T: Serialize + DeserializeOwned>(payload: &[u8], mask: &Mask<T>) -> Option<String> {
    let mut event: Event<T> = serde_json::from_slice(payload).ok()?;
    let told_of_changes = !event.data.changed.is_empty();
    event.data.object = (mask.object)(event.data.object);
    let now = serde_json::to_value(&event.data.object).ok()?;
    let changed = std::mem::take(&mut event.data.changed);
    event.data.changed = changed
        .into_iter()
        .filter_map(|(field, before)| {
            if mask.told.contains(&field.as_str()) {
                return Some((field, before));
            }
            let (_, part) = mask.partly.iter().find(|(name, _)| *name == field)?;
            let before = part(before)?;
            (now.get(&field) != Some(&before)).then_some((field, before))
        })
        .collect();
    if told_of_changes && event.data.changed.is_empty() {
        return None;
    }
    serde_json::to_string(&event).ok()
}

const INSTANCE: Mask<Instance> = Mask {
    object: instance,
    told: &[
        "uuid",
        "name",
        "cluster",
        "status",
        "admin_state",
        "hypervisor",
        "os",
        "vcpus",
        "memory_mib",
        "disk_mib",
        "disk_template",
        "disks",
        "tags",
        "owner",
        "missing",
        "revision",
        "config_version",
        "created_at",
        "modified_at",
        "seen_at",
        // No field of the object.
        "notes_revision",
    ],
    partly: &[("nics", |before| {
        let nics: Vec<Nic> = serde_json::from_value(before).ok()?;
        serde_json::to_value(nics.into_iter().map(nic).collect::<Vec<_>>()).ok()
    })],
};

fn instance(instance: Instance) -> Instance {
    let Instance {
        uuid,
        name,
        cluster,
        status,
        admin_state,
        primary_node: _,
        secondary_nodes: _,
        node_group: _,
        hypervisor,
        os,
        vcpus,
        memory_mib,
        disk_mib,
        disk_template,
        nics,
        disks,
        tags,
        owner,
        missing,
        revision,
        config_version,
        created_at,
        modified_at,
        seen_at,
    } = instance;
    Instance {
        uuid,
        name,
        cluster,
        status,
        admin_state,
        primary_node: None,
        secondary_nodes: Vec::new(),
        node_group: None,
        hypervisor,
        os,
        vcpus,
        memory_mib,
        disk_mib,
        disk_template,
        nics: nics.into_iter().map(nic).collect(),
        disks: disks.into_iter().map(disk).collect(),
        tags,
        owner,
        missing,
        revision,
        config_version,
        created_at,
        modified_at,
        seen_at,
    }
}

fn nic(nic: Nic) -> Nic {
    let Nic { mac, ip, mode: _, link: _, network, name } = nic;
    Nic { mac, ip, mode: None, link: None, network, name }
}

fn disk(disk: Disk) -> Disk {
    let Disk { size_mib, uuid, name } = disk;
    Disk { size_mib, uuid, name }
}

const NETWORK: Mask<Network> = Mask {
    object: network,
    told: &[
        "uuid",
        "name",
        "cluster",
        "network",
        "gateway",
        "network6",
        "gateway6",
        "mac_prefix",
        "addresses_free",
        "addresses_reserved",
        "tags",
        "missing",
        "revision",
        "config_version",
        "created_at",
        "modified_at",
        "seen_at",
    ],
    partly: &[],
};

fn network(network: Network) -> Network {
    let Network {
        uuid,
        name,
        cluster,
        network,
        gateway,
        network6,
        gateway6,
        mac_prefix,
        addresses_free,
        addresses_reserved,
        connections: _,
        tags,
        missing,
        revision,
        config_version,
        created_at,
        modified_at,
        seen_at,
    } = network;
    Network {
        uuid,
        name,
        cluster,
        network,
        gateway,
        network6,
        gateway6,
        mac_prefix,
        addresses_free,
        addresses_reserved,
        connections: Vec::new(),
        tags,
        missing,
        revision,
        config_version,
        created_at,
        modified_at,
        seen_at,
    }
}

const CLUSTER: Mask<Cluster> = Mask {
    object: cluster,
    told: &[
        "id",
        "slug",
        "name",
        "uuid",
        "ganeti_version",
        "read_only",
        "paused",
        "owner_tags",
        "reachable",
        "last_success",
        "tags",
        "revision",
        "created_at",
    ],
    partly: &[],
};

fn cluster(cluster: Cluster) -> Cluster {
    let Cluster {
        id,
        slug,
        name,
        uuid,
        ganeti_version,
        master_node: _,
        endpoints: _,
        read_only,
        paused,
        owner_tags,
        reachable,
        last_success,
        error: _,
        tags,
        revision,
        created_at,
    } = cluster;
    Cluster {
        id,
        slug,
        name,
        uuid,
        ganeti_version,
        master_node: None,
        endpoints: Vec::new(),
        read_only,
        paused,
        owner_tags,
        reachable,
        last_success,
        error: None,
        tags,
        revision,
        created_at,
    }
}

const JOB: Mask<Job> = Mask {
    object: job,
    told: &[
        "id",
        "cluster",
        "kind",
        "object",
        "state",
        "steps",
        "ganeti_jobs",
        "requested_by",
        "acting_as",
        "created_at",
        "started_at",
        "ended_at",
        // In gwm's own words.
        "waiting_for",
        "log_lines",
        "stale",
        "revision",
        "origin",
    ],
    partly: &[],
};

fn job(job: Job) -> Job {
    let Job {
        id,
        cluster,
        kind,
        object,
        state,
        steps,
        ganeti_jobs,
        requested_by,
        acting_as,
        created_at,
        started_at,
        ended_at,
        waiting_for,
        error,
        log_lines,
        stale,
        revision,
        origin,
    } = job;
    let JobObject { kind: object_kind, uuid, name } = object;
    let step = |JobStep { name, state, ganeti_job, ganeti_status }| JobStep {
        name,
        state,
        ganeti_job,
        ganeti_status,
    };
    // Hints are gwm's own words.
    let error = error.map(|JobError { code, message, hint }| {
        let message = error_message(&code, &message);
        JobError { code, message, hint }
    });
    Job {
        id,
        cluster,
        kind,
        object: JobObject { kind: object_kind, uuid, name },
        state,
        steps: steps.into_iter().map(step).collect(),
        ganeti_jobs,
        requested_by,
        acting_as,
        created_at,
        started_at,
        ended_at,
        waiting_for,
        error,
        log_lines,
        stale,
        revision,
        origin,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::inventory::{INSTANCE_CHANGED, INSTANCE_REMOVED};
    use crate::types::jobs::JOB_FAILED;
    use crate::types::{EventType, Object};

    /// Fields of the type that are neither told nor told in part, in the order of their names.
    fn hidden<T: Object + Serialize>(mask: &Mask<T>) -> Vec<String> {
        let object = serde_json::to_value(T::example("changed")).unwrap();
        let fields = object.as_object().unwrap().keys().cloned();
        let known = |f: &String| {
            mask.told.contains(&f.as_str()) || mask.partly.iter().any(|(name, _)| name == f)
        };
        let mut hidden: Vec<String> = fields.filter(|f| !known(f)).collect();
        hidden.sort();
        hidden
    }

    #[test]
    fn of_each_field_it_is_said_whether_its_change_may_be_told() {
        assert_eq!(hidden(&INSTANCE), ["node_group", "primary_node", "secondary_nodes"]);
        assert_eq!(hidden(&NETWORK), ["connections"]);
        assert_eq!(hidden(&CLUSTER), ["endpoints", "error", "master_node"]);
        assert_eq!(hidden(&JOB), ["error"]);
    }

    /// What is left of the type's example when these fields changed.
    fn left<T: Object + Serialize>(event: EventType<T>, changed: Value) -> Option<Value> {
        let Value::Object(changed) = changed else { panic!("an object") };
        let object = T::example(event.event);
        let event = Event::new(event, "test", chrono::DateTime::UNIX_EPOCH, object)
            .changed(changed.into_iter().collect());
        let payload = serde_json::to_vec(&event).unwrap();
        Some(serde_json::from_str(&without_placement(T::KIND, &payload)?).unwrap())
    }

    #[test]
    fn an_instance_keeps_all_but_where_it_runs() {
        let seen = left(INSTANCE_CHANGED, json!({"primary_node": "node3", "status": "running"}));
        let seen = seen.unwrap();
        let text = seen.to_string();
        for name in ["node1", "node2", "node3", "\"default\"", "br0", "bridged"] {
            assert!(!text.contains(name), "{name}: {text}");
        }
        let object = &seen["data"]["object"];
        assert_eq!(object["primary_node"], Value::Null);
        assert_eq!(object["secondary_nodes"], json!([]));
        assert_eq!(object["node_group"], Value::Null);
        assert_eq!(object["nics"][0]["ip"], "192.0.2.10");
        assert_eq!(object["tags"], json!(["owner:web"]));
        assert_eq!(seen["data"]["changed"], json!({"status": "running"}));
    }

    #[test]
    fn a_change_of_which_nothing_may_be_seen_is_not_told() {
        assert!(left(INSTANCE_CHANGED, json!({"primary_node": "node3"})).is_none());
        let nic = |ip: &str, link: &str| {
            json!({"nics": [{"mac": "aa:00:00:12:34:56", "ip": ip, "mode": "routed",
                "link": link, "network": null, "name": null}]})
        };
        // Another bridge, or another address.
        assert!(left(INSTANCE_CHANGED, nic("192.0.2.10", "br7")).is_none());
        let seen = left(INSTANCE_CHANGED, nic("192.0.2.11", "br7")).unwrap();
        assert_eq!(seen["data"]["changed"]["nics"][0]["ip"], "192.0.2.11");
        assert!(!seen.to_string().contains("br7"), "{seen}");
        // What tells of no change is told.
        assert!(left(INSTANCE_REMOVED, json!({})).is_some());
    }

    #[test]
    fn of_a_failed_job_the_code_stays_and_ganetis_words_go() {
        let example = Job::example("failed");
        let error = example.error.unwrap();
        let seen = left(JOB_FAILED, json!({})).unwrap();
        let told = &seen["data"]["object"]["error"];
        assert_eq!(told["code"], error.code);
        assert_ne!(told["message"], error.message);
        assert_eq!(error_message("object_replaced", "our words"), "our words");
        for code in ["ganeti_error", "rejected", "unauthorized", "already_exists", "new"] {
            let words = error_message(code, "node1 is full");
            assert!(!words.contains("node1") && words.ends_with(FOR_OPERATORS), "{words}");
        }
    }

    #[test]
    fn of_clusters_and_networks_machines_and_links_go_and_nodes_are_not_told_of() {
        use crate::types::inventory::{CLUSTER_CHANGED, NETWORK_CHANGED, NODE_CHANGED, Node};
        let cluster = left(CLUSTER_CHANGED, json!({"tags": []})).unwrap();
        let object = &cluster["data"]["object"];
        assert_eq!((&object["master_node"], &object["endpoints"]), (&Value::Null, &json!([])));
        assert_eq!(object["error"], Value::Null);
        assert_eq!(object["ganeti_version"], "3.0.2");
        let network = left(NETWORK_CHANGED, json!({"connections": [], "tags": []})).unwrap();
        assert_eq!(network["data"]["object"]["connections"], json!([]));
        assert_eq!(network["data"]["changed"], json!({"tags": []}));
        let node = Event::new(
            NODE_CHANGED,
            "test",
            chrono::DateTime::UNIX_EPOCH,
            Node::example("changed"),
        );
        let payload = serde_json::to_vec(&node).unwrap();
        assert_eq!(without_placement("node", &payload), None);
        assert_eq!(without_placement("instance", b"{}"), None);
    }
}
