//! `/quotas`: what personas may use, and what they use.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gwm_kernel::Fault;
use gwm_proto::auth::{
    ListQuotasRequest, ListQuotasResponse, Quota, QuotaChoice, QuotaLimit, SetQuotaRequest,
};
use gwm_proto::cache::GetClusterRequest;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::clusters;
use super::extract::{self, Body, Params};
use crate::http::AppState;
use crate::http::model::{size_mib, some};
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};

/// A limit, and what is used of it; sizes in MiB.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LimitDocument {
    /// What was chosen for this persona here: `inherit`, `unlimited` or `value`.
    choice: String,
    /// With `value`.
    value: Option<u64>,
    /// In force; null: unlimited.
    pub(crate) limit: Option<u64>,
    /// Where that comes from: `override` (this persona's own), `default` (everybody's), or `none`: nobody set one.
    source: String,
    /// With what open jobs will have brought it to.
    pub(crate) used: u64,
}

/// The limits of a persona, or of everybody, in one place.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuotaDocument {
    /// `user/NAME` or `group/NAME`; null: everybody's who has none of their own.
    pub(crate) persona: Option<String>,
    persona_id: Option<String>,
    /// Slug; null: the whole fleet, or a cluster that you don't see.
    pub(crate) cluster: Option<String>,
    /// gwm's id; null: all clusters together.
    pub(crate) cluster_id: Option<String>,
    /// By resource: `memory_mib`, `vcpus`, `disk_mib` (as guests see it), `instances`, `open_jobs`.
    pub(crate) limits: BTreeMap<String, LimitDocument>,
    /// Whose memory and vCPUs count in the cluster: `running` (those that are to be running) or `all`.
    counts: String,
    /// The most that one instance may have on the cluster; null: unlimited.
    most_memory_mib: Option<u64>,
    most_vcpus: Option<u64>,
    most_disk_mib: Option<u64>,
    /// Grows with each change; 0: nothing was chosen here.
    revision: i64,
    changed_by: Option<String>,
}

/// Quotas.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuotaList {
    /// Everybody's, where one place was asked for.
    pub(crate) defaults: Option<QuotaDocument>,
    pub(crate) items: Vec<QuotaDocument>,
    /// Give it as `after` to go on; null: that was all.
    pub(crate) next: Option<String>,
}

/// Which.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct QuotaQuery {
    /// `user/NAME`, `group/NAME`, or `me`: oneself and one's groups. Empty: all who use something in one place.
    persona: String,
    /// Slug of the place; empty: with a persona all places, else the fleet.
    cluster: String,
    /// Personas in one answer, at most 200; 50 unless said otherwise.
    limit: u32,
    /// Go on after this persona.
    after: String,
}

/// What is to be chosen. What is left out stays as it is. A limit is `inherit`, `unlimited`, or an amount: a number
/// (MiB for sizes) or a text such as `1.5T`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ChangeQuota {
    /// `user/NAME` or `group/NAME`; null: everybody who has none of their own.
    persona: Option<String>,
    /// Slug; null: all clusters together, which is for administrators.
    cluster: Option<String>,
    #[schema(value_type = Option<String>)]
    memory: Option<Value>,
    #[schema(value_type = Option<String>)]
    vcpus: Option<Value>,
    #[schema(value_type = Option<String>)]
    disk: Option<Value>,
    #[schema(value_type = Option<String>)]
    instances: Option<Value>,
    #[schema(value_type = Option<String>)]
    open_jobs: Option<Value>,
    /// Of everybody on a cluster: the most that one instance may have.
    #[schema(value_type = Option<String>)]
    most_memory: Option<Value>,
    #[schema(value_type = Option<String>)]
    most_vcpus: Option<Value>,
    #[schema(value_type = Option<String>)]
    most_disk: Option<Value>,
    /// Of everybody on a cluster: `running` or `all`.
    counts: Option<String>,
}

/// Slugs of the clusters that the person sees, by id.
pub(crate) type Slugs = HashMap<String, String>;

pub(crate) async fn slugs(state: &AppState, person: &Person) -> Result<Slugs, Problem> {
    let all = clusters::all(state, person).await?;
    Ok(all.into_iter().map(|cluster| (cluster.cluster_id, cluster.slug)).collect())
}

pub(crate) fn document(quota: Quota, slugs: &Slugs) -> QuotaDocument {
    let limit = |limit: QuotaLimit| {
        let document = LimitDocument {
            choice: limit.choice,
            value: limit.value,
            limit: limit.limit,
            source: limit.source,
            used: limit.used,
        };
        (limit.resource, document)
    };
    let most = |resource: &str| {
        quota.most.iter().find(|most| most.resource == resource).and_then(|most| most.limit)
    };
    QuotaDocument {
        most_memory_mib: most("memory_mib"),
        most_vcpus: most("vcpus"),
        most_disk_mib: most("disk_mib"),
        persona: some(quota.persona),
        persona_id: some(quota.persona_id),
        cluster: slugs.get(&quota.cluster_id).cloned(),
        cluster_id: some(quota.cluster_id),
        limits: quota.limits.into_iter().map(limit).collect(),
        counts: quota.counts,
        revision: quota.revision,
        changed_by: some(quota.changed_by),
    }
}

/// The id of a cluster; empty: the fleet.
pub(crate) async fn place(
    state: &AppState,
    person: &Person,
    cluster: &str,
) -> Result<String, Problem> {
    if cluster.is_empty() {
        return Ok(String::new());
    }
    let request = person.ask(GetClusterRequest { cluster: cluster.to_owned() });
    Ok(state.clients.clusters().get_cluster(request).await?.into_inner().cluster_id)
}

/// What page and API share.
pub(crate) async fn ask(
    state: &AppState,
    person: &Person,
    request: ListQuotasRequest,
) -> Result<ListQuotasResponse, Problem> {
    Ok(state.clients.quotas().list_quotas(person.ask(request)).await?.into_inner())
}

/// Limits, with what is used of them: one's own and one's groups' for everybody, a cluster's for who holds `admin` on it,
/// all for administrators.
#[utoipa::path(get, path = "/quotas", tag = "quotas", params(QuotaQuery), responses(
    (status = 200, body = QuotaList), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    person: Person,
    Params(query): Params<QuotaQuery>,
) -> Result<Json<QuotaList>, Problem> {
    let request = ListQuotasRequest {
        only_place: !query.cluster.is_empty(),
        cluster_id: place(&state, &person, &query.cluster).await?,
        persona: query.persona,
        limit: query.limit,
        after: query.after,
    };
    let (answer, slugs) = tokio::try_join!(ask(&state, &person, request), slugs(&state, &person))?;
    Ok(Json(QuotaList {
        defaults: answer.defaults.map(|quota| document(quota, &slugs)),
        items: answer.quotas.into_iter().map(|quota| document(quota, &slugs)).collect(),
        next: some(answer.next),
    }))
}

/// What oneself and one's groups may use, and use.
#[utoipa::path(get, path = "/me/quotas", tag = "me", responses((status = 200, body = QuotaList)))]
pub(crate) async fn own(
    State(state): State<AppState>,
    person: Person,
) -> Result<Json<QuotaList>, Problem> {
    let request = ListQuotasRequest { persona: "me".to_owned(), ..Default::default() };
    let (answer, slugs) = tokio::try_join!(ask(&state, &person, request), slugs(&state, &person))?;
    let items = answer.quotas.into_iter().map(|quota| document(quota, &slugs)).collect();
    Ok(Json(QuotaList { defaults: None, items, next: None }))
}

/// Chooses limits of a persona, or of everybody who has none of their own. What runs goes on; only what would make use
/// grow is refused (409 `quota_exceeded`).
#[utoipa::path(patch, path = "/quotas", tag = "quotas", request_body = ChangeQuota,
    params(("If-Match" = Option<String>, Header, description = "ETag: the quota's revision in quotes")),
    responses((status = 200, body = QuotaDocument), (status = 400, body = ProblemDocument),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
    (status = 412, body = ProblemDocument)))]
pub(crate) async fn change(
    State(state): State<AppState>,
    person: Person,
    headers: HeaderMap,
    Body(body): Body<ChangeQuota>,
) -> Result<Response, Problem> {
    let revision = match extract::header(&headers, "if-match", 128)? {
        None => 0,
        Some(etag) => etag.trim_matches('"').parse().map_err(|_| {
            Fault::invalid("if-match", "If-Match takes the quota's revision in quotes")
        })?,
    };
    let given = [
        ("memory", body.memory),
        ("vcpus", body.vcpus),
        ("disk", body.disk),
        ("instances", body.instances),
        ("open_jobs", body.open_jobs),
        ("most_memory", body.most_memory),
        ("most_vcpus", body.most_vcpus),
        ("most_disk", body.most_disk),
    ];
    let mut choices = Vec::new();
    for (field, value) in given {
        let text = match value {
            None => continue,
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(Problem(Fault::invalid(field, WANTED))),
        };
        choices.push(read(field, &text).ok_or_else(|| Problem(Fault::invalid(field, WANTED)))?);
    }
    let slug = body.cluster.unwrap_or_default();
    let request = SetQuotaRequest {
        persona: body.persona.unwrap_or_default(),
        cluster_id: place(&state, &person, &slug).await?,
        cluster: slug.clone(),
        choices,
        counts: body.counts.unwrap_or_default(),
        revision,
    };
    let quota = state.clients.quotas().set_quota(person.ask(request)).await?.into_inner();
    let etag = format!("\"{}\"", quota.revision);
    let slugs = HashMap::from([(quota.cluster_id.clone(), slug)]);
    let slugs = if quota.cluster_id.is_empty() { Slugs::new() } else { slugs };
    Ok((StatusCode::OK, [(header::ETAG, etag)], Json(document(quota, &slugs))).into_response())
}

pub(crate) const WANTED: &str = "inherit, unlimited, or an amount: 8, or for sizes 512M, 1.5T";

/// Reads a limit as it is written for a field; none if it can't be one.
pub(crate) fn read(field: &str, text: &str) -> Option<QuotaChoice> {
    let (resource, is_size) = match field {
        "memory" => ("memory_mib", true),
        "disk" => ("disk_mib", true),
        "most_memory" => ("most_memory_mib", true),
        "most_disk" => ("most_disk_mib", true),
        other => (other, false),
    };
    let resource = resource.to_owned();
    let word =
        |word: &str| QuotaChoice { resource: resource.clone(), choice: word.to_owned(), value: 0 };
    match text.trim() {
        found @ ("inherit" | "unlimited") => Some(word(found)),
        amount => {
            let value = if is_size { size_mib(amount)? } else { amount.parse().ok()? };
            Some(QuotaChoice { value, ..word("value") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_word_or_an_amount_and_blank_is_neither() {
        let value = |field, text| read(field, text).map(|c| (c.resource, c.choice, c.value));
        let wanted = |r: &str, c: &str, v| Some((r.to_owned(), c.to_owned(), v));
        assert_eq!(value("memory", "1.5G"), wanted("memory_mib", "value", 1536));
        assert_eq!(value("disk", "2T"), wanted("disk_mib", "value", 2 << 20));
        assert_eq!(value("vcpus", "8"), wanted("vcpus", "value", 8));
        assert_eq!(value("most_disk", "unlimited"), wanted("most_disk_mib", "unlimited", 0));
        assert_eq!(value("instances", "inherit"), wanted("instances", "inherit", 0));
        for (field, bad) in [("memory", ""), ("vcpus", "2G"), ("vcpus", ""), ("vcpus", "-1")] {
            assert_eq!(value(field, bad), None, "{field} {bad}");
        }
    }
}
