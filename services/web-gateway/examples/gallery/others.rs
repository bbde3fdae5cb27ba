//! Login, errors, jobs, account.

use gwm_web_gateway::http::views::{form, jobs, me, outside, parts, shell};

use crate::made_up::{action, around, choosing, head, list, soon, uuid, when};

pub(crate) fn login(username: &str, error: &str) -> outside::LoginPage {
    outside::LoginPage {
        username: username.to_owned(),
        error: error.to_owned(),
        reason: if error.is_empty() {
            "Your login has ended after 30 minutes without use.".to_owned()
        } else {
            String::new()
        },
        providers: vec![parts::Link::new("Example Corp", "/login/oidc/corp?next=%2F")],
        next: "/".to_owned(),
    }
}

pub(crate) fn login_code(error: &str) -> outside::LoginCodePage {
    outside::LoginCodePage {
        challenge: "x".to_owned(),
        next: "/".to_owned(),
        error: error.to_owned(),
    }
}

pub(crate) fn error(status: u16, title: &str, signed_in: bool) -> outside::ErrorPage {
    outside::ErrorPage {
        code: if status == 409 { "persona_changed" } else { "" },
        back: if status == 409 { "/instances/new".to_owned() } else { String::new() },
        status,
        title: title.to_owned(),
        detail: if status == 404 {
            "Check the address. If someone sent it to you, ask them for access.".to_owned()
        } else {
            "The database behind it is not reachable. Running machines and open consoles are not affected.".to_owned()
        },
        request_id: "01J9ZQ4T6B7WQ8".to_owned(),
        retry_seconds: if status == 503 { 5 } else { 0 },
        signed_in,
    }
}

pub(crate) fn job_row(n: u64, state: &str) -> jobs::JobRow {
    jobs::JobRow {
        id: uuid(100 + n),
        kind: ["Start", "Create", "Reboot", "Shut down"][usize::try_from(n % 4).unwrap_or(0)]
            .to_owned(),
        object: parts::Link::new(
            "web1.example.com",
            if n == 3 { "" } else { "/clusters/fra1/instances/web1.example.com" },
        ),
        cluster: "fra1".to_owned(),
        status: parts::Status::job(state),
        by: if n == 3 { "outside gwm" } else { "ann as group/ops" }.to_owned(),
        ganeti_jobs: vec![48_211 + n],
        created: when(4 + 700 * i64::try_from(n).unwrap_or(0)),
        took: if state == "queued" { String::new() } else { "4 s".to_owned() },
        waiting_for: if n == 0 { "lock held by job 48,190".to_owned() } else { String::new() },
    }
}

pub(crate) fn jobs_page() -> jobs::JobsPage {
    let rows: Vec<_> = ["running", "queued", "failed", "succeeded", "canceled"]
        .iter()
        .enumerate()
        .map(|(n, s)| job_row(n as u64, s))
        .collect();
    let heads = vec![
        head("Job", "", ""),
        head("State", "", ""),
        head("Object", "", ""),
        head("Cluster", "mid", ""),
        head("By", "low", ""),
        head("Ganeti job", "n low", ""),
        head("Asked for", "n", "descending"),
        head("Took", "n mid", ""),
    ];
    jobs::JobsPage {
        shell: around("Jobs", shell::Section::Jobs, &[]),
        list: choosing(
            list("/jobs", "jobs", heads, rows.len(), 5),
            &[
                ("object", "Object"),
                ("cluster", "Cluster"),
                ("by", "By"),
                ("ganeti", "Ganeti job"),
                ("created", "Asked for"),
                ("took", "Took"),
            ],
        ),
        rows,
    }
}

pub(crate) fn job_page(failed: bool) -> jobs::JobPage {
    let title = if failed { "Create web9.example.com" } else { "Start web1.example.com" };
    let mut shell = around(title, shell::Section::Jobs, &[("Jobs", "/jobs"), (title, "")]);
    shell.as_of = None;
    let log = [
        "* disk 0, size 10.0G",
        "* creating instance disks...",
        "adding instance web9.example.com to cluster config",
        "* wiping instance disks...",
        "* running the instance OS create scripts...",
    ];
    jobs::JobPage {
        shell,
        row: job_row(if failed { 1 } else { 0 }, if failed { "failed" } else { "running" }),
        ended: failed,
        steps: vec![
            jobs::JobStep { title: "Check that it is still the same".to_owned(), class: "done", detail: "UUID read live".to_owned() },
            jobs::JobStep { title: "Ganeti does it".to_owned(), class: if failed { "failed" } else { "now" }, detail: "Ganeti job 48,211: running".to_owned() },
            jobs::JobStep { title: "Read the result".to_owned(), class: "", detail: String::new() },
        ],
        parts_done: 1,
        parts_total: if failed { 0 } else { 3 },
        started: Some(when(40)),
        ended_at: failed.then(|| when(3)),
        error: failed.then(|| parts::Notice::new(parts::Tone::Bad, "Ganeti: Not enough disk space on node node1.fra1.example.com", "Required 20,480 MiB, available 12,288 MiB in volume group xenvg. Choose another node or smaller disks; nothing was left behind.")),
        stale: false,
        foreign: false,
        details_hidden: false,
        log_hidden: false,
        log: log.iter().enumerate().map(|(n, t)| jobs::LogLine { serial: n as u64, time: format!("14:03:1{n}"), exact: "2026-11-22T14:03:11Z".to_owned(), text: (*t).to_owned() }).collect(),
        actions: if failed { vec![] } else { vec![{ let mut a = action("j-cancel", "Cancel", "ban", "cancel", "cancelling…"); a.path = format!("/jobs/{}/cancel", uuid(100)); a }] },
    }
}

/// One of Ganeti's command line.
pub(crate) fn foreign_page() -> jobs::JobPage {
    let mut page = job_page(true);
    page.row = job_row(1, "failed");
    "outside gwm".clone_into(&mut page.row.by);
    page.row.ganeti_jobs = vec![48_211];
    page.foreign = true;
    page.log.clear();
    page.steps = vec![jobs::JobStep {
        title: "INSTANCE_CREATE(web9.example.com)".to_owned(),
        class: "failed",
        detail: "Ganeti job 48211: error".to_owned(),
    }];
    page.error = Some(parts::Notice::new(
        parts::Tone::Bad,
        "Ganeti says: OpPrereqError insufficient_resources. Its text may hold secrets, so gwm does not keep it: \
         gnt-job info 48211 on the master shows it",
        "",
    ));
    page
}

pub(crate) fn session(n: u64, agent: &str, seconds: i64) -> me::SessionRow {
    me::SessionRow {
        end: format!("/me/sessions/{}/end", uuid(520 + n)),
        agent: agent.to_owned(),
        agent_exact: format!("Mozilla/5.0 {agent}"),
        address: "2001:db8::7:1".to_owned(),
        created: when(seconds * 20),
        last_seen: when(seconds),
        current: n == 0,
    }
}

pub(crate) fn key(name: &str, algorithm: &str) -> me::KeyRow {
    me::KeyRow {
        remove: format!("/me/ssh-keys/{}/remove", uuid(540)),
        name: name.to_owned(),
        algorithm: algorithm.to_owned(),
        fingerprint: "SHA256:tgkYCRsRvL9W7lyj2a4HFFZdS3pHvt+x924e5dfuevQ".to_owned(),
        created: when(900_000),
    }
}

fn choices(labels: &[&str], chosen: usize) -> Vec<form::Choice> {
    let choice = |(n, label): (usize, &&str)| form::Choice {
        value: (*label).to_owned(),
        label: (*label).to_owned(),
        selected: n == chosen,
    };
    labels.iter().enumerate().map(choice).collect()
}

/// One that may all, and one that is limited in every way.
pub(crate) fn tokens() -> Vec<me::TokenRow> {
    vec![
        me::TokenRow {
            revoke: format!("/me/tokens/{}/revoke", uuid(500)),
            name: "backup script (gwm_pat_4hG2…)".to_owned(),
            created: when(900_000),
            last_used: Some(when(3_000)),
            last_address: "2001:db8::7:1".to_owned(),
            expires: None,
            limits: Vec::new(),
        },
        me::TokenRow {
            revoke: format!("/me/tokens/{}/revoke", uuid(501)),
            name: "terraform-of-the-web-shop-in-production (gwm_pat_9sK1…)".to_owned(),
            created: when(90_000),
            last_used: None,
            last_address: String::new(),
            expires: Some(soon(7_600_000)),
            limits: vec![
                "as group/shop".to_owned(),
                "power, tags".to_owned(),
                "on fra1, ams1/web1.example.org".to_owned(),
                "from 192.0.2.0/24".to_owned(),
            ],
        },
    ]
}

pub(crate) fn me_page(fresh: bool) -> me::MePage {
    let mut shell = around("Account", shell::Section::Other, &[]);
    shell.as_of = None;
    me::MePage {
        shell,
        username: "ann".to_owned(),
        done: if fresh {
            String::new()
        } else {
            "Your password is changed. Your 2 other sign-ins have ended.".to_owned()
        },
        origin: if fresh { "ldap/corp".to_owned() } else { String::new() },
        second_factor: Some(me::SecondFactor {
            since: fresh.then(|| when(90_000)),
            recovery_codes_left: 9,
        }),
        sessions: vec![session(0, "Firefox on Linux", 10), session(1, "Safari on iPhone", 50_000)],
        sessions_failed: String::new(),
        tokens: tokens(),
        fresh: fresh.then(|| parts::Code {
            what: "the token",
            text: "gwm_4hG2mVxQ9zT1kN8yR3bW7cJ5dL0pS6fA".to_owned(),
        }),
        errors: form::FormErrors::default(),
        keys: if fresh { Vec::new() } else { vec![key("ann@laptop", "ssh-ed25519")] },
        here: "/me".to_owned(),
        key: me::KeyFields::default(),
        token: me::TokenFields {
            days: choices(&["7 days", "30 days", "90 days", "a year", "for ever"], 2),
            personas: choices(&["yourself and your groups", "only user/ann", "only group/shop"], 0),
            roles: choices(&["everything that you may", "view", "console", "power"], 0),
            open: !fresh,
            ..me::TokenFields::default()
        },
    }
}
