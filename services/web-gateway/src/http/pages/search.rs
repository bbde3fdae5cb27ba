//! `/search`: what the box in every page's head finds, as a page.

use axum::extract::State;
use axum_extra::extract::Query;
use gwm_kernel::{ErrorCode, Fault};
use serde::Deserialize;

use super::common::{self, Page, Viewer, escape, sentence};
use crate::http::AppState;
use crate::http::api::find::{FoundDocument, look};
use crate::http::views::parts::{Link, Mark, Status};
use crate::http::views::search::{FoundGroup, FoundLine, SearchPage};
use crate::http::views::shell::Section;

/// Of each kind; lists have the rest.
const MOST: u32 = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SearchQuery {
    q: String,
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(query): Query<SearchQuery>,
) -> Page {
    let q = query.q.trim().to_owned();
    let mut shell = common::shell(&state, &viewer, Section::Other, "Search", Vec::new()).await;
    shell.search.clone_from(&q);
    let mut page = SearchPage { shell, q: q.clone(), error: String::new(), groups: Vec::new() };
    if q.is_empty() {
        return common::ok(&page);
    }
    let found = match look(&state, &viewer.person, q.clone(), MOST).await {
        Ok(found) => found,
        Err(status) => {
            let fault = Fault::from_status(&status);
            if fault.code == ErrorCode::Unauthenticated {
                return Err(fault.into());
            }
            page.error = sentence(&fault.message);
            return common::ok(&page);
        }
    };
    for (kind, title, path) in [
        ("instance", "Instances", "/instances"),
        ("node", "Nodes", "/nodes"),
        ("cluster", "Clusters", "/clusters"),
    ] {
        let lines: Vec<FoundLine> =
            found.items.iter().filter(|f| f.kind == kind).map(line).collect();
        if !lines.is_empty() {
            let more = found.more.iter().any(|k| k == kind);
            let all_href = format!("{path}?q={}", escape(&gwm_quoted(&q)));
            page.groups.push(FoundGroup { title, lines, more, all_href });
        }
    }
    common::ok(&page)
}

/// As one word of the filter's grammar.
fn gwm_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn line(found: &FoundDocument) -> FoundLine {
    let status = match (found.kind.as_str(), found.status.as_str()) {
        ("instance", status) => Status::instance(status),
        ("cluster", "reachable") => Status::new(Mark::Ok, "answers", ""),
        ("cluster", _) => Status::new(Mark::Bad, "does not answer", ""),
        (_, "offline") => Status::new(Mark::Bad, "offline", "marked offline in Ganeti"),
        (_, "drained") => Status::new(Mark::Warn, "drained", "takes no new instances"),
        (_, role) => Status::new(Mark::Ok, role.replace('-', " "), ""),
    };
    FoundLine {
        status,
        link: Link::new(&found.name, &found.href),
        place: if found.kind == "cluster" { String::new() } else { found.cluster.clone() },
        // An owner that matched stands there already.
        matched: found
            .matched
            .clone()
            .filter(|m| found.owner.as_ref() != Some(m))
            .unwrap_or_default(),
        owner: super::imports::text(found.owner.clone().unwrap_or_default()),
    }
}
