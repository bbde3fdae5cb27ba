//! Audit records of what administrators do to the registry; auth appends them to the log.

use std::collections::BTreeMap;

use chrono::Utc;
use gwm_authz::Principal;
use gwm_events::Event;
use gwm_events::types::audit::{Outcome, Person, Phase, RECORD_APPENDED, Record, RecordObject};
use gwm_pg::outbox::OutboxRow;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::ClusterRecord;
use crate::error::Result;

/// One act that began and ended at once, for the transaction that it is part of.
pub(crate) fn record(
    person: &Principal,
    action: &str,
    cluster: &ClusterRecord,
    details: BTreeMap<String, Value>,
) -> Result<OutboxRow> {
    let object = RecordObject {
        kind: "cluster".to_owned(),
        id: Some(cluster.cluster_id.to_string()),
        name: Some(cluster.slug.clone()),
    };
    row(person, action, Some((cluster.cluster_id, &cluster.slug)), object, details)
}

/// The same, about something that is not there any more.
pub(crate) fn about(
    person: &Principal,
    action: &str,
    kind: &str,
    id: Uuid,
    details: BTreeMap<String, Value>,
) -> Result<OutboxRow> {
    let object = RecordObject { kind: kind.to_owned(), id: Some(id.to_string()), name: None };
    row(person, action, None, object, details)
}

/// The same, about an instance.
pub(crate) fn of_instance(
    person: &Principal,
    action: &str,
    cluster: &ClusterRecord,
    uuid: Uuid,
    name: &str,
    details: BTreeMap<String, Value>,
) -> Result<OutboxRow> {
    let object = RecordObject {
        kind: "instance".to_owned(),
        id: Some(uuid.to_string()),
        name: Some(name.to_owned()),
    };
    row(person, action, Some((cluster.cluster_id, &cluster.slug)), object, details)
}

fn row(
    person: &Principal,
    action: &str,
    cluster: Option<(Uuid, &str)>,
    object: RecordObject,
    details: BTreeMap<String, Value>,
) -> Result<OutboxRow> {
    let record = Record {
        id: Uuid::now_v7().to_string(),
        number: 0,
        at: Utc::now(),
        service: "cache-updater".to_owned(),
        action: action.to_owned(),
        phase: Phase::Single,
        outcome: Some(Outcome::Succeeded),
        reason: None,
        person: Some(Person {
            user_id: Some(person.user_id.to_string()),
            username: Some(person.username.clone()),
            acting_as: person.group(),
            session_id: person.session_id.map(|s| s.to_string()),
            token_id: person.token_id.map(|t| t.to_string()),
            client_address: Some(person.client_address.clone()),
        }),
        cluster: cluster.map(|(_, slug)| slug.to_owned()),
        cluster_id: cluster.map(|(id, _)| id.to_string()),
        object: Some(object),
        job_id: None,
        request_id: gwm_kernel::current_request_id(),
        details,
        previous_hash: None,
        hash: None,
    };
    let event = Event::new(RECORD_APPENDED, "cache-updater", record.at, record)
        .traceparent(gwm_kernel::current_traceparent());
    Ok(event.intake_row("cache-updater")?)
}
