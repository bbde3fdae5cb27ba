//! `/audit`.

use axum::extract::{RawQuery, State};
use axum_extra::extract::Query;
use chrono::{DateTime, Utc};
use gwm_events::types::audit::{Outcome, Phase, Record};
use gwm_kernel::ErrorCode;
use gwm_proto::common::PageRequest;

use super::common::{self, Page, Viewer, escape};
use super::listing::{About, ListState, column, extra, fixed};
use super::views;
use crate::http::AppState;
use crate::http::api::audit::read;
use crate::http::problem::Problem;
use crate::http::views::audit::{AuditPage, History, RecordRow};
use crate::http::views::parts::{Link, Mark, Status, When};
use crate::http::views::shell::Section;

/// As many stand on an object's page.
const LATEST: u32 = 8;

const ABOUT: About = About {
    path: "/audit",
    kind: "record",
    noun: "records",
    q_hint: "name, or actor:ann action:instance.* outcome:refused at<7d",
    own_sort: "-at",
    columns: &[
        fixed("What", "", ""),
        fixed("Outcome", "", ""),
        column("object", "Object", "", ""),
        column("cluster", "Cluster", "", "mid"),
        column("by", "By", "", ""),
        column("address", "From", "", "low"),
        extra("job", "Job", "", "low"),
        extra("number", "Number", "", "n low"),
        column("at", "When", "at", "n"),
    ],
};

/// What people read for an action's name; one that has no words is shown as it is.
fn words(action: &str) -> Option<&'static str> {
    Some(match action {
        "session.start" => "Sign in",
        "session.end" => "Sign out",
        "token.create" => "Make an API token",
        "token.revoke" => "Revoke an API token",
        "user.create" => "Create a user",
        "user.list" => "List the users",
        "user.change" => "Change a user",
        "user.disable" => "Disable a user",
        "user.enable" => "Enable a user",
        "user.make_admin" => "Make somebody an administrator",
        "user.take_admin" => "Make somebody no administrator any more",
        "user.set_password" => "Give a user a new password",
        "user.change_password" => "Change one’s own password",
        "second_factor.add" => "Set up a second factor",
        "second_factor.remove" => "Take one’s own second factor away",
        "second_factor.reset" => "Take a user’s second factor away",
        "invite.create" => "Invite somebody",
        "invite.withdraw" => "Withdraw an invite",
        "invite.redeem" => "Make an account with an invite",
        "invite.list" => "List the invites",
        "user.bootstrap" => "Make the first administrator",
        "user.reset_admin" => "Reset the administrator on the machine",
        "group.create" => "Make a group",
        "group.update" => "Describe a group",
        "group.delete" => "Delete a group",
        "group.set_member" => "Add or change a member of a group",
        "group.remove_member" => "Take a member out of a group",
        "role.create" => "Make a role",
        "role.update" => "Change a role",
        "role.delete" => "Delete a role",
        "access.explain" => "Ask what somebody may do",
        "grant.add" => "Give a right",
        "grant.remove" => "Take a right away",
        "grant.list" => "List the rights",
        "owner.set" | "owner.set_many" => "Set the owner",
        "owner.clear" => "Take the owner away",
        "owner.list" => "List the owners",
        "console.open" => "Open a console",
        "cluster.add" => "Add a cluster",
        "cluster.update" => "Change how a cluster is reached",
        "cluster.remove" => "Remove a cluster from gwm",
        "cluster.confirm_missing" => "Confirm that objects are gone",
        "cluster.make_hook_token" => "Make a hook token",
        "cluster.withdraw_hook_token" => "Withdraw a hook token",
        "missing.purge" => "Forget what is gone",
        "instance.create" => "Create an instance",
        "instance.startup" => "Start an instance",
        "instance.shutdown" => "Shut an instance down",
        "instance.reboot" => "Reboot an instance",
        "instance.remove" => "Delete an instance",
        "instance.notes" => "Change an instance’s notes",
        "instance.restore_notes" => "Bring an instance’s notes back",
        "instance.restore_rights" => "Bring the rights on an instance back",
        _ => return None,
    })
}

fn status(record: &Record) -> Status {
    match (record.outcome, record.phase) {
        (Some(Outcome::Succeeded), _) => Status::new(Mark::Ok, "succeeded", ""),
        (Some(Outcome::Failed), _) => Status::new(Mark::Bad, "failed", ""),
        (Some(Outcome::Refused), _) => Status::new(Mark::Warn, "refused", ""),
        (None, Phase::Begin) => {
            Status::new(Mark::Busy, "begun", "how it ended is a record of its own")
        }
        (None, _) => Status::new(Mark::Unknown, "not known", ""),
    }
}

/// All records that a filter finds.
fn filtered(q: &str) -> String {
    format!("/audit?q={}", escape(q))
}

/// Records of which one of these fields has the value.
fn about(fields: &[&str], value: &str) -> String {
    let value = quoted(value);
    fields.iter().map(|field| format!("{field}={value}")).collect::<Vec<_>>().join(" or ")
}

/// In quotation marks, blanks and parentheses are text.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn object_link(record: &Record) -> Link {
    let Some(object) = &record.object else { return Link::new("", "") };
    let label = object.name.as_deref().or(object.id.as_deref()).unwrap_or_default();
    let href = match (object.kind.as_str(), &record.cluster, &object.name, &object.id) {
        ("instance", Some(cluster), Some(name), _) if record.action != "instance.remove" => {
            format!("/clusters/{cluster}/instances/{name}")
        }
        ("user", _, Some(name), _) => format!("/users/{}", escape(name)),
        ("group", _, Some(name), _) if record.action != "group.delete" => {
            format!("/groups/{}", escape(name))
        }
        ("role", _, Some(name), _) if record.action != "role.delete" => {
            format!("/roles/{}", escape(name))
        }
        ("cluster", Some(cluster), ..) if record.action != "cluster.remove" => {
            format!("/clusters/{cluster}")
        }
        (_, _, _, Some(id)) => filtered(&about(&["uuid"], id)),
        _ => String::new(),
    };
    Link::new(label, href)
}

fn row(record: &Record, now: DateTime<Utc>) -> RecordRow {
    let person = record.person.as_ref();
    let name = person.and_then(|p| p.username.as_deref());
    let acting = person.and_then(|p| p.acting_as.as_deref());
    let by = match (name, acting) {
        (Some(name), Some(persona)) => {
            Link::new(format!("{name} as {persona}"), filtered(&about(&["actor"], name)))
        }
        (Some(name), None) => Link::new(name, filtered(&about(&["actor"], name))),
        (None, _) => Link::new(if person.is_some() { "nobody" } else { "gwm" }, ""),
    };
    RecordRow {
        id: record.id.clone(),
        number: record.number,
        title: words(&record.action).map_or_else(|| record.action.clone(), str::to_owned),
        action: record.action.clone(),
        status: status(record),
        reason: record.reason.clone().unwrap_or_default(),
        by,
        object: object_link(record),
        kind: record.object.as_ref().map(|o| o.kind.replace('_', " ")).unwrap_or_default(),
        cluster: record.cluster.clone().unwrap_or_default(),
        address: person.and_then(|p| p.client_address.clone()).unwrap_or_default(),
        job: record.job_id.clone().unwrap_or_default(),
        at: When::new(record.at, now),
    }
}

/// The latest records that a filter finds, for the page of what it is about; that page is worth having
/// without them.
pub(crate) async fn history(
    state: &AppState,
    viewer: &Viewer,
    fields: &[&str],
    value: &str,
) -> History {
    let page = PageRequest { q: about(fields, value), limit: LATEST, ..PageRequest::default() };
    let now = Utc::now();
    let (rows, failed) = match read(state, &viewer.person, page).await {
        Ok((records, _)) => (records.iter().map(|r| row(r, now)).collect(), String::new()),
        Err(Problem(fault)) => (Vec::new(), common::sentence(&fault.message)),
    };
    History { rows, href: filtered(&about(fields, value)), own_only: !viewer.admin, failed }
}

pub(crate) async fn list(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(list): Query<ListState>,
    query: RawQuery,
) -> Page {
    let shell = common::shell(&state, &viewer, Section::Audit, "Audit log", Vec::new());
    let records = read(&state, &viewer.person, list.request());
    let (shell, answer, views) = tokio::join!(shell, records, views::of(&state, &viewer, &ABOUT));
    if let Some(elsewhere) = views::opens_at(&views, &ABOUT, &query) {
        return Ok(elsewhere);
    }
    let (rows, mut listing) = match answer {
        Ok((records, page)) => {
            let now = Utc::now();
            let rows: Vec<RecordRow> = records.iter().map(|r| row(r, now)).collect();
            let listing = list.listing(&ABOUT, rows.len(), page.as_ref());
            (rows, listing)
        }
        Err(Problem(fault)) if fault.code == ErrorCode::Unauthenticated => {
            return Err(fault.into());
        }
        Err(Problem(fault)) => (Vec::new(), list.failed(&ABOUT, &fault)),
    };
    views::tabs(views, &list, &ABOUT, &mut listing);
    common::ok(&AuditPage { shell, list: listing, rows })
}
