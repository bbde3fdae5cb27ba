//! `/quotas`: what oneself, one's groups and others may use, and use.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::IntoResponse;
use axum_extra::extract::{Form, Query};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{ListQuotasRequest, Quota, QuotaChoice, SetQuotaRequest};
use gwm_types::{ClusterId, Object, Permission};
use http::StatusCode;
use serde::Deserialize;

use super::common::{self, Page, PageError, Viewer, escape, sentence};
use super::login::see_other;
use crate::http::AppState;
use crate::http::api::quotas::{self as api, Slugs};
use crate::http::views::form::{Choice, FieldError, FormErrors};
use crate::http::views::parts::Link;
use crate::http::views::quotas::{
    LimitBar, LimitField, PlaceList, QuotaCard, QuotaEditPage, QuotasPage, label, shown,
};
use crate::http::views::shell::Section;

/// In the order of the page.
const RESOURCES: [&str; 5] = ["memory_mib", "vcpus", "disk_mib", "instances", "open_jobs"];
const MOST: [(&str, &str); 3] =
    [("most_memory", "memory_mib"), ("most_vcpus", "vcpus"), ("most_disk", "disk_mib")];
/// As the value of a choice; a slug is never this.
const FLEET: &str = "*";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    /// A slug, [`FLEET`], or nothing.
    cluster: String,
    after: String,
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(place): Query<Place>,
) -> Page {
    let slugs = api::slugs(&state, &viewer.person).await?;
    let own = ListQuotasRequest { persona: "me".to_owned(), ..Default::default() };
    let (shell, own) = tokio::join!(
        common::shell(&state, &viewer, Section::Quotas, "Quotas", Vec::new()),
        api::ask(&state, &viewer.person, own),
    );
    let places = places(&state, &viewer, &slugs, &place.cluster);
    let chosen = places.iter().find(|choice| choice.selected).or(places.first());
    let list = match chosen {
        Some(choice) => {
            Some(in_place(&state, &viewer, &slugs, &choice.value, (&place.after, 0)).await?)
        }
        None => None,
    };
    let mut mine: Vec<QuotaCard> =
        own?.quotas.into_iter().map(|quota| card(quota, &slugs, None)).collect();
    mine.retain(|card| !card.says_nothing());
    common::ok(&QuotasPage { shell, mine, places, list })
}

/// Where the viewer may choose limits.
fn places(state: &AppState, viewer: &Viewer, slugs: &Slugs, chosen: &str) -> Vec<Choice> {
    let choice = |value: &str, label: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == chosen,
    };
    let mut administered: Vec<&String> = slugs
        .iter()
        .filter(|(id, _)| administers(state, viewer, id))
        .map(|(_, slug)| slug)
        .collect();
    administered.sort_unstable();
    let fleet = viewer.admin.then(|| choice(FLEET, "all clusters together"));
    fleet.into_iter().chain(administered.into_iter().map(|slug| choice(slug, slug))).collect()
}

fn administers(state: &AppState, viewer: &Viewer, cluster_id: &str) -> bool {
    let object = match cluster_id {
        "" => Object::Fleet,
        id => match id.parse::<ClusterId>() {
            Ok(id) => Object::Cluster(id),
            Err(_) => return false,
        },
    };
    state.authz.allows(&viewer.person.0, Permission::Admin, object)
}

async fn in_place(
    state: &AppState,
    viewer: &Viewer,
    slugs: &Slugs,
    value: &str,
    (after, limit): (&str, u32),
) -> Result<PlaceList, PageError> {
    let slug = if value == FLEET { "" } else { value };
    let id = slugs.iter().find(|(_, s)| *s == slug).map(|(id, _)| id.clone()).unwrap_or_default();
    let asked = ListQuotasRequest {
        cluster_id: id,
        after: after.to_owned(),
        limit,
        ..ListQuotasRequest::default()
    };
    let answer = api::ask(state, &viewer.person, asked).await?;
    let back = format!("/quotas?cluster={}", escape(value));
    let defaults = answer.defaults.unwrap_or_default();
    let mut shown: Vec<(&'static str, String)> = Vec::new();
    for resource in RESOURCES {
        let limit = defaults.limits.iter().find(|limit| limit.resource == resource);
        shown.push((label(resource), amount(resource, limit.and_then(|limit| limit.limit))));
    }
    if !slug.is_empty() {
        let counted = if defaults.counts == "all" { "all instances" } else { "running instances" };
        shown.push(("Memory and CPUs count of", counted.to_owned()));
        for most in &defaults.most {
            let what = match most.resource.as_str() {
                "memory_mib" => "Memory of one instance",
                "vcpus" => "CPUs of one instance",
                _ => "Disk of one instance",
            };
            shown.push((what, amount(&most.resource, most.limit)));
        }
    }
    let next = match answer.next.as_str() {
        "" => String::new(),
        next => format!("{back}&after={}", escape(next)),
    };
    Ok(PlaceList {
        name: if slug.is_empty() { "all clusters together".to_owned() } else { slug.to_owned() },
        defaults: shown,
        edit: edit_href("", slug, &back),
        slug: slug.to_owned(),
        rows: answer.quotas.into_iter().map(|quota| card(quota, slugs, Some(&back))).collect(),
        next,
    })
}

/// The section on the page of a cluster, for who administers it: the first few.
pub(super) async fn on_cluster(
    state: &AppState,
    viewer: &Viewer,
    cluster_id: &str,
    slug: &str,
) -> Option<PlaceList> {
    if !administers(state, viewer, cluster_id) {
        return None;
    }
    let slugs = HashMap::from([(cluster_id.to_owned(), slug.to_owned())]);
    in_place(state, viewer, &slugs, slug, ("", 5)).await.ok()
}

fn amount(resource: &str, limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| shown(resource, limit))
}

fn edit_href(whose: &str, slug: &str, back: &str) -> String {
    format!("/quotas/edit?whose={}&cluster={}&back={}", escape(whose), escape(slug), escape(back))
}

/// A persona's limits with bars; `back`: they can be changed, and one comes back there.
fn card(quota: Quota, slugs: &Slugs, back: Option<&str>) -> QuotaCard {
    let slug = slugs.get(&quota.cluster_id).cloned().unwrap_or_default();
    let place = match (quota.cluster_id.as_str(), slug.as_str()) {
        ("", _) => "on all clusters together".to_owned(),
        (_, "") => "on a cluster that you don’t see".to_owned(),
        (_, slug) => format!("on {slug}"),
    };
    let mut bars: Vec<LimitBar> = RESOURCES
        .into_iter()
        .filter_map(|resource| {
            let limit = quota.limits.iter().find(|limit| limit.resource == resource)?;
            let (used, source) = (limit.used, limit.source.clone());
            Some(LimitBar { resource, used, limit: limit.limit, source })
        })
        .collect();
    // Open jobs come and go: they are only worth a line where they are limited.
    bars.retain(|bar| bar.resource != "open_jobs" || bar.limit.is_some());
    let known = quota.cluster_id.is_empty() || !slug.is_empty();
    let edit = match back {
        Some(back) if known => edit_href(&quota.persona, &slug, back),
        _ => String::new(),
    };
    QuotaCard { persona: quota.persona, place, bars, edit }
}

/// The section on the page of a user or a group; what can't be read is left out, as on a page without it.
pub(super) async fn of(
    state: &AppState,
    viewer: &Viewer,
    persona: &str,
    back: &str,
) -> Vec<QuotaCard> {
    let asked = ListQuotasRequest { persona: persona.to_owned(), ..Default::default() };
    let (answer, slugs) =
        tokio::join!(api::ask(state, &viewer.person, asked), api::slugs(state, &viewer.person));
    let (Ok(answer), Ok(slugs)) = (answer, slugs) else { return Vec::new() };
    let one = |quota: Quota| {
        let back = administers(state, viewer, &quota.cluster_id).then_some(back);
        card(quota, &slugs, back)
    };
    let mut cards: Vec<QuotaCard> = answer.quotas.into_iter().map(one).collect();
    cards.retain(|card| !card.says_nothing() || !card.edit.is_empty());
    cards
}

/// What the persona that one acts as has left on a cluster, for the form of a new instance: the cluster's and the
/// fleet's limits.
pub(super) async fn left(state: &AppState, viewer: &Viewer, cluster_id: &str) -> Vec<QuotaCard> {
    let persona = viewer.person.0.persona();
    let mut cards = Vec::new();
    let asked = ListQuotasRequest { persona, ..Default::default() };
    let (answer, slugs) =
        tokio::join!(api::ask(state, &viewer.person, asked), api::slugs(state, &viewer.person));
    let (Ok(answer), Ok(slugs)) = (answer, slugs) else { return cards };
    for quota in answer.quotas {
        if quota.cluster_id.is_empty() || quota.cluster_id == cluster_id {
            let mut card = card(quota, &slugs, None);
            card.bars.retain(|bar| bar.limit.is_some());
            if !card.bars.is_empty() {
                cards.push(card);
            }
        }
    }
    cards
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct EditQuery {
    whose: String,
    cluster: String,
    back: String,
}

pub(crate) async fn edit(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(query): Query<EditQuery>,
) -> Page {
    let page = draw(&state, &viewer, &query, None).await?;
    common::ok(&page)
}

/// The form as it was sent: `whose`, `cluster`, `back`, `revision`, `counts`, and of each limit `NAME_choice` and `NAME`.
type Sent = HashMap<String, String>;

pub(crate) async fn save(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(sent): Form<Sent>,
) -> Page {
    let text = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let query = EditQuery { whose: text("whose"), cluster: text("cluster"), back: text("back") };
    let choices = match read(&sent) {
        Ok(choices) => choices,
        Err(errors) => return again(&state, &viewer, &query, sent, errors).await,
    };
    let cluster_id = api::place(&state, &viewer.person, &query.cluster).await?;
    let asked = SetQuotaRequest {
        persona: query.whose.clone(),
        cluster_id,
        cluster: query.cluster.clone(),
        choices,
        counts: text("counts"),
        revision: text("revision").parse().unwrap_or_default(),
    };
    match state.clients.quotas().set_quota(viewer.person.ask(asked)).await {
        Ok(_) => Ok(see_other(&back(&query)).into_response()),
        Err(status) => {
            let fault = Fault::from_status(&status);
            let correctable = [ErrorCode::InvalidArgument, ErrorCode::FailedPrecondition];
            if !correctable.contains(&fault.code) {
                return Err(fault.into());
            }
            let message = sentence(&fault.message);
            let errors = FormErrors(vec![FieldError { field: String::new(), message }]);
            again(&state, &viewer, &query, sent, errors).await
        }
    }
}

/// Only pages of gwm.
fn back(query: &EditQuery) -> String {
    let own = query.back.starts_with('/') && !query.back.starts_with("//");
    if own && !query.back.contains('\\') {
        return query.back.clone();
    }
    "/quotas".to_owned()
}

/// The choices that the form has.
fn read(sent: &Sent) -> Result<Vec<QuotaChoice>, FormErrors> {
    let names = ["memory", "vcpus", "disk", "instances", "open_jobs"];
    let (mut choices, mut errors) = (Vec::new(), Vec::new());
    for name in names.into_iter().chain(MOST.map(|(name, _)| name)) {
        let Some(choice) = sent.get(&format!("{name}_choice")) else { continue };
        let amount = sent.get(name).map(|amount| amount.trim()).unwrap_or_default();
        let text = if choice == "value" { amount } else { choice };
        let words = ["inherit", "unlimited"];
        match api::read(name, text) {
            // A word in the field of the amount is no amount.
            Some(read) if choice != "value" || !words.contains(&text) => choices.push(read),
            Some(_) | None => {
                let message = if name.ends_with("memory") || name.ends_with("disk") {
                    "Give a size such as 512M or 1.5T, or choose another limit."
                } else {
                    "Give a whole number, or choose another limit."
                };
                errors.push(FieldError { field: name.to_owned(), message: message.to_owned() });
            }
        }
    }
    if errors.is_empty() { Ok(choices) } else { Err(FormErrors(errors)) }
}

async fn again(
    state: &AppState,
    viewer: &Viewer,
    query: &EditQuery,
    sent: Sent,
    errors: FormErrors,
) -> Page {
    let mut page = draw(state, viewer, query, Some(&sent)).await?;
    page.errors = errors;
    Ok(common::render(StatusCode::BAD_REQUEST, &page))
}

async fn draw(
    state: &AppState,
    viewer: &Viewer,
    query: &EditQuery,
    sent: Option<&Sent>,
) -> Result<QuotaEditPage, PageError> {
    let cluster_id = api::place(state, &viewer.person, &query.cluster).await?;
    if !administers(state, viewer, &cluster_id) {
        return Err(Fault::not_found("page").into());
    }
    // The defaults are in the list of the place, of one persona the more.
    let place =
        ListQuotasRequest { cluster_id: cluster_id.clone(), limit: 1, ..Default::default() };
    let defaults = api::ask(state, &viewer.person, place).await?.defaults.unwrap_or_default();
    let own = if query.whose.is_empty() {
        None
    } else {
        let asked = ListQuotasRequest {
            persona: query.whose.clone(),
            cluster_id: cluster_id.clone(),
            only_place: true,
            ..ListQuotasRequest::default()
        };
        let found = api::ask(state, &viewer.person, asked).await?.quotas.pop();
        Some(found.unwrap_or_else(|| {
            Quota {
                persona: query.whose.clone(),
                limits: defaults
                    .limits
                    .iter()
                    .map(|limit| {
                        let mut limit = limit.clone();
                        "inherit".clone_into(&mut limit.choice);
                        limit
                    })
                    .collect(),
                cluster_id: cluster_id.clone(),
                ..Quota::default()
            }
        }))
    };
    let shown_quota = own.as_ref().unwrap_or(&defaults);
    let field = |(name, resource): (&'static str, &'static str)| {
        let limit = shown_quota.limits.iter().find(|limit| limit.resource == resource);
        let everybody = defaults.limits.iter().find(|limit| limit.resource == resource);
        LimitField {
            name,
            choice: limit.map(|limit| limit.choice.clone()).unwrap_or_default(),
            value: limit.and_then(|l| l.value).map(|v| typed(resource, v)).unwrap_or_default(),
            everybody: amount(resource, everybody.and_then(|limit| limit.limit)),
        }
    };
    let most = |(name, resource): (&'static str, &'static str)| {
        let limit = defaults.most.iter().find(|most| most.resource == resource);
        let limit = limit.and_then(|most| most.limit);
        LimitField {
            name,
            choice: if limit.is_some() { "value" } else { "unlimited" }.to_owned(),
            value: limit.map(|value| typed(resource, value)).unwrap_or_default(),
            everybody: String::new(),
        }
    };
    let names = [
        ("memory", "memory_mib"),
        ("vcpus", "vcpus"),
        ("disk", "disk_mib"),
        ("instances", "instances"),
        ("open_jobs", "open_jobs"),
    ];
    let (mut fields, mut most) = (names.map(field).to_vec(), MOST.map(most).to_vec());
    let mut counts_all = defaults.counts == "all";
    if let Some(sent) = sent {
        for field in fields.iter_mut().chain(&mut most) {
            if let Some(choice) = sent.get(&format!("{}_choice", field.name)) {
                field.choice.clone_from(choice);
            }
            field.value = sent.get(field.name).cloned().unwrap_or_default();
        }
        counts_all = sent.get("counts").map_or(counts_all, |counts| counts == "all");
    }
    let href = back(query);
    let crumbs = vec![Link::new("Quotas", "/quotas"), Link::new("Change", "")];
    let revision = shown_quota.revision;
    let slugs = HashMap::from([(cluster_id, query.cluster.clone())]);
    Ok(QuotaEditPage {
        shell: common::shell(state, viewer, Section::Quotas, "Change limits", crumbs).await,
        whose: query.whose.clone(),
        cluster: query.cluster.clone(),
        fields,
        most,
        counts_all,
        now: own.map(|quota| card(quota, &slugs, None)),
        revision,
        errors: FormErrors::default(),
        back: Link::new("Back", href),
    })
}

/// An amount as it may be typed again, exactly.
fn typed(resource: &str, value: u64) -> String {
    if !resource.ends_with("_mib") {
        return value.to_string();
    }
    match value {
        0 => "0".to_owned(),
        v if v.is_multiple_of(1 << 20) => format!("{}T", v >> 20),
        v if v.is_multiple_of(1 << 10) => format!("{}G", v >> 10),
        v => format!("{v}M"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Sent {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_blank_amount_is_refused_and_never_unlimited() {
        let ok =
            sent(&[("memory_choice", "value"), ("memory", "1.5G"), ("vcpus_choice", "inherit")]);
        let read_back = read(&ok).unwrap();
        assert_eq!(read_back.len(), 2);
        assert_eq!((read_back[0].value, read_back[1].choice.as_str()), (1536, "inherit"));
        for (name, amount) in
            [("memory", ""), ("memory", "unlimited"), ("vcpus", "2G"), ("vcpus", "")]
        {
            let bad = sent(&[(&format!("{name}_choice"), "value"), (name, amount)]);
            assert_eq!(read(&bad).unwrap_err().0[0].field, name, "{amount}");
        }
    }

    #[test]
    fn what_is_shown_in_a_field_reads_back_the_same() {
        for value in [0, 1, 512, 1024, 1536, 1 << 20, (1 << 20) + 1] {
            let read = api::read("memory", &typed("memory_mib", value)).unwrap();
            assert_eq!(read.value, value);
        }
    }

    #[test]
    fn one_comes_back_to_pages_of_gwm_only() {
        let to =
            |back: &str| super::back(&EditQuery { back: back.to_owned(), ..EditQuery::default() });
        assert_eq!(to("/groups/shop"), "/groups/shop");
        for bad in ["", "https://example.org", "//example.org", "/\\example.org"] {
            assert_eq!(to(bad), "/quotas");
        }
    }
}
