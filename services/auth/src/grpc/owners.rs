//! Who owns which instance.

use std::collections::HashMap;
use std::pin::Pin;

use gwm_authz::{Mode, Principal};
use gwm_proto::auth::owners_server::Owners;
use gwm_proto::auth::{
    ClusterName, InstanceAccess, ListOwnersRequest, ListOwnersResponse, Owner, OwnerOutcome,
    Presence, RestoreRightsRequest, RestoreRightsResponse, SetOwnersRequest, SetOwnersResponse,
    TellClustersRequest, TellClustersResponse, TellPresenceRequest, TellPresenceResponse,
    WatchOwnersRequest, WatchOwnersResponse,
};
use gwm_proto::common::ObjectRef;
use gwm_types::{ClusterId, InstanceUuid, Object, SelectorText};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{Rpcs, convert};
use crate::app::{
    Asked, News, On, Restore, owner_feed, require_admin, restore, set_owners, take_news,
};
use crate::domain::{Key, Line, Plan, object_ref, parse_object};
use crate::error::{Error, Result};
use crate::store::grant::GrantRow;
use crate::store::owner::OwnerRow;
use crate::store::selector::Traits;
use crate::store::{cluster, commit, grant, owner};

const MOST_LINES: usize = 10_000;
const MOST_LISTED: usize = 1000;
const LONGEST: usize = 300;

#[async_trait]
impl Owners for Rpcs {
    async fn list_owners(
        &self,
        request: Request<ListOwnersRequest>,
    ) -> Result<Response<ListOwnersResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        let asked = request.into_inner().instances;
        let on = on(asked.iter().map(|o| (Some(o), "", "")));
        require_admin(&self.authz, &self.store, &principal, "owner.list", on).await?;
        if asked.len() > MOST_LISTED {
            return Err(
                Error::invalid("instances", format!("at most {MOST_LISTED} at once")).into()
            );
        }
        let keys: Vec<Key> = asked.iter().map(|o| key(o, "instances")).collect::<Result<_>>()?;
        let mut tx = self.store.begin_snapshot().await?;
        let owners = owner::list(&mut tx, &keys).await?;
        let grants = grant::list_on(&mut tx, &keys, false).await?;
        let kept = grant::list_on(&mut tx, &keys, true).await?;
        commit(tx).await?;
        let mut owners: HashMap<Key, OwnerRow> =
            owners.into_iter().map(|o| ((o.cluster_id, o.instance_uuid), o)).collect();
        let (mut grants, mut kept) = (by_key(grants), by_key(kept));
        let instances = asked
            .into_iter()
            .zip(keys)
            .map(|(instance, key)| InstanceAccess {
                owner: owners.remove(&key).map(message),
                grants: grants.remove(&key).unwrap_or_default(),
                kept: kept.remove(&key).unwrap_or_default(),
                instance: Some(instance),
            })
            .collect();
        Ok(Response::new(ListOwnersResponse { instances }))
    }

    async fn set_owners(
        &self,
        request: Request<SetOwnersRequest>,
    ) -> Result<Response<SetOwnersResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let request = request.into_inner();
        let lines = request.lines.iter();
        let on = on(lines.map(|l| (l.instance.as_ref(), l.cluster.as_str(), l.name.as_str())));
        require_admin(&self.authz, &self.store, &principal, "owner.set", on).await?;
        let asked = read(request)?;
        let answer = set_owners(&self.store, &principal, &asked).await?;
        let changed = answer.plans.iter().filter(|p| matches!(p, Plan::Do { .. })).count();
        let refused = answer.plans.iter().any(|p| matches!(p, Plan::Refused(..)));
        let outcomes = answer.plans.into_iter().zip(answer.former).map(outcome).collect();
        Ok(Response::new(SetOwnersResponse {
            outcomes,
            done: !asked.dry_run && !refused,
            changed: u32::try_from(changed).unwrap_or(u32::MAX),
            run_id: answer.run.map(|run| run.to_string()).unwrap_or_default(),
        }))
    }

    async fn restore_rights(
        &self,
        request: Request<RestoreRightsRequest>,
    ) -> Result<Response<RestoreRightsResponse>, Status> {
        let principal: Principal = self.authz.principal(&request, Mode::Write)?;
        let action = "instance.restore_rights";
        let request = request.into_inner();
        let on =
            on([(request.to.as_ref(), request.cluster.as_str(), request.name.as_str())]
                .into_iter());
        require_admin(&self.authz, &self.store, &principal, action, on).await?;
        let (cluster, from) = key(request.from.as_ref().unwrap_or(&ObjectRef::default()), "from")?;
        let (other, to) = key(request.to.as_ref().unwrap_or(&ObjectRef::default()), "to")?;
        if cluster != other || from == to {
            let text = "rights are restored from one instance to another of the same cluster";
            return Err(Error::invalid("to", text).into());
        }
        let asked = Restore {
            cluster,
            from,
            to,
            slug: bounded("cluster", request.cluster)?,
            name: bounded("name", request.name)?,
        };
        let (grants, owner) = restore(&self.store, &principal, &asked).await?;
        Ok(Response::new(RestoreRightsResponse {
            grants: u32::try_from(grants).unwrap_or(u32::MAX),
            owner: owner.unwrap_or_default(),
        }))
    }

    type WatchOwnersStream =
        Pin<Box<dyn Stream<Item = Result<WatchOwnersResponse, Status>> + Send>>;

    async fn watch_owners(
        &self,
        request: Request<WatchOwnersRequest>,
    ) -> Result<Response<Self::WatchOwnersStream>, Status> {
        let asked = request.into_inner();
        let known = i64::try_from(asked.revision).unwrap_or(i64::MAX);
        let lineage = asked.lineage.parse().ok();
        let feed = owner_feed(self.store.clone(), self.owners.clone(), known, lineage);
        Ok(Response::new(Box::pin(feed.map(|message| message.map_err(Status::from)))))
    }

    async fn tell_presence(
        &self,
        request: Request<TellPresenceRequest>,
    ) -> Result<Response<TellPresenceResponse>, Status> {
        let news = request.into_inner().news;
        if news.len() > MOST_LINES {
            return Err(Error::invalid("news", format!("at most {MOST_LINES} at once")).into());
        }
        take_news(&self.store, &gathered(&news)?).await?;
        Ok(Response::new(TellPresenceResponse {}))
    }

    async fn tell_clusters(
        &self,
        request: Request<TellClustersRequest>,
    ) -> Result<Response<TellClustersResponse>, Status> {
        let told = request.into_inner().clusters;
        if told.len() > MOST_LINES {
            return Err(Error::invalid("clusters", format!("at most {MOST_LINES} at once")).into());
        }
        let named = |told: ClusterName| {
            let id = told.cluster_id.parse();
            let id = id.map_err(|_| Error::invalid("clusters", "an id is no UUID"))?;
            Ok((id, bounded("clusters", told.slug)?))
        };
        let named: Vec<(Uuid, String)> = told.into_iter().map(named).collect::<Result<_>>()?;
        let mut tx = self.store.begin().await?;
        cluster::put(&mut tx, &named).await?;
        commit(tx).await?;
        Ok(Response::new(TellClustersResponse {}))
    }
}

/// What a refusal is on record about: the one instance, or the cluster of all that were asked for.
fn on<'a>(lines: impl Iterator<Item = (Option<&'a ObjectRef>, &'a str, &'a str)>) -> On {
    let mut found: Option<On> = None;
    for (object, slug, name) in lines {
        let Ok(object) = parse_object(object) else { continue };
        let (slug, name) = (slug.to_owned(), name.to_owned());
        found = Some(match found {
            None => On::Object { object, slug, name },
            Some(On::Object { object: before, slug, .. }) => match object.cluster() {
                Some(cluster) if before.cluster() == Some(cluster) => {
                    On::Object { object: Object::Cluster(cluster), slug, name: String::new() }
                }
                _ => return On::object(Object::Fleet),
            },
            Some(other) => other,
        });
    }
    found.unwrap_or(On::object(Object::Fleet))
}

fn key(object: &ObjectRef, field: &'static str) -> Result<Key> {
    match parse_object(Some(object)) {
        Ok(Object::Instance(cluster, instance)) => Ok((cluster.0, instance.0)),
        Ok(Object::Fleet | Object::Cluster(_) | Object::NodeGroup(..) | Object::Selector(_)) => {
            Err(Error::invalid(field, "only instances have owners"))
        }
        Err(why) => Err(Error::invalid(field, why)),
    }
}

fn bounded(field: &'static str, text: String) -> Result<String> {
    if text.len() > LONGEST {
        return Err(Error::invalid(field, format!("{field} has more than {LONGEST} characters")));
    }
    Ok(text)
}

fn read(request: SetOwnersRequest) -> Result<Asked> {
    if request.lines.is_empty() || request.lines.len() > MOST_LINES {
        return Err(Error::invalid("lines", format!("give 1 to {MOST_LINES} lines")));
    }
    let mut lines = Vec::with_capacity(request.lines.len());
    for line in request.lines {
        let (cluster, instance) = key(&line.instance.unwrap_or_default(), "instance")?;
        lines.push(Line {
            cluster: ClusterId(cluster),
            instance: InstanceUuid(instance),
            slug: bounded("cluster", line.cluster)?,
            name: bounded("name", line.name)?,
            owner: bounded("owner", line.owner)?,
            role: bounded("role", line.role)?,
            remove_former_grants: line.remove_former_grants,
        });
    }
    Ok(Asked {
        lines,
        only_orphans: request.only_orphans,
        dry_run: request.dry_run,
        source: bounded("source", request.source)?,
    })
}

fn outcome((plan, former): (Plan, Option<String>)) -> OwnerOutcome {
    let (outcome, code, text) = match plan {
        Plan::Do { .. } => ("set", "", String::new()),
        Plan::Same => ("same", "", String::new()),
        Plan::Refused(code, text) => ("refused", code, text),
    };
    OwnerOutcome {
        outcome: outcome.to_owned(),
        code: code.to_owned(),
        text,
        former: former.unwrap_or_default(),
    }
}

fn message(row: OwnerRow) -> Owner {
    Owner {
        instance: Some(object_ref(Object::Instance(
            row.cluster_id.into(),
            row.instance_uuid.into(),
        ))),
        kind: row.owner_kind.unwrap_or_default(),
        owner_id: row.owner_id.map(|id| id.to_string()).unwrap_or_default(),
        name: row.owner_name.unwrap_or_default(),
        since: Some(convert::timestamp(row.since)),
        set_by: row.set_by.unwrap_or_default(),
        revision: u64::try_from(row.revision).unwrap_or_default(),
    }
}

fn by_key(rows: Vec<GrantRow>) -> HashMap<Key, Vec<gwm_proto::auth::Grant>> {
    let mut all: HashMap<Key, Vec<_>> = HashMap::new();
    for row in rows {
        let Object::Instance(cluster, instance) = row.object() else { continue };
        all.entry((cluster.0, instance.0)).or_default().push(convert::grant(row));
    }
    all
}

fn traits(instance: Uuid, piece: &Presence) -> Result<Traits> {
    let node_group = match piece.node_group.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| Error::invalid("node_group", "no UUID"))?),
    };
    // Others can't be asked for, so they are not kept.
    let mut tags = piece.tags.clone();
    tags.retain(|tag| SelectorText::check_tag(tag).is_ok());
    tags.sort();
    tags.dedup();
    Ok(Traits { instance, node_group, tags })
}

/// Neighbours that say the same of one cluster's instances as one piece.
fn gathered(news: &[Presence]) -> Result<Vec<News>> {
    let mut all: Vec<News> = Vec::new();
    for piece in news {
        let bad = |_| Error::invalid("news", "an id is no UUID");
        let cluster: Uuid = piece.cluster_id.parse().map_err(bad)?;
        let instance: Option<Uuid> = match piece.uuid.as_str() {
            "" => None,
            text => Some(text.parse().map_err(bad)?),
        };
        match (piece.what.as_str(), instance, all.last_mut()) {
            ("gone", Some(uuid), Some(News::Gone(c, list)))
            | ("back", Some(uuid), Some(News::Back(c, list)))
            | ("purged", Some(uuid), Some(News::Purged(c, list)))
                if *c == cluster =>
            {
                list.push(uuid);
            }
            ("traits", Some(uuid), Some(News::Traits(c, list))) if *c == cluster => {
                list.push(traits(uuid, piece)?);
            }
            ("traits", Some(uuid), _) => {
                all.push(News::Traits(cluster, vec![traits(uuid, piece)?]));
            }
            ("gone", Some(uuid), _) => all.push(News::Gone(cluster, vec![uuid])),
            ("back", Some(uuid), _) => all.push(News::Back(cluster, vec![uuid])),
            ("purged", Some(uuid), _) => all.push(News::Purged(cluster, vec![uuid])),
            ("purged", None, _) => all.push(News::PurgedCluster(cluster)),
            ("forgotten", None, _) => all.push(News::Forgotten(cluster)),
            ("added", None, _) => all.push(News::Added(cluster)),
            _ => {
                let text = format!(
                    "{:?} is no news of that",
                    piece.what.chars().take(40).collect::<String>()
                );
                return Err(Error::invalid("news", text));
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_say_the_same_are_one_piece_and_the_order_stays() {
        let (cluster, one, two) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let piece = |what: &str, uuid: Option<Uuid>| Presence {
            what: what.to_owned(),
            cluster_id: cluster.to_string(),
            uuid: uuid.map(|u| u.to_string()).unwrap_or_default(),
            ..Presence::default()
        };
        let news = [
            piece("gone", Some(one)),
            piece("gone", Some(two)),
            piece("back", Some(one)),
            piece("forgotten", None),
            piece("gone", Some(two)),
        ];
        let wanted = [
            News::Gone(cluster, vec![one, two]),
            News::Back(cluster, vec![one]),
            News::Forgotten(cluster),
            News::Gone(cluster, vec![two]),
        ];
        assert_eq!(gathered(&news).unwrap(), wanted);
        assert!(gathered(&[piece("gone", None)]).is_err());
        assert!(gathered(&[piece("forgotten", Some(one))]).is_err());
    }
}
