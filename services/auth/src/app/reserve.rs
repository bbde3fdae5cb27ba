//! Reserving what a job will use, and giving it back.

use gwm_events::types::audit::{Outcome, Person, RecordObject};
use gwm_types::{ClusterId, InstanceUuid, JobId};
use uuid::Uuid;

use super::AskedBy;
use crate::domain::{ALL, Amounts, Choice, Key, Limits, Missing, exceeded, limits, sentence};
use crate::error::{Error, Result};
use crate::store::quota::{QuotaRow, UsageRow};
use crate::store::reservation::{New, Sizes};
use crate::store::{PgConnection, Store, audit, commit, ledger, persona, quota, reservation, user};

/// What a job asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) job: JobId,
    pub(crate) attempt: Uuid,
    pub(crate) asked_by: AskedBy,
    pub(crate) cluster: ClusterId,
    pub(crate) slug: String,
    pub(crate) name: String,
    /// None: it is being made.
    pub(crate) instance: Option<InstanceUuid>,
    /// None: nothing grows.
    pub(crate) target: Option<Sizes>,
    pub(crate) never_refused: bool,
}

/// Reserves it, or refuses with what is missing; again is nothing.
pub(crate) async fn reserve(store: &Store, wanted: &Wanted) -> Result<()> {
    let mut tx = store.begin().await?;
    let asked_by = wanted.asked_by.persona();
    let payer = match (wanted.target, wanted.instance) {
        (None, _) => None,
        (Some(_), None) => Some(asked_by),
        (Some(_), Some(instance)) => {
            reservation::payer(&mut tx, (wanted.cluster.0, instance.0)).await?
        }
    };
    let personas: Vec<Uuid> = payer.into_iter().chain([asked_by]).collect();
    reservation::hold(&mut tx, &personas).await?;
    let new = New {
        job: wanted.job.0,
        attempt: wanted.attempt,
        asked_by,
        persona: payer.filter(|_| wanted.instance.is_none()),
        cluster: wanted.cluster.0,
        instance: wanted.instance.filter(|_| wanted.target.is_some()).map(|i| i.0),
        name: &wanted.name,
        sizes: wanted.target.unwrap_or_default(),
    };
    reservation::put(&mut tx, &new).await?;
    if !is_free(&mut tx, wanted.asked_by).await? {
        // Whoever runs a cluster is bound by their own limits only.
        let bound = |persona: &Uuid| !wanted.never_refused || *persona == asked_by;
        for persona in personas.into_iter().filter(bound) {
            let missing = missing(&mut tx, wanted, persona).await?;
            if missing.is_empty() {
                continue;
            }
            let name = persona::name_of(&mut tx, persona).await?.unwrap_or_default();
            let text = sentence(&name, &wanted.slug, &missing);
            drop(tx.rollback().await);
            record(store, wanted, &name).await?;
            return Err(Error::QuotaExceeded { text, missing });
        }
    }
    commit(tx).await
}

/// Administrators who act as themselves set all limits, so none is theirs.
async fn is_free(connection: &mut PgConnection, asked_by: AskedBy) -> Result<bool> {
    if asked_by.group.is_some() {
        return Ok(false);
    }
    let user = user::fetch(connection, asked_by.user.0).await?;
    Ok(user.is_some_and(|user| user.is_admin && !user.disabled))
}

/// What of a persona's limits the job exceeds, whose reservation is written.
async fn missing(
    connection: &mut PgConnection,
    wanted: &Wanted,
    persona: Uuid,
) -> Result<Vec<Missing>> {
    let cluster = wanted.cluster.0;
    let (before, after) = quota::usage_around(&mut *connection, &[persona], wanted.job.0).await?;
    let chosen = quota::list(connection, &[persona], Some(&[cluster, ALL])).await?;
    let find = |place, persona| {
        let found = chosen.iter().find(|q| q.place_id == place && q.persona_id == persona);
        found.cloned().unwrap_or_else(|| QuotaRow::empty(place, persona))
    };
    let limits_in = |place| limits(&find(place, persona).choices(), &find(place, ALL).choices());
    let here = |rows: &[UsageRow]| sum(rows.iter().filter(|row| row.cluster_id == cluster));
    let mut missing = Vec::new();
    if let Some(target) = wanted.target {
        let amounts = Amounts([target.memory_mib, target.vcpus, target.disk_mib, 0, 0]);
        let most = find(cluster, ALL).most().map(Choice::value);
        let most: Limits = [most[0], most[1], most[2], None, None];
        missing.extend(exceeded("instance", &most, &Amounts::default(), &amounts));
    }
    missing.extend(exceeded("cluster", &limits_in(cluster), &here(&before), &here(&after)));
    let (before, after) = (sum(before.iter()), sum(after.iter()));
    missing.extend(exceeded("fleet", &limits_in(ALL), &before, &after));
    Ok(missing)
}

/// What is used in some clusters together.
pub(crate) fn sum<'a>(rows: impl Iterator<Item = &'a UsageRow>) -> Amounts {
    rows.fold(Amounts::default(), |sum, row| sum.plus(row.amounts()))
}

/// A refusal is on record.
async fn record(store: &Store, wanted: &Wanted, persona: &str) -> Result<()> {
    let mut tx = store.begin().await?;
    let user = user::fetch(&mut tx, wanted.asked_by.user.0).await?;
    let refused = audit::Act {
        action: "quota.reserve",
        outcome: Outcome::Refused,
        reason: Some("quota_exceeded"),
        person: Person {
            user_id: Some(wanted.asked_by.user.to_string()),
            username: user.map(|user| user.username),
            acting_as: wanted.asked_by.group.map(|_| persona.to_owned()),
            session_id: None,
            token_id: None,
            client_address: None,
        },
        cluster: Some(audit::Cluster { id: wanted.cluster.0, slug: wanted.slug.clone() }),
        object: Some(RecordObject {
            kind: "instance".to_owned(),
            id: wanted.instance.map(|uuid| uuid.to_string()),
            name: Some(wanted.name.clone()),
        }),
    };
    audit::append(&mut tx, refused).await?;
    commit(tx).await
}

/// A job that has ended, or never was one.
#[derive(Debug, Clone)]
pub(crate) struct Over {
    pub(crate) job: Uuid,
    /// None: whichever has it.
    pub(crate) attempt: Option<Uuid>,
    /// What its instance has now, if it was read.
    pub(crate) now: Option<(Key, Sizes)>,
}

/// Gives back what these jobs had reserved; what they changed is in the ledger with the same commit.
pub(crate) async fn release(store: &Store, over: &[Over]) -> Result<()> {
    let jobs: Vec<_> = over.iter().map(|one| (one.job, one.attempt)).collect();
    // Of two jobs at one instance the later look counts, and a statement can't write one row twice.
    let mut lines: Vec<(Key, Sizes)> = over.iter().filter_map(|one| one.now).collect();
    lines.sort_unstable_by_key(|(key, sizes)| (*key, std::cmp::Reverse(sizes.revision)));
    lines.dedup_by_key(|(key, _)| *key);
    let mut tx = store.begin().await?;
    ledger::put(&mut tx, &lines, None).await?;
    reservation::delete(&mut tx, &jobs).await?;
    commit(tx).await
}
