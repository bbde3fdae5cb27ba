//! Limits, and what is used of them.

use std::collections::BTreeSet;

use gwm_authz::{Mode, Principal};
use gwm_kernel::Fault;
use gwm_proto::auth::quotas_server::Quotas;
use gwm_proto::auth::{
    ListQuotasRequest, ListQuotasResponse, Quota, QuotaChoice, QuotaLimit, QuotaMost,
    SetQuotaRequest,
};
use gwm_types::{ClusterId, Object, Permission};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::Rpcs;
use crate::app::{Chosen, On, choose, counts, require_admin_of, sum};
use crate::domain::{ALL, Choice, Choices, PersonaName, Resource, in_force};
use crate::error::{Error, Result};
use crate::store::persona::PersonaRow;
use crate::store::quota::{QuotaRow, UsageRow};
use crate::store::{PgConnection, commit, persona, quota};

const MOST_PERSONAS: u32 = 200;
/// The most that can be chosen: above is a slip of the finger.
const MOST_VALUE: u64 = 1 << 40;

#[async_trait]
impl Quotas for Rpcs {
    async fn list_quotas(
        &self,
        request: Request<ListQuotasRequest>,
    ) -> Result<Response<ListQuotasResponse>, Status> {
        let who = self.authz.principal(&request, Mode::Read)?;
        let asked = request.into_inner();
        let place = place(&asked.cluster_id)?;
        let mut tx = self.store.begin_snapshot().await?;
        if asked.persona.is_empty() {
            if !self.authz.allows(&who, Permission::Admin, object(place)) {
                drop(tx);
                let (place, persona) = (object(place), String::new());
                let on = On::Quota { place, persona };
                require_admin_of(&self.authz, &self.store, &who, "quota.list", place, on).await?;
                return Err(Fault::not_found("cluster").into());
            }
            let answer = in_place(&mut tx, place, &asked).await?;
            commit(tx).await?;
            return Ok(Response::new(answer));
        }
        let mut quotas = Vec::new();
        for row in self.personas(&mut tx, &who, &asked.persona).await? {
            let theirs = self.of_persona(&mut tx, &who, &row).await?;
            quotas.extend(theirs);
        }
        commit(tx).await?;
        if asked.only_place {
            quotas.retain(|quota| quota.cluster_id == asked.cluster_id);
        }
        Ok(Response::new(ListQuotasResponse { quotas, ..ListQuotasResponse::default() }))
    }

    async fn set_quota(
        &self,
        request: Request<SetQuotaRequest>,
    ) -> Result<Response<Quota>, Status> {
        let who = self.authz.principal(&request, Mode::Write)?;
        let asked = request.into_inner();
        let place = place(&asked.cluster_id)?;
        let bounds = object(place);
        let on = On::Quota { place: bounds, persona: asked.persona.clone() };
        require_admin_of(&self.authz, &self.store, &who, "quota.set", bounds, on).await?;
        let chosen = chosen(asked, place)?;
        let (row, name) = choose(&self.store, &who, &chosen).await?;
        let mut tx = self.store.begin_snapshot().await?;
        let usage = quota::usage(&mut tx, &[row.persona_id]).await?;
        let default = default(&mut tx, place).await?;
        commit(tx).await?;
        Ok(Response::new(message(&row, &default, name.unwrap_or_default(), &usage)))
    }
}

impl Rpcs {
    /// Whom a word means, if the person may know what they use.
    async fn personas(
        &self,
        connection: &mut PgConnection,
        who: &Principal,
        asked: &str,
    ) -> Result<Vec<PersonaRow>> {
        let own = PersonaRow {
            persona_id: who.user_id.0,
            kind: "user".to_owned(),
            name: who.username.clone(),
            disabled: false,
        };
        if asked == "me" {
            let group = |(persona_id, name)| PersonaRow {
                persona_id,
                kind: "group".to_owned(),
                name,
                disabled: false,
            };
            let groups = self.authz.groups(who).into_iter().map(group);
            return Ok([own].into_iter().chain(groups).collect());
        }
        let name = PersonaName::parse(asked).map_err(|why| Error::invalid("persona", why))?;
        let found = persona::by_name(connection, &name).await?;
        Ok(vec![found.ok_or(Error::NotFound(if name.kind == "group" {
            "group"
        } else {
            "user"
        }))?])
    }

    /// A persona's in all places that the person may know of: all of one's own and one's groups', of others
    /// those of the clusters that one administers.
    async fn of_persona(
        &self,
        connection: &mut PgConnection,
        who: &Principal,
        row: &PersonaRow,
    ) -> Result<Vec<Quota>> {
        let id = row.persona_id;
        let own = id == who.user_id.0 || self.authz.groups(who).contains_key(&id);
        let usage = quota::usage(&mut *connection, &[id]).await?;
        let chosen = quota::list(connection, &[id], None).await?;
        let used = usage.iter().map(|row| row.cluster_id);
        let places: BTreeSet<Uuid> =
            chosen.iter().map(|row| row.place_id).chain(used).chain([ALL]).collect();
        let mut quotas = Vec::new();
        for place in places {
            let all = own || self.authz.allows(who, Permission::Admin, object(place));
            // A default of a cluster that one may not even see is not one's own to know.
            let seen = place == ALL
                || usage.iter().any(|row| row.cluster_id == place)
                || chosen.iter().any(|row| row.place_id == place && row.persona_id == id)
                || self.authz.sees(who, object(place));
            if all && seen {
                let find = |persona| {
                    let found =
                        chosen.iter().find(|q| q.place_id == place && q.persona_id == persona);
                    found.cloned().unwrap_or_else(|| QuotaRow::empty(place, persona))
                };
                let name = format!("{}/{}", row.kind, row.name);
                quotas.push(message(&find(id), &find(ALL), name, &usage));
            }
        }
        if quotas.is_empty() {
            // As if there were no such persona.
            return Err(Error::NotFound(if row.kind == "group" { "group" } else { "user" }));
        }
        Ok(quotas)
    }
}

/// Everybody's in one place who uses something there or has limits of their own.
async fn in_place(
    connection: &mut PgConnection,
    place: Uuid,
    asked: &ListQuotasRequest,
) -> Result<ListQuotasResponse> {
    let limit = if asked.limit == 0 { 50 } else { asked.limit.min(MOST_PERSONAS) };
    let mut rows =
        persona::with_quota(&mut *connection, place, &asked.after, i64::from(limit) + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let ids: Vec<Uuid> = rows.iter().map(|row| row.persona_id).collect();
    let usage = quota::usage(&mut *connection, &ids).await?;
    let chosen = quota::list(connection, &ids, Some(&[place])).await?;
    let find = |persona| {
        let found = chosen.iter().find(|row| row.persona_id == persona);
        found.cloned().unwrap_or_else(|| QuotaRow::empty(place, persona))
    };
    let default = find(ALL);
    let name = |row: &PersonaRow| format!("{}/{}", row.kind, row.name);
    let quotas: Vec<Quota> = rows
        .iter()
        .map(|row| {
            let used: Vec<UsageRow> =
                usage.iter().filter(|u| u.persona_id == row.persona_id).cloned().collect();
            message(&find(row.persona_id), &default, name(row), &used)
        })
        .collect();
    let next = rows.last().filter(|_| more).map(name).unwrap_or_default();
    Ok(ListQuotasResponse {
        defaults: Some(message(&default, &default, String::new(), &[])),
        quotas,
        next,
    })
}

async fn default(connection: &mut PgConnection, place: Uuid) -> Result<QuotaRow> {
    let found = quota::list(connection, &[], Some(&[place])).await?.pop();
    Ok(found.unwrap_or_else(|| QuotaRow::empty(place, ALL)))
}

/// A row with what is used of it; `usage` is the persona's in all clusters.
fn message(row: &QuotaRow, default: &QuotaRow, persona: String, usage: &[UsageRow]) -> Quota {
    let place = row.place_id;
    let here = usage.iter().filter(|u| place == ALL || u.cluster_id == place);
    let used = sum(here);
    let (own, default_choices): (Choices, Choices) = (row.choices(), default.choices());
    let of_all = row.persona_id == ALL;
    let limits = Resource::ALL
        .into_iter()
        .zip(own.into_iter().zip(default_choices))
        .map(|(resource, (own, default))| {
            // Everybody's own choice is what others inherit.
            let (limit, source) = in_force(if of_all { Choice::Inherit } else { own }, default);
            let own = if of_all && own == Choice::Inherit { Choice::Unlimited } else { own };
            QuotaLimit {
                resource: resource.as_str().to_owned(),
                choice: own.as_str().to_owned(),
                value: own.value().map(amount),
                limit: limit.map(amount),
                source: source.to_owned(),
                used: amount(used.of(resource)),
            }
        })
        .collect();
    let most = ["memory_mib", "vcpus", "disk_mib"]
        .into_iter()
        .zip(default.most())
        .map(|(resource, choice)| QuotaMost {
            resource: resource.to_owned(),
            limit: choice.value().map(amount),
        })
        .collect();
    let some = |id: Uuid| if id == ALL { String::new() } else { id.to_string() };
    Quota {
        persona,
        persona_id: some(row.persona_id),
        cluster_id: some(place),
        limits,
        counts: counts(default.counts_all).to_owned(),
        most: if place == ALL { Vec::new() } else { most },
        revision: row.revision,
        changed_by: row.changed_by.clone(),
    }
}

/// Amounts are never negative.
fn amount(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

fn place(cluster: &str) -> Result<Uuid> {
    match cluster {
        "" => Ok(ALL),
        text => text.parse().map_err(|_| Error::invalid("cluster_id", "is no cluster's id")),
    }
}

fn object(place: Uuid) -> Object {
    if place == ALL { Object::Fleet } else { Object::Cluster(ClusterId(place)) }
}

fn chosen(asked: SetQuotaRequest, place: Uuid) -> Result<Chosen> {
    let persona = match asked.persona.as_str() {
        "" => None,
        text => Some(PersonaName::parse(text).map_err(|why| Error::invalid("persona", why))?),
    };
    let of_cluster = persona.is_none() && place != ALL;
    let counts_all = match asked.counts.as_str() {
        "" => None,
        "running" | "all" if of_cluster => Some(asked.counts == "all"),
        "running" | "all" => {
            let text = "what counts is chosen for a cluster, and for everybody there";
            return Err(Error::invalid("counts", text));
        }
        _ => return Err(Error::invalid("counts", "is running or all")),
    };
    if asked.choices.len() > 16 {
        return Err(Error::invalid("choices", "each resource at most once"));
    }
    let mut choices: Vec<(String, Choice)> = Vec::new();
    for choice in asked.choices {
        if choice.resource.starts_with("most_") && !of_cluster {
            let text = "the most of one instance is chosen for a cluster, and for everybody there";
            return Err(Error::invalid("choices", text));
        }
        if choices.iter().any(|(resource, _)| *resource == choice.resource) {
            return Err(Error::invalid("choices", "each resource at most once"));
        }
        let read = read(&choice, persona.is_none())?;
        choices.push((choice.resource, read));
    }
    if asked.cluster.len() > 64 {
        return Err(Error::invalid("cluster", "is no cluster's short name"));
    }
    let slug = Some(asked.cluster).filter(|slug| !slug.is_empty());
    Ok(Chosen { persona, place, slug, choices, counts_all, revision: asked.revision })
}

fn read(choice: &QuotaChoice, of_everybody: bool) -> Result<Choice> {
    match choice.choice.as_str() {
        "inherit" if of_everybody => Err(Error::invalid(
            "choices",
            "everybody's limits inherit from nothing: unlimited or a value",
        )),
        "inherit" => Ok(Choice::Inherit),
        "unlimited" => Ok(Choice::Unlimited),
        "value" if choice.value <= MOST_VALUE => {
            Ok(Choice::Value(i64::try_from(choice.value).unwrap_or(i64::MAX)))
        }
        "value" => Err(Error::invalid("choices", format!("a limit is at most {MOST_VALUE}"))),
        _ => Err(Error::invalid("choices", "is inherit, unlimited or value")),
    }
}
