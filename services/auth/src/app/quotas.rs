//! Choosing limits.

use std::collections::BTreeMap;

use gwm_authz::Principal;
use gwm_events::types::audit::RecordObject;
use serde_json::Value;
use uuid::Uuid;

use super::person;
use crate::domain::{ALL, Choice, PersonaName};
use crate::error::{Error, Result};
use crate::store::audit::{Cluster, Entry};
use crate::store::quota::QuotaRow;
use crate::store::{PgConnection, Store, audit, cluster, commit, event, persona, quota};

/// What is to be chosen.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// None: everybody who has none of their own.
    pub(crate) persona: Option<PersonaName>,
    /// A cluster, or [`ALL`].
    pub(crate) place: Uuid,
    /// The cluster's slug, for the records.
    pub(crate) slug: Option<String>,
    /// By the resource's word; of defaults the `most_` ones, too.
    pub(crate) choices: Vec<(String, Choice)>,
    pub(crate) counts_all: Option<bool>,
    /// 0: whatever it is.
    pub(crate) revision: i64,
}

/// Chooses it; yields the row with the persona's name. What was chosen already changes nothing.
pub(crate) async fn choose(
    store: &Store,
    who: &Principal,
    chosen: &Chosen,
) -> Result<(QuotaRow, Option<String>)> {
    let mut tx = store.begin().await?;
    let (id, name) = match &chosen.persona {
        None => (ALL, None),
        Some(name) => {
            let found = persona::by_name(&mut tx, name).await?;
            let found = found.ok_or(Error::NotFound(if name.kind == "group" {
                "group"
            } else {
                "user"
            }))?;
            (found.persona_id, Some(name.to_string()))
        }
    };
    let was = quota::lock(&mut tx, chosen.place, id).await?;
    if chosen.revision != 0 && chosen.revision != was.revision {
        return Err(Error::QuotaChanged);
    }
    let mut row = was.clone();
    for (word, choice) in &chosen.choices {
        let column = column(&mut row, word).ok_or_else(|| unknown(word))?;
        *column = choice.column();
    }
    row.counts_all = chosen.counts_all.unwrap_or(row.counts_all);
    let mut changed = BTreeMap::new();
    for word in WORDS {
        let (mut before, mut after) = (was.clone(), row.clone());
        let (before, after) =
            (column(&mut before, word).copied(), column(&mut after, word).copied());
        if before != after {
            changed.insert(word.to_owned(), shown(before.flatten()));
        }
    }
    if was.counts_all != row.counts_all {
        changed.insert("counts".to_owned(), Value::from(counts(was.counts_all)));
    }
    if changed.is_empty() {
        return Ok((was, name));
    }
    let row = quota::put(&mut tx, &row, &who.username).await?;
    let slug = place_slug(&mut tx, chosen).await?;
    let (whose, by) = (name.as_deref(), event::actor_of(who));
    event::quota(&mut tx, &row, slug.as_deref(), whose, changed.clone(), by).await?;
    let mut details: BTreeMap<String, Value> = changed
        .keys()
        .map(|word| {
            let value = match column(&mut row.clone(), word) {
                Some(value) => shown(*value),
                None => Value::from(counts(row.counts_all)),
            };
            (word.clone(), value)
        })
        .collect();
    details.insert("before".to_owned(), changed.into_iter().collect());
    let entry = Entry {
        action: "quota.set",
        person: Some(person(who)),
        cluster: (chosen.place != ALL)
            .then(|| Cluster { id: chosen.place, slug: slug.unwrap_or_default() }),
        object: Some(RecordObject {
            kind: "quota".to_owned(),
            id: Some(row.quota_id.to_string()),
            name: Some(name.clone().unwrap_or_else(|| "everybody".to_owned())),
        }),
        details,
    };
    audit::append_all(&mut tx, vec![entry]).await?;
    commit(tx).await?;
    Ok((row, name))
}

/// What the place is called: as cache-updater told it, or as it was said with the choice.
async fn place_slug(connection: &mut PgConnection, chosen: &Chosen) -> Result<Option<String>> {
    if chosen.place == ALL {
        return Ok(None);
    }
    let known = cluster::slug(connection, chosen.place).await?;
    Ok(Some(known).filter(|slug| !slug.is_empty()).or_else(|| chosen.slug.clone()))
}

const WORDS: [&str; 8] = [
    "memory_mib",
    "vcpus",
    "disk_mib",
    "instances",
    "open_jobs",
    "most_memory_mib",
    "most_vcpus",
    "most_disk_mib",
];

fn column<'a>(row: &'a mut QuotaRow, word: &str) -> Option<&'a mut Option<i64>> {
    Some(match word {
        "memory_mib" => &mut row.memory_mib,
        "vcpus" => &mut row.vcpus,
        "disk_mib" => &mut row.disk_mib,
        "instances" => &mut row.instances,
        "open_jobs" => &mut row.open_jobs,
        "most_memory_mib" => &mut row.most_memory_mib,
        "most_vcpus" => &mut row.most_vcpus,
        "most_disk_mib" => &mut row.most_disk_mib,
        _ => return None,
    })
}

fn unknown(word: &str) -> Error {
    let word: String = word.chars().take(40).collect();
    Error::invalid("choices", format!("{word:?} is nothing that is limited"))
}

/// For events and records: a word or a number.
fn shown(value: Option<i64>) -> Value {
    match Choice::stored(value) {
        Choice::Value(value) => Value::from(value),
        word @ (Choice::Inherit | Choice::Unlimited) => Value::from(word.as_str()),
    }
}

/// The word for what counts.
pub(crate) fn counts(all: bool) -> &'static str {
    if all { "all" } else { "running" }
}
