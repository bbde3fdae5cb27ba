//! All event types, for what is generated from them and for tests.

use chrono::TimeDelta;
use schemars::Schema;
use serde_json::Value;
use uuid::Uuid;

use super::objects::example_time;
use super::{EventType, Object, access, audit, console, inventory, jobs};
use crate::envelope::{Actor, CauseKind, Event};
use crate::{Class, Result};

/// An event type without its Rust type.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The class of its subject.
    pub class: Class,
    /// The object's word.
    pub kind: &'static str,
    /// What happened.
    pub event: &'static str,
    /// A sentence for integrators.
    pub about: &'static str,
    /// `org.ganeti.gwm.<kind>.<event>.v1`.
    pub name: String,
    /// See [`Event::dataschema`].
    pub schema_name: String,
    /// Makes the JSON Schema of the whole event.
    pub schema: fn() -> Schema,
    /// A full example.
    pub example: Value,
    /// Checks that a payload decodes as this type.
    pub decode: fn(&[u8]) -> Result<()>,
}

fn register<T: Object>(event_type: EventType<T>, number: u128) -> Registered {
    Registered {
        class: T::CLASS,
        kind: event_type.kind,
        event: event_type.event,
        about: event_type.about,
        name: event_type.name(),
        schema_name: event_type.schema_name(),
        schema: || schemars::schema_for!(Event<T>),
        example: example(event_type, number),
        decode: |payload| Event::<T>::decode(payload).map(|_| ()),
    }
}

fn example<T: Object>(event_type: EventType<T>, number: u128) -> Value {
    let at = example_time();
    let changed = match event_type.event {
        "changed" if event_type.kind == "owner" => Some(("owner", Value::from("user/carla"))),
        "changed" if event_type.kind == "user" => Some(("disabled", Value::from(false))),
        "changed" => Some(("tags", Value::from(["before"]))),
        "status_changed" => Some(("status", Value::from("ADMIN_down"))),
        "progressed" => Some(("log_lines", Value::from(2))),
        _ => None,
    };
    let cause = match (event_type.kind, event_type.event) {
        (_, "discovered") => Some((CauseKind::Import, None)),
        ("instance" | "node" | "node_group" | "network", _) => {
            Some((CauseKind::GanetiJob, Some("4711".to_owned())))
        }
        _ => None,
    };
    let mut event = Event::new(event_type, T::CLASS.publisher(), at, T::example(event_type.event))
        .changed(changed.into_iter().map(|(field, before)| (field.to_owned(), before)).collect())
        .traceparent(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()))
        .actor((T::CLASS != Class::Inventory).then(|| Actor {
            user_id: "019309a4-0000-7000-8000-00000000a001".to_owned(),
            username: "jane".to_owned(),
            acting_as: None,
        }));
    if let Some((kind, id)) = cause {
        event = event.cause(kind, id);
    }
    if changed_before_it_was_seen(event_type.kind, event_type.event) {
        event = event
            .not_before(Some(at - TimeDelta::seconds(30)))
            .effective_at(Some(at - TimeDelta::seconds(2)));
    }
    event.id = Uuid::from_u128(0x0193_09a4_0000_7000_9000_0000_0000_0000 + number);
    serde_json::to_value(&event).expect("an example is plain data")
}

/// What happens in Ganeti is seen after it happened; what happens in gwm is known at once.
fn changed_before_it_was_seen(kind: &str, event: &str) -> bool {
    matches!(kind, "instance" | "node" | "node_group" | "network")
        && matches!(event, "created" | "changed" | "status_changed" | "removed")
}

/// All event types, in the order of the documentation.
pub fn registered() -> Vec<Registered> {
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    vec![
        register(inventory::CLUSTER_ADDED, next()),
        register(inventory::CLUSTER_CHANGED, next()),
        register(inventory::CLUSTER_REACHABLE, next()),
        register(inventory::CLUSTER_UNREACHABLE, next()),
        register(inventory::CLUSTER_FORGOTTEN, next()),
        register(inventory::NODE_DISCOVERED, next()),
        register(inventory::NODE_CREATED, next()),
        register(inventory::NODE_CHANGED, next()),
        register(inventory::NODE_REMOVED, next()),
        register(inventory::NODE_FORGOTTEN, next()),
        register(inventory::INSTANCE_DISCOVERED, next()),
        register(inventory::INSTANCE_CREATED, next()),
        register(inventory::INSTANCE_CHANGED, next()),
        register(inventory::INSTANCE_STATUS_CHANGED, next()),
        register(inventory::INSTANCE_REMOVED, next()),
        register(inventory::INSTANCE_MISSING, next()),
        register(inventory::INSTANCE_FORGOTTEN, next()),
        register(inventory::STREAM_RESET, next()),
        register(jobs::JOB_QUEUED, next()),
        register(jobs::JOB_STARTED, next()),
        register(jobs::JOB_PROGRESSED, next()),
        register(jobs::JOB_SUCCEEDED, next()),
        register(jobs::JOB_FAILED, next()),
        register(jobs::JOB_CANCELED, next()),
        register(access::USER_CREATED, next()),
        register(access::SESSION_STARTED, next()),
        register(access::SESSION_ENDED, next()),
        register(access::TOKEN_CREATED, next()),
        register(access::TOKEN_REVOKED, next()),
        register(access::GRANT_ADDED, next()),
        register(access::GRANT_REMOVED, next()),
        register(console::CONSOLE_OPENED, next()),
        register(console::CONSOLE_CLOSED, next()),
        register(console::CONSOLE_REFUSED, next()),
        register(access::OWNER_CHANGED, next()),
        register(audit::RECORD_APPENDED, next()),
        register(inventory::NODE_GROUP_DISCOVERED, next()),
        register(inventory::NODE_GROUP_CREATED, next()),
        register(inventory::NODE_GROUP_CHANGED, next()),
        register(inventory::NODE_GROUP_REMOVED, next()),
        register(inventory::NODE_GROUP_FORGOTTEN, next()),
        register(inventory::NETWORK_DISCOVERED, next()),
        register(inventory::NETWORK_CREATED, next()),
        register(inventory::NETWORK_CHANGED, next()),
        register(inventory::NETWORK_REMOVED, next()),
        register(inventory::NETWORK_FORGOTTEN, next()),
        register(inventory::INSTANCE_NOTES_CHANGED, next()),
        register(inventory::GANETI_JOB_SUBMITTED, next()),
        register(inventory::GANETI_JOB_STARTED, next()),
        register(inventory::GANETI_JOB_ENDED, next()),
        register(access::GROUP_CREATED, next()),
        register(access::GROUP_CHANGED, next()),
        register(access::GROUP_DELETED, next()),
        register(access::USER_CHANGED, next()),
        register(access::ROLE_CREATED, next()),
        register(access::ROLE_CHANGED, next()),
        register(access::ROLE_DELETED, next()),
        register(access::QUOTA_CHANGED, next()),
        register(access::SSH_KEY_ADDED, next()),
        register(access::SSH_KEY_REMOVED, next()),
    ]
}
