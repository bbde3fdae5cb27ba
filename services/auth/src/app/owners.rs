//! Setting owners of instances, one or thousands: all of them or none.

use std::collections::{BTreeMap, HashMap};

use gwm_authz::Principal;
use gwm_events::Actor;
use gwm_events::types::audit::RecordObject;
use serde_json::Value;
use uuid::Uuid;

use super::person;
use crate::domain::{Before, Key, Line, Plan, plan};
use crate::error::{Error, Result};
use crate::store::audit::{Cluster, Entry};
use crate::store::grant::{Given, GrantRow};
use crate::store::owner::{OwnerRow, Set};
use crate::store::{PgConnection, Store, audit, change, commit, event, grant, owner};

/// How it is asked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) lines: Vec<Line>,
    pub(crate) only_orphans: bool,
    pub(crate) dry_run: bool,
    pub(crate) source: String,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) plans: Vec<Plan>,
    /// Name of the owner before, for each line.
    pub(crate) former: Vec<Option<String>>,
    pub(crate) run: Option<Uuid>,
}

/// Decides about all lines, and does them if none is refused.
pub(crate) async fn set_owners(store: &Store, who: &Principal, asked: &Asked) -> Result<Answer> {
    let mut tx = store.begin().await?;
    // First, so that nobody changes what is decided upon.
    let revision = owner::next(&mut tx).await?;
    let before = owner::before(&mut tx, &asked.lines).await?;
    let plans = plan(&asked.lines, &before, asked.only_orphans);
    let former: Vec<Option<String>> = asked
        .lines
        .iter()
        .map(|line| before.owners.get(&line.key()).map(|(_, name)| name.clone()))
        .collect();
    let refused = plans.iter().any(|p| matches!(p, Plan::Refused(..)));
    let idle = plans.iter().all(|p| *p == Plan::Same);
    if asked.dry_run || refused || idle {
        // Nothing was written but the number, which goes back.
        return Ok(Answer { plans, former, run: None });
    }
    let run = Uuid::now_v7();
    let by = event::actor_of(who);
    let done = Done { before: &before, revision, by: &by };
    let (added, removed, owned) = done.write(&mut tx, &asked.lines, &plans).await?;
    touch(&mut tx, &added, &removed, owned).await?;
    event::grants(&mut tx, &added, &removed, Some(&by)).await?;
    audit::append_all(&mut tx, records(who, asked, &plans, &former, run)).await?;
    commit(tx).await?;
    tracing::info!(%run, source = asked.source, added = added.len(), removed = removed.len(), "owners set");
    Ok(Answer { plans, former, run: Some(run) })
}

/// Tells the watchers of rights about everybody whose grants changed, and about instances of which changed what
/// selectors ask about.
pub(crate) async fn touch(
    connection: &mut PgConnection,
    added: &[GrantRow],
    removed: &[GrantRow],
    instances: Vec<Key>,
) -> Result<()> {
    let touched =
        change::Touched { instances, ..change::Touched::holders(added.iter().chain(removed)) };
    if !added.is_empty() || !removed.is_empty() || !touched.instances.is_empty() {
        change::record(connection, &touched).await?;
    }
    Ok(())
}

/// Whose owner this is about.
pub(crate) fn keys(rows: &[(OwnerRow, Option<String>)]) -> Vec<Key> {
    rows.iter().map(|(row, _)| (row.cluster_id, row.instance_uuid)).collect()
}

struct Done<'a> {
    before: &'a Before,
    revision: i64,
    by: &'a Actor,
}

impl Done<'_> {
    /// Owners, then grants; yields what was granted, what was taken, and what has another owner.
    async fn write(
        &self,
        connection: &mut PgConnection,
        lines: &[Line],
        plans: &[Plan],
    ) -> Result<(Vec<GrantRow>, Vec<GrantRow>, Vec<Key>)> {
        let (mut sets, mut given, mut strips) = (Vec::new(), Vec::new(), Vec::new());
        for (line, plan) in lines.iter().zip(plans) {
            let Plan::Do { owner, new, role, strip } = plan else { continue };
            if *new {
                sets.push(Set { key: line.key(), name: line.name.clone(), owner: *owner });
            }
            if let (Some(persona), Some(role)) = (owner, role) {
                let (slug, name) = (line.slug.clone(), line.name.clone());
                let (persona, role) = (*persona, role.clone());
                given.push(Given { persona, role, key: line.key(), slug, name });
            }
            strips.extend(strip.map(|persona| (persona, line.key())));
        }
        let by = Some(self.by.username.as_str());
        let rows = owner::set(&mut *connection, &sets, by, self.revision).await?;
        let changed = with_former(rows, self.before);
        let removed = grant::strip(&mut *connection, &strips).await?;
        let added = grant::insert_all(&mut *connection, &given, by).await?;
        event::owners(connection, &changed, Some(self.by)).await?;
        Ok((added, removed, keys(&changed)))
    }
}

fn with_former(rows: Vec<OwnerRow>, before: &Before) -> Vec<(OwnerRow, Option<String>)> {
    let former: HashMap<Key, String> =
        before.owners.iter().map(|(key, (_, name))| (*key, name.clone())).collect();
    rows.into_iter()
        .map(|row| {
            let was = former.get(&(row.cluster_id, row.instance_uuid)).cloned();
            (row, was)
        })
        .collect()
}

/// One record for the run where there are several lines, and one a line.
fn records(
    who: &Principal,
    asked: &Asked,
    plans: &[Plan],
    former: &[Option<String>],
    run: Uuid,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    let several = asked.lines.len() > 1;
    if several {
        let changed = plans.iter().filter(|p| **p != Plan::Same).count();
        let details = BTreeMap::from([
            ("run".to_owned(), Value::from(run.to_string())),
            ("source".to_owned(), asked.source.clone().into()),
            ("lines".to_owned(), asked.lines.len().into()),
            ("changed".to_owned(), changed.into()),
        ]);
        entries.push(Entry {
            action: "owner.set_many",
            person: Some(person(who)),
            cluster: None,
            object: None,
            details,
        });
    }
    for ((line, plan), former) in asked.lines.iter().zip(plans).zip(former) {
        let Plan::Do { owner, role, strip, .. } = plan else { continue };
        let mut details = BTreeMap::from([
            ("source".to_owned(), Value::from(asked.source.clone())),
            ("owner".to_owned(), owner.map(|_| line.owner.clone()).into()),
            ("former_owner".to_owned(), former.clone().into()),
            ("role".to_owned(), role.clone().into()),
            ("former_grants".to_owned(), if strip.is_some() { "removed" } else { "kept" }.into()),
        ]);
        if several {
            details.insert("run".to_owned(), run.to_string().into());
        }
        entries.push(Entry {
            action: if owner.is_some() { "owner.set" } else { "owner.clear" },
            person: Some(person(who)),
            cluster: Some(Cluster { id: line.cluster.0, slug: line.slug.clone() }),
            object: Some(object(line.instance.0, &line.name)),
            details,
        });
    }
    entries
}

fn object(uuid: Uuid, name: &str) -> RecordObject {
    RecordObject {
        kind: "instance".to_owned(),
        id: Some(uuid.to_string()),
        name: Some(name.to_owned()).filter(|n| !n.is_empty()),
    }
}

/// From which instance to which.
#[derive(Debug)]
pub(crate) struct Restore {
    pub(crate) cluster: Uuid,
    pub(crate) from: Uuid,
    pub(crate) to: Uuid,
    pub(crate) slug: String,
    pub(crate) name: String,
}

/// Gives what was kept of an instance that is gone to one made anew: grants, and the owner where it
/// has none. Yields how many grants, and the owner.
pub(crate) async fn restore(
    store: &Store,
    who: &Principal,
    asked: &Restore,
) -> Result<(usize, Option<String>)> {
    let (from, to) = ((asked.cluster, asked.from), (asked.cluster, asked.to));
    let mut tx = store.begin().await?;
    let revision = owner::next(&mut tx).await?;
    let rows = owner::list(&mut tx, &[from, to]).await?;
    let of = |uuid: Uuid| rows.iter().find(|row| row.instance_uuid == uuid);
    let (former, present) = (of(asked.from).cloned(), of(asked.to));
    let heir = former.as_ref().and_then(|f| f.owner_id).filter(|_| present.is_none());
    // The inventory knows that it is gone; that news may still be on its way here.
    let removed = grant::bury(&mut tx, asked.cluster, Some(&[asked.from])).await?;
    let added = grant::hand_over(&mut tx, from, to, &who.username).await?;
    if added.is_empty() && heir.is_none() {
        return Err(Error::NotFound("right kept of it"));
    }
    let by = event::actor_of(who);
    let name = || asked.name.clone();
    let mut sets: Vec<Set> =
        heir.map(|heir| Set { key: to, name: name(), owner: Some(heir) }).into_iter().collect();
    // What was handed over is not there to be handed over once more.
    sets.extend(former.as_ref().map(|_| Set { key: from, name: name(), owner: None }));
    let set = owner::set(&mut tx, &sets, Some(&who.username), revision).await?;
    let was = former.as_ref().and_then(OwnerRow::owner);
    let changed: Vec<_> = set
        .into_iter()
        .map(|row| {
            let before = (row.instance_uuid == asked.from).then(|| was.clone()).flatten();
            (row, before)
        })
        .collect();
    touch(&mut tx, &added, &removed, keys(&changed)).await?;
    event::owners(&mut tx, &changed, Some(&by)).await?;
    event::grants(&mut tx, &added, &removed, Some(&by)).await?;
    let owner = was.filter(|_| heir.is_some());
    let details = BTreeMap::from([
        ("from".to_owned(), Value::from(asked.from.to_string())),
        ("owner".to_owned(), owner.clone().into()),
        ("grants".to_owned(), added.len().into()),
    ]);
    let entry = Entry {
        action: "instance.restore_rights",
        person: Some(person(who)),
        cluster: Some(Cluster { id: asked.cluster, slug: asked.slug.clone() }),
        object: Some(object(asked.to, &asked.name)),
        details,
    };
    audit::append_all(&mut tx, vec![entry]).await?;
    commit(tx).await?;
    Ok((added.len(), owner))
}
