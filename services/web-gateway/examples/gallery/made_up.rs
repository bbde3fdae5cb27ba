//! Made-up things that several pages show.

use chrono::{DateTime, TimeDelta, Utc};
use gwm_web_gateway::http::views::{access, aged, form, listing, overview, parts, shell};

pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

pub(crate) fn when(seconds: i64) -> parts::When {
    parts::When::new(now() - TimeDelta::seconds(seconds), now())
}

pub(crate) fn soon(seconds: i64) -> parts::When {
    parts::When::to_come(now() + TimeDelta::seconds(seconds), now())
}

pub(crate) fn uuid(n: u64) -> String {
    format!("5f0c6a1e-2b7d-4c7e-9d1a-{n:012x}")
}

pub(crate) fn around(
    title: &str,
    section: shell::Section,
    crumbs: &[(&str, &str)],
) -> shell::Shell {
    shell::Shell {
        title: title.to_owned(),
        section,
        user: "ann".to_owned(),
        admin: true,
        whole: true,
        placement: true,
        personas: vec![
            shell::Persona { id: String::new(), label: "yourself".to_owned() },
            shell::Persona { id: "group/ops".to_owned(), label: "ops".to_owned() },
        ],
        persona: String::new(),
        running_jobs: 2,
        crumbs: crumbs.iter().map(|(l, h)| parts::Link::new(*l, *h)).collect(),
        notices: vec![],
        aged: aged::Aged::default(),
        as_of: Some(parts::AsOf {
            at: when(12),
            aged: false,
            reason: String::new(),
            aged_after_seconds: 60,
        }),
        stream_position: String::new(),
        search: String::new(),
        version: "0.1.0".to_owned(),
    }
}

pub(crate) fn usage(what: &'static str, used: u64, total: u64) -> parts::Usage {
    parts::Usage { what, used_mib: Some(used), total_mib: Some(total) }
}

pub(crate) fn action(
    id: &str,
    label: &str,
    icon: &'static str,
    verb: &str,
    busy: &str,
) -> parts::Action {
    parts::Action {
        id: id.to_owned(),
        label: label.to_owned(),
        icon,
        path: format!("/clusters/fra1/instances/web1.example.com/{verb}"),
        link: matches!(verb, "console" | "delete"),
        busy_word: busy.to_owned(),
        disabled: None,
        weight: if verb == "delete" { parts::Weight::Danger } else { parts::Weight::Plain },
        confirm: if verb == "shutdown" || verb == "reboot" {
            format!("{label} web1.example.com?")
        } else {
            String::new()
        },
        persona: String::new(),
    }
}

pub(crate) fn actions(id: &str, running: bool) -> Vec<parts::Action> {
    let mut start = action(&format!("{id}-start"), "Start", "play", "startup", "starting…");
    let mut stop =
        action(&format!("{id}-stop"), "Shut down", "square", "shutdown", "shutting down…");
    let mut reboot = action(&format!("{id}-reboot"), "Reboot", "rotate-cw", "reboot", "rebooting…");
    let mut open = action(&format!("{id}-console"), "Console", "monitor", "console", "");
    if running {
        start.disabled = Some("It runs already".to_owned());
    } else {
        stop.disabled = Some("It is stopped already".to_owned());
        reboot.disabled = Some("It is stopped: start it instead".to_owned());
        open.disabled = Some("A stopped instance has no console".to_owned());
    }
    vec![start, stop, reboot, open]
}

pub(crate) fn head(label: &str, class: &'static str, sorted: &'static str) -> listing::ColumnHead {
    listing::ColumnHead {
        label: label.to_owned(),
        sort_href: Some(format!("/instances?sort={}", label.to_lowercase())),
        sorted,
        class,
    }
}

pub(crate) fn list(
    path: &'static str,
    noun: &'static str,
    heads: Vec<listing::ColumnHead>,
    shown: usize,
    total: u64,
) -> listing::Listing {
    let view = |name: &str, current, is_default| listing::ViewTab {
        id: uuid(9),
        name: name.to_owned(),
        href: format!("{path}?q=x"),
        current,
        is_default,
    };
    listing::Listing {
        q_position: None,
        csv_href: format!("/api/v1{path}?format=csv"),
        ndjson_href: format!("/api/v1{path}?format=ndjson"),
        clear_href: path.to_owned(),
        back: path.to_owned(),
        all_href: format!("{path}?q="),
        views: vec![view("In trouble", false, true), view("Large and running", true, false)],
        chosen: vec![],
        path,
        kind: noun.trim_end_matches('s'),
        noun,
        q: String::new(),
        q_error: String::new(),
        q_hint: "name or status:error cluster:fra1 memory>4G",
        sort: String::new(),
        heads,
        columns: vec![],
        shown: shown as u64,
        first_row: u64::from(shown > 0),
        total,
        total_exact: total < 10_000,
        limit: 50,
        first_href: None,
        next_href: (total > 50).then(|| format!("{path}?cursor=eyJhIjoxfQ")),
        failed: String::new(),
    }
}

/// The columns that people choose from, by their names and as shown.
pub(crate) fn choosing(
    mut list: listing::Listing,
    columns: &[(&'static str, &'static str)],
) -> listing::Listing {
    let choice = |(key, label): &(&'static str, &'static str)| listing::ColumnChoice {
        key,
        label,
        shown: list.heads.iter().any(|head| head.label == *label),
    };
    list.columns = columns.iter().map(choice).collect();
    list
}

pub(crate) fn choice(value: &str, label: &str, selected: bool) -> form::Choice {
    form::Choice { value: value.to_owned(), label: label.to_owned(), selected }
}

pub(crate) fn job_lines() -> Vec<overview::JobLine> {
    [
        ("running", "Start web1.example.com", 4),
        ("succeeded", "Create build-7.ci.example.com", 80),
        ("failed", "Reboot db-primary.fra1.example.com", 600),
        ("succeeded", "Shut down mail.example.org", 4000),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, (state, title, age))| overview::JobLine {
        id: uuid(100 + n as u64),
        title: title.to_owned(),
        status: parts::Status::job(state),
        by: "ann".to_owned(),
        when: when(age),
        cluster: "fra1".to_owned(),
    })
    .collect()
}

pub(crate) fn problems() -> Vec<parts::Problem> {
    vec![
        parts::Problem { status: parts::Status::new(parts::Mark::Bad, "not reachable", ""), link: parts::Link::new("ams-lab", "/clusters/ams-lab"), detail: "Connection refused at https://ams-lab.example.com:5080 since 4 min ago".to_owned(), place: "cluster".to_owned() },
        parts::Problem { status: parts::Status::instance("ERROR_nodedown"), link: parts::Link::new("db-primary.fra1.example.com", "/clusters/fra1/instances/db-primary.fra1.example.com"), detail: "Its node node3.fra1.example.com does not answer; fail it over to node4.fra1.example.com".to_owned(), place: "fra1".to_owned() },
        parts::Problem { status: parts::Status::new(parts::Mark::Warn, "almost full", ""), link: parts::Link::new("node2.fra1.example.com", "/clusters/fra1/nodes/node2.fra1.example.com"), detail: "Disk 96 % used".to_owned(), place: "fra1".to_owned() },
    ]
}

pub(crate) fn lines() -> Vec<overview::ClusterLine> {
    [("ams-lab", false, 0, 3), ("fra1", true, 12, 14), ("nyc-prod-2", true, 1180, 1204)]
        .into_iter()
        .enumerate()
        .map(|(n, (slug, up, running, total))| overview::ClusterLine {
            slug: slug.to_owned(),
            status: if up {
                parts::Status::new(parts::Mark::Ok, "answers", "last read 12 s ago")
            } else {
                parts::Status::new(parts::Mark::Bad, "not reachable", "connection refused")
            },
            whole: true,
            placed: true,
            instances_running: running,
            instances_total: total,
            nodes_online: 3,
            nodes_total: 3,
            memory: usage("memory", 300_000 + 30_000 * n as u64, 393_216),
            disk: usage("disk", 7_000_000, 7_340_032 + 4_000_000 * n as u64),
        })
        .collect()
}

pub(crate) fn fingerprint() -> String {
    (0..32).map(|n: u32| format!("{:02X}", (n * 73 + 19) % 256)).collect::<Vec<_>>().join(":")
}

pub(crate) fn access_section(kind: &'static str) -> access::AccessSection {
    access::AccessSection {
        kind,
        cluster: "fra1".to_owned(),
        instance: if kind == "instance" { uuid(0) } else { String::new() },
        back: "/clusters/fra1".to_owned(),
        persona: String::new(),
        grants: vec![
            access::GrantRow {
                id: uuid(300),
                principal: parts::Link::new("bob", "/users/bob"),
                role: "power".to_owned(),
                scope: format!("this {kind}"),
                created: when(90_000),
                here: true,
            },
            access::GrantRow {
                id: uuid(301),
                principal: parts::Link::new("group/ops", "/groups/ops"),
                role: "view".to_owned(),
                scope: "cluster fra1".to_owned(),
                created: when(900_000),
                here: kind == "cluster",
            },
        ],
        may_edit: true,
        errors: form::FormErrors::default(),
        principal: String::new(),
        only: String::new(),
        roles: [("view", "view: See it"), ("user", "user: Daily use of a machine")]
            .map(|(value, label)| form::Choice {
                value: value.to_owned(),
                label: label.to_owned(),
                selected: value == "view",
            })
            .to_vec(),
    }
}
