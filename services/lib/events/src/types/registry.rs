//! All event types, for what is generated from them and for tests.

use schemars::Schema;
use serde_json::Value;
use uuid::Uuid;

use super::objects::example_time;
use super::{EventType, Object, access, audit, console, inventory, jobs};
use crate::envelope::{Actor, CauseKind, Data, Event};
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
    /// Makes a full example.
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
    let mut event = Event::new(event_type, T::CLASS.publisher(), at, T::example())
        .changed([("status".to_owned(), Value::from("before"))].into())
        .not_before(Some(at - chrono::TimeDelta::seconds(30)))
        .effective_at(Some(at - chrono::TimeDelta::seconds(2)))
        .cause(CauseKind::GanetiJob, Some("4711".to_owned()))
        .actor(Some(Actor {
            user_id: "019309a4-0000-7000-8000-00000000a001".to_owned(),
            username: "jane".to_owned(),
            acting_as: None,
        }))
        .traceparent(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()));
    event.id = Uuid::from_u128(0x0193_09a4_0000_7000_9000_0000_0000_0000 + number);
    clear_what_does_not_happen(&mut event.data, event_type.event);
    serde_json::to_value(&event).expect("an example is plain data")
}

/// What is new or found at first look has no state before, and so no fields that changed.
fn clear_what_does_not_happen<T>(data: &mut Data<T>, event: &str) {
    if !matches!(event, "changed" | "status_changed" | "progressed") {
        data.changed.clear();
    }
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
        register(audit::RECORD_APPENDED, next()),
    ]
}
