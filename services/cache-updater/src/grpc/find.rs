//! What is asked while somebody types.

use gwm_authz::Mode;
use gwm_kernel::Fault;
use gwm_proto::cache as pb;
use gwm_proto::cache::find_server::Find;
use gwm_proto::common::{CompleteRequest, CompleteResponse, Suggestion};
use gwm_query::{About, Kind};
use gwm_types::{ClusterId, InstanceUuid, Object, Permission};
use tonic::{Request, Response, Status};

use super::Server;
use crate::seen::Seen;
use crate::store::{Hit, table_of, tells_placement};

/// Longer texts are no names, tags or addresses.
const LONGEST: usize = 200;
const MOST_NAMED: usize = 1000;

#[tonic::async_trait]
impl Find for Server {
    async fn complete(
        &self,
        request: Request<CompleteRequest>,
    ) -> Result<Response<CompleteResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let asked = request.into_inner();
        let table = table_of(&asked.list).ok_or_else(|| {
            Fault::invalid("list", "suggestions are made for instances, nodes, clusters, node-groups, networks and oses")
        })?;
        let seen = Seen::of(&self.0.authz, &person);
        let at = usize::try_from(asked.at).unwrap_or(usize::MAX);
        let completion = gwm_query::complete(table, &asked.q, at);
        let suggestions = match &completion.about {
            About::Field(_) => {
                let mut fields = completion.suggest_fields(table);
                if seen.placement.nowhere() {
                    fields.retain(|f| !tells_placement(table, &f.text));
                }
                fields
            }
            About::Value(field, prefix) => {
                let values = if field.kind == Kind::Flag {
                    ["yes", "no"].map(str::to_owned).to_vec()
                } else {
                    self.0.store.values(table, field, prefix, &seen).await?
                };
                gwm_query::suggest_values(values, prefix)
            }
            About::Nothing => Vec::new(),
        };
        let suggestion = |s: gwm_query::Suggestion| Suggestion {
            kind: s.kind.to_owned(),
            text: s.text,
            detail: s.detail.to_owned(),
        };
        Ok(decided.answer(CompleteResponse {
            from: u32::try_from(completion.from).unwrap_or(u32::MAX),
            to: u32::try_from(completion.to).unwrap_or(u32::MAX),
            suggestions: suggestions.into_iter().map(suggestion).collect(),
        }))
    }

    async fn name_instances(
        &self,
        request: Request<pb::NameInstancesRequest>,
    ) -> Result<Response<pb::NameInstancesResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let asked = request.into_inner().instances;
        if asked.len() > MOST_NAMED {
            return Err(Fault::invalid("instances", format!("at most {MOST_NAMED} at once")).into());
        }
        let mut seen = Vec::new();
        for one in asked {
            let ids = (one.cluster_id.parse::<ClusterId>(), one.uuid.parse::<InstanceUuid>());
            let (Ok(cluster), Ok(uuid)) = ids else {
                return Err(Fault::invalid("instances", "an id is no UUID").into());
            };
            if self.0.authz.allows(&person, Permission::View, Object::Instance(cluster, uuid)) {
                seen.push((cluster.0, uuid.0));
            }
        }
        let named = self.0.store.names_of(&seen).await?;
        let named = named.into_iter().map(|(cluster_id, uuid, cluster, name)| pb::NamedInstance {
            cluster_id: cluster_id.to_string(),
            uuid: uuid.to_string(),
            cluster,
            name,
        });
        Ok(decided.answer(pb::NameInstancesResponse { instances: named.collect() }))
    }

    async fn search(
        &self,
        request: Request<pb::SearchRequest>,
    ) -> Result<Response<pb::SearchResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let asked = request.into_inner();
        let text = asked.q.trim();
        let length = text.chars().count();
        if length == 0 || length > LONGEST || text.chars().any(char::is_control) {
            let message = format!("search for 1 to {LONGEST} printable characters");
            return Err(Fault::invalid("q", message).into());
        }
        let limit = match asked.limit {
            0 => 8,
            n @ 1..=50 => i64::from(n),
            _ => return Err(Fault::invalid("limit", "limit must be from 1 to 50").into()),
        };
        let seen = Seen::of(&self.0.authz, &person);
        let scope = &seen.scope;
        let store = &self.0.store;
        let (instances, nodes, clusters) = tokio::try_join!(
            store.search_instances(text, scope, limit),
            store.search_nodes(text, &seen.placement, limit),
            store.search_clusters(text, &seen, limit),
        )?;
        let mut answer = pb::SearchResponse::default();
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        for (kind, mut hits) in [("instance", instances), ("node", nodes), ("cluster", clusters)] {
            if hits.len() > size {
                answer.more.push(kind.to_owned());
                hits.truncate(size);
            }
            // The very name before those that only begin so.
            hits.sort_by_key(|hit| hit.name != text.to_lowercase());
            answer.found.extend(hits.into_iter().map(|hit| found(kind, hit, text)));
        }
        Ok(decided.answer(answer))
    }
}

fn found(kind: &str, hit: Hit, text: &str) -> pb::Found {
    let matched = hit.matched(text);
    let id = if kind == "cluster" { hit.cluster.clone() } else { hit.uuid.to_string() };
    pb::Found {
        kind: kind.to_owned(),
        id,
        matched,
        name: hit.name,
        cluster: hit.cluster,
        status: hit.status,
        owner: hit.owner.unwrap_or_default(),
    }
}
