//! What groups and their members look like in the audit log.

use std::collections::BTreeMap;

use gwm_events::types::audit::{Person, RecordObject};
use serde_json::Value;
use uuid::Uuid;

use crate::store::audit::Entry;
use crate::store::group::GroupRow;

/// For the audit log: with a member, and whether that one administers the group from now on.
pub(crate) fn member_act(
    action: &'static str,
    row: &GroupRow,
    by: Person,
    member: Option<(&str, Uuid, Option<bool>)>,
) -> Entry {
    let mut details = BTreeMap::new();
    if let Some((username, user_id, is_admin)) = member {
        details = of_user(username, user_id);
        details.insert("member".to_owned(), Value::from(username));
        if let Some(is_admin) = is_admin {
            details.insert("is_admin".to_owned(), is_admin.into());
        }
    }
    Entry { action, person: Some(by), cluster: None, object: Some(group_object(row)), details }
}

/// Details that say whom an act concerned: it stands with them, too.
pub(crate) fn of_user(username: &str, user: Uuid) -> BTreeMap<String, Value> {
    [("persona", format!("user/{username}")), ("persona_id", user.to_string())]
        .map(|(key, value)| (key.to_owned(), Value::from(value)))
        .into()
}

/// A group in records.
pub(crate) fn group_object(row: &GroupRow) -> RecordObject {
    RecordObject {
        kind: "group".to_owned(),
        id: Some(row.group_id.to_string()),
        name: Some(row.name.clone()),
    }
}
