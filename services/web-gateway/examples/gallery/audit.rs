//! The audit log.

use gwm_web_gateway::http::views::{audit, parts, shell};

use crate::made_up::{around, choosing, head, list, uuid, when};

fn row(number: u64, title: &str, action: &str, outcome: parts::Status) -> audit::RecordRow {
    let instance = action.starts_with("instance.") || action.starts_with("console.");
    let (object, kind) = if instance {
        (
            parts::Link::new("web1.example.com", "/clusters/fra1/instances/web1.example.com"),
            "instance",
        )
    } else {
        (parts::Link::new("", ""), "")
    };
    audit::RecordRow {
        id: uuid(number),
        number,
        title: title.to_owned(),
        action: action.to_owned(),
        reason: if outcome.word == "refused" { "permission_denied" } else { "" }.to_owned(),
        status: outcome,
        by: parts::Link::new("ann as group/ops", "/audit?q=actor%3Dann"),
        object,
        kind: kind.to_owned(),
        cluster: if instance { "fra1" } else { "" }.to_owned(),
        address: "192.0.2.7".to_owned(),
        job: if action == "instance.startup" { uuid(100) } else { String::new() },
        at: when(700 * i64::try_from(48_300 - number).unwrap_or(0)),
    }
}

pub(crate) fn audit_page(none: bool) -> audit::AuditPage {
    let status = parts::Status::new;
    let rows = if none {
        Vec::new()
    } else {
        vec![
            row(
                48_299,
                "Start an instance",
                "instance.startup",
                status(parts::Mark::Ok, "succeeded", ""),
            ),
            row(
                48_298,
                "Start an instance",
                "instance.startup",
                status(parts::Mark::Busy, "begun", "how it ended is a record of its own"),
            ),
            row(48_297, "Give a right", "grant.add", status(parts::Mark::Warn, "refused", "")),
            row(48_296, "Open a console", "console.open", status(parts::Mark::Bad, "failed", "")),
            row(48_295, "Sign in", "session.start", status(parts::Mark::Ok, "succeeded", "")),
        ]
    };
    let heads = vec![
        head("What", "", ""),
        head("Outcome", "", ""),
        head("Object", "", ""),
        head("Cluster", "mid", ""),
        head("By", "", ""),
        head("From", "low", ""),
        head("When", "n", "descending"),
    ];
    let total = rows.len() as u64;
    audit::AuditPage {
        shell: around("Audit log", shell::Section::Audit, &[]),
        list: choosing(
            list("/audit", "records", heads, rows.len(), total),
            &[
                ("object", "Object"),
                ("cluster", "Cluster"),
                ("by", "By"),
                ("address", "From"),
                ("at", "When"),
            ],
        ),
        rows,
    }
}

pub(crate) fn history() -> audit::History {
    let href = "/audit?q=cluster%3Dfra1".to_owned();
    audit::History { rows: audit_page(false).rows, href, own_only: false, failed: String::new() }
}
