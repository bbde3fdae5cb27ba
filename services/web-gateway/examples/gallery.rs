//! Draws every page with made-up data into a directory, to look at and to test without any service.
//!
//! `cargo run -p gwm-web-gateway --example gallery -- DIRECTORY`, then open the files through a web server
//! that serves `assets/dist` as `/assets` (`npm run gallery` in `assets/` does, and runs axe over them).

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use gwm_web_gateway::http::views::{
    access, assets, clusters, console, form, instances, jobs, listing, me, nodes, outside,
    overview, parts, shell,
};

fn main() -> anyhow::Result<()> {
    let out = std::env::args().nth(1).context("usage: gallery DIRECTORY")?;
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/dist/manifest.json");
    assets::install(
        &fs::read_to_string(&manifest).context("build the assets first: npm run build")?,
    )?;
    fs::create_dir_all(&out)?;
    for (name, html) in pages()? {
        fs::write(Path::new(&out).join(format!("{name}.html")), html)?;
    }
    Ok(())
}

fn pages() -> Result<Vec<(&'static str, String)>, askama::Error> {
    Ok(vec![
        ("login", login("", "").render()?),
        ("login-failed", login("ann", "User name or password is wrong.").render()?),
        ("error-404", error(404, "This page does not exist, or you may not see it", false).render()?),
        ("error-503", error(503, "The inventory can’t be read just now", true).render()?),
        ("overview", overview_page(false).render()?),
        ("overview-empty", overview_page(true).render()?),
        ("instances", instances_page(rows(), 100_000, "", "").render()?),
        ("instances-none", instances_page(vec![], 0, "", "").render()?),
        ("instances-nomatch", instances_page(vec![], 0, "status:eror", "").render()?),
        ("instances-failed", instances_page(vec![], 0, "", "cache-updater does not answer. Nothing is lost; power actions and consoles work meanwhile.").render()?),
        ("instance", instance_page(false).render()?),
        ("instance-wrong", instance_page(true).render()?),
        ("instance-create", create_page(false).render()?),
        ("instance-create-wrong", create_page(true).render()?),
        ("instance-delete", delete_page().render()?),
        ("clusters", clusters_page().render()?),
        ("cluster", cluster_page(false).render()?),
        ("cluster-dead", cluster_page(true).render()?),
        ("cluster-add", add_page(0).render()?),
        ("cluster-add-failed", add_page(1).render()?),
        ("cluster-add-probed", add_page(2).render()?),
        ("cluster-add-ready", add_page(3).render()?),
        ("cluster-importing", added_page(false).render()?),
        ("cluster-added", added_page(true).render()?),
        ("nodes", nodes_page().render()?),
        ("node", node_page().render()?),
        ("jobs", jobs_page().render()?),
        ("job-running", job_page(false).render()?),
        ("job-failed", job_page(true).render()?),
        ("console", console_page(None).render()?),
        ("console-problem", console_page(Some(parts::Notice::new(parts::Tone::Warn, "This instance has no VNC console", "Its hypervisor parameter vnc_bind_address is empty, which is Ganeti’s default. Set it to 0.0.0.0 (gnt-instance modify -H vnc_bind_address=0.0.0.0 web1.example.com) and restart the instance."))).render()?),
        ("me", me_page(false).render()?),
        ("me-token", me_page(true).render()?),
    ])
}

fn now() -> DateTime<Utc> {
    Utc::now()
}

fn when(seconds: i64) -> parts::When {
    parts::When::new(now() - TimeDelta::seconds(seconds), now())
}

fn uuid(n: u64) -> String {
    format!("5f0c6a1e-2b7d-4c7e-9d1a-{n:012x}")
}

fn around(title: &str, section: shell::Section, crumbs: &[(&str, &str)]) -> shell::Shell {
    shell::Shell {
        title: title.to_owned(),
        section,
        user: "ann".to_owned(),
        admin: true,
        personas: vec![
            shell::Persona { id: String::new(), label: "yourself".to_owned() },
            shell::Persona { id: "group/ops".to_owned(), label: "ops".to_owned() },
        ],
        persona: String::new(),
        running_jobs: 2,
        crumbs: crumbs.iter().map(|(l, h)| parts::Link::new(*l, *h)).collect(),
        notices: vec![],
        as_of: Some(parts::AsOf {
            at: when(12),
            aged: false,
            reason: String::new(),
            aged_after_seconds: 60,
        }),
        stream_position: String::new(),
        version: "0.1.0".to_owned(),
    }
}

fn login(username: &str, error: &str) -> outside::LoginPage {
    outside::LoginPage {
        username: username.to_owned(),
        error: error.to_owned(),
        reason: if error.is_empty() {
            "Your login has ended after 30 minutes without use.".to_owned()
        } else {
            String::new()
        },
        next: "/".to_owned(),
    }
}

fn error(status: u16, title: &str, signed_in: bool) -> outside::ErrorPage {
    outside::ErrorPage {
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

fn usage(what: &'static str, used: u64, total: u64) -> parts::Usage {
    parts::Usage { what, used_mib: Some(used), total_mib: Some(total) }
}

fn action(id: &str, label: &str, icon: &'static str, verb: &str, busy: &str) -> parts::Action {
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

fn actions(id: &str, running: bool) -> Vec<parts::Action> {
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

fn rows() -> Vec<instances::InstanceRow> {
    let names = [
        "web1.example.com",
        "web2.example.com",
        "db-primary.fra1.example.com",
        "mail.example.org",
        "build-7.ci.example.com",
        "staging.shop.customer-with-a-long-name.example.net",
        "vpn.example.com",
        "git.example.com",
    ];
    let statuses = [
        "running",
        "running",
        "ERROR_nodedown",
        "ADMIN_down",
        "running",
        "running",
        "ERROR_down",
        "",
    ];
    (0..50_u64)
        .map(|n| {
            let at = usize::try_from(n % 8).unwrap_or(0);
            let mut menu = actions(&format!("r{n}"), statuses[at] == "running");
            menu.push(action(&format!("r{n}-delete"), "Delete", "trash-2", "delete", ""));
            let mut status = parts::Status::instance(statuses[at]);
            if n == 4 {
                status = parts::Status::new(parts::Mark::Busy, "starting…", "job 4711");
            }
            instances::InstanceRow {
                uuid: uuid(n),
                name: if n < 8 { names[at].to_owned() } else { format!("vm{n:03}.example.com") },
                cluster: if n % 3 == 0 { "fra1" } else { "ams-lab" }.to_owned(),
                status,
                node: format!("node{}.fra1.example.com", n % 5 + 1),
                secondary_nodes: if n % 2 == 0 {
                    vec![format!("node{}.fra1.example.com", (n + 1) % 5 + 1)]
                } else {
                    vec![]
                },
                os: "debootstrap+trixie".to_owned(),
                hypervisor: "kvm".to_owned(),
                vcpus: Some(2),
                memory_mib: if n == 7 { None } else { Some(1024 << (n % 5)) },
                disk_mib: Some(20_480 * (n % 4 + 1)),
                disk_template: if n % 2 == 0 { "drbd" } else { "plain" }.to_owned(),
                owner: if n % 4 == 0 { String::new() } else { "group/shop".to_owned() },
                tags: if n % 5 == 0 {
                    vec!["prod".to_owned(), "backup".to_owned()]
                } else {
                    vec![]
                },
                stale: if at == 7 {
                    "ams-lab does not answer since 4 min ago".to_owned()
                } else {
                    String::new()
                },
                actions: menu,
            }
        })
        .collect()
}

fn head(label: &str, class: &'static str, sorted: &'static str) -> listing::ColumnHead {
    listing::ColumnHead {
        label: label.to_owned(),
        sort_href: Some(format!("/instances?sort={}", label.to_lowercase())),
        sorted,
        class,
    }
}

fn list(
    path: &'static str,
    noun: &'static str,
    heads: Vec<listing::ColumnHead>,
    shown: usize,
    total: u64,
) -> listing::Listing {
    listing::Listing {
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

fn instances_page(
    rows: Vec<instances::InstanceRow>,
    total: u64,
    q: &str,
    failed: &str,
) -> instances::InstancesPage {
    let total = total.min(10_000);
    let heads = vec![
        head("Name", "", "ascending"),
        head("Status", "", ""),
        head("Cluster", "", ""),
        head("Node", "mid", ""),
        head("OS", "low", ""),
        head("CPUs", "n mid", ""),
        head("Memory", "n", ""),
        head("Disk", "n", ""),
        head("Owner", "low", ""),
    ];
    let mut list = list("/instances", "instances", heads, rows.len(), total);
    q.clone_into(&mut list.q);
    failed.clone_into(&mut list.failed);
    let shown = ["cluster", "node", "os", "vcpus", "memory", "disk", "owner", "tags"];
    list.columns = [
        ("cluster", "Cluster"),
        ("node", "Node"),
        ("os", "OS"),
        ("hypervisor", "Hypervisor"),
        ("vcpus", "CPUs"),
        ("memory", "Memory"),
        ("disk", "Disk"),
        ("disk_template", "Disk template"),
        ("owner", "Owner"),
        ("tags", "Tags"),
    ]
    .into_iter()
    .map(|(key, label)| listing::ColumnChoice { key, label, shown: shown.contains(&key) })
    .collect();
    let mut shell = around("Instances", shell::Section::Instances, &[]);
    if !rows.is_empty() {
        shell.notices.push(parts::Notice {
            tone: parts::Tone::Warn,
            text: "ams-lab does not answer".to_owned(),
            detail: "Connection refused since 4 min ago. Its instances are shown as they were; actions on them are off.".to_owned(),
            link: Some(parts::Link::new("Open ams-lab", "/clusters/ams-lab")),
        });
    }
    instances::InstancesPage { shell, list, rows, may_create: true, no_clusters: false }
}

fn job_lines() -> Vec<overview::JobLine> {
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

fn problems() -> Vec<parts::Problem> {
    vec![
        parts::Problem { status: parts::Status::new(parts::Mark::Bad, "not reachable", ""), link: parts::Link::new("ams-lab", "/clusters/ams-lab"), detail: "Connection refused at https://ams-lab.example.com:5080 since 4 min ago".to_owned(), place: "cluster".to_owned() },
        parts::Problem { status: parts::Status::instance("ERROR_nodedown"), link: parts::Link::new("db-primary.fra1.example.com", "/clusters/fra1/instances/db-primary.fra1.example.com"), detail: "Its node node3.fra1.example.com does not answer; fail it over to node4.fra1.example.com".to_owned(), place: "fra1".to_owned() },
        parts::Problem { status: parts::Status::new(parts::Mark::Warn, "almost full", ""), link: parts::Link::new("node2.fra1.example.com", "/clusters/fra1/nodes/node2.fra1.example.com"), detail: "Disk 96 % used".to_owned(), place: "fra1".to_owned() },
    ]
}

fn lines() -> Vec<overview::ClusterLine> {
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
            instances_running: running,
            instances_total: total,
            nodes_online: 3,
            nodes_total: 3,
            memory: usage("memory", 300_000 + 30_000 * n as u64, 393_216),
            disk: usage("disk", 7_000_000, 7_340_032 + 4_000_000 * n as u64),
        })
        .collect()
}

fn overview_page(empty: bool) -> overview::OverviewPage {
    let step = |title: &str, detail: &str, href: &str, verb: &str, done| overview::FirstStep {
        title: title.to_owned(),
        detail: detail.to_owned(),
        href: href.to_owned(),
        verb: verb.to_owned(),
        done,
    };
    let mut shell = around("Overview", shell::Section::Overview, &[]);
    if empty {
        shell.as_of = None;
    }
    overview::OverviewPage {
        shell,
        instances_running: 1192,
        instances_total: 1221,
        instances_wrong: 2,
        nodes_online: 9,
        nodes_total: 9,
        clusters_reachable: 2,
        clusters_total: 3,
        memory: usage("memory", 900_000, 1_179_648),
        disk: usage("disk", 21_000_000, 34_020_096),
        problems: problems(),
        clusters: lines(),
        jobs: job_lines(),
        first_steps: if empty {
            vec![
                step("Sign in", "You are here as the first administrator.", "", "", true),
                step(
                    "Add the first cluster",
                    "One host name: version, certificate and rights are checked before anything is stored.",
                    "/clusters/add",
                    "Add cluster",
                    false,
                ),
                step(
                    "Create an instance",
                    "Or make one on Ganeti’s command line: it shows up by itself.",
                    "/instances/new",
                    "Create instance",
                    false,
                ),
                step(
                    "Give someone access",
                    "View, power and console rights on a cluster or one instance.",
                    "",
                    "",
                    false,
                ),
                step(
                    "Make an API token",
                    "For scripts and for systems that subscribe to events.",
                    "/me#tokens",
                    "Make a token",
                    false,
                ),
            ]
        } else {
            vec![]
        },
    }
}

fn instance_page(wrong: bool) -> instances::InstancePage {
    let mut row = rows().swap_remove(0);
    let mut power = actions("h", !wrong);
    if wrong {
        row.status = parts::Status::instance("ERROR_nodedown");
        for a in &mut power {
            a.disabled =
                Some("fra1 does not answer since 4 min ago, so nothing can be changed".to_owned());
        }
    }
    power[if wrong { 0 } else { 3 }].weight = parts::Weight::Primary;
    row.actions = vec![action("h-delete", "Delete", "trash-2", "delete", "")];
    let p = |name: &str, value: &str, origin: &str| parts::Parameter {
        name: name.to_owned(),
        value: value.to_owned(),
        origin: origin.to_owned(),
    };
    instances::InstancePage {
        shell: around(
            "web1.example.com",
            shell::Section::Instances,
            &[("Instances", "/instances"), ("fra1", "/clusters/fra1"), ("web1.example.com", "")],
        ),
        row,
        power,
        job: (!wrong).then(|| instances::JobStrip {
            id: uuid(100),
            kind: "Start".to_owned(),
            status: parts::Status::job("running"),
            last: "* starting the instance…".to_owned(),
            parts_done: 1,
            parts_total: 2,
        }),
        admin_state: "up".to_owned(),
        memory_used: Some(usage("memory", 700, 1024)),
        node_group: "default".to_owned(),
        created: Some(when(8_000_000)),
        modified: Some(when(4_000)),
        seen: Some(when(12)),
        config_version: "abc".to_owned(),
        console: "VNC".to_owned(),
        findings: if wrong {
            vec![parts::Notice { tone: parts::Tone::Bad, text: "Its node node1.fra1.example.com is down".to_owned(), detail: "The instance should run and does not. Fail it over to node2.fra1.example.com, which has its DRBD copy.".to_owned(), link: None }]
        } else {
            vec![]
        },
        disks: vec![
            instances::DiskLine {
                index: 0,
                name: String::new(),
                size_mib: Some(20_480),
                uuid: uuid(7),
            },
            instances::DiskLine {
                index: 1,
                name: "data".to_owned(),
                size_mib: Some(102_400),
                uuid: uuid(8),
            },
        ],
        nics: vec![instances::NicLine {
            index: 0,
            mac: "aa:00:00:35:d1:02".to_owned(),
            ip: String::new(),
            mode: "bridged".to_owned(),
            link: "br0".to_owned(),
            network: String::new(),
        }],
        parameters: vec![
            parts::ParameterGroup {
                title: "Backend (beparams)".to_owned(),
                parameters: vec![
                    p("vcpus", "2", "set here"),
                    p("maxmem", "1024", "set here"),
                    p("minmem", "1024", "set here"),
                    p("auto_balance", "True", "cluster"),
                    p("always_failover", "False", "cluster"),
                ],
            },
            parts::ParameterGroup {
                title: "Hypervisor (hvparams)".to_owned(),
                parameters: vec![
                    p("boot_order", "disk", "cluster"),
                    p("kernel_path", "/boot/vmlinuz-3-kvmU", "set here"),
                    p("kernel_args", "ro console=ttyS0,38400 root=/dev/vda1", "cluster"),
                    p("vnc_bind_address", "0.0.0.0", "set here"),
                    p("vnc_password_file", "", "cluster"),
                ],
            },
        ],
        jobs: job_lines(),
        access: Some(access_section("instance")),
        may_delete: true,
    }
}

fn access_section(kind: &'static str) -> access::AccessSection {
    access::AccessSection {
        kind,
        cluster: "fra1".to_owned(),
        instance: if kind == "instance" { uuid(0) } else { String::new() },
        back: "/clusters/fra1".to_owned(),
        persona: String::new(),
        grants: vec![
            access::GrantRow {
                id: uuid(300),
                principal: "bob".to_owned(),
                permissions: vec!["view".to_owned(), "power".to_owned(), "console".to_owned()],
                scope: format!("this {kind}"),
                created: when(90_000),
                here: true,
            },
            access::GrantRow {
                id: uuid(301),
                principal: "carol".to_owned(),
                permissions: vec!["view".to_owned()],
                scope: "cluster fra1".to_owned(),
                created: when(900_000),
                here: kind == "cluster",
            },
        ],
        may_edit: true,
        errors: form::FormErrors::default(),
        principal: String::new(),
    }
}

fn choice(value: &str, label: &str, selected: bool) -> form::Choice {
    form::Choice { value: value.to_owned(), label: label.to_owned(), selected }
}

fn create_page(wrong: bool) -> instances::InstanceCreatePage {
    let bad = |field: &str, message: &str| form::FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    };
    let mut shell = around(
        "Create instance",
        shell::Section::Instances,
        &[("Instances", "/instances"), ("Create", "")],
    );
    shell.as_of = None;
    instances::InstanceCreatePage {
        shell,
        errors: form::FormErrors(if wrong {
            vec![
                bad("name", "web1.example.com exists already on fra1: choose another name"),
                bad("memory", "Memory: 12 X is not a size; write for example 512M or 1.5G"),
            ]
        } else {
            vec![]
        }),
        clusters: vec![
            choice("fra1", "fra1", true),
            choice("ams-lab", "ams-lab (does not answer)", false),
        ],
        oses: vec![
            choice("debootstrap+trixie", "debootstrap+trixie", true),
            choice("noop", "noop", false),
        ],
        disk_templates: vec![
            choice("drbd", "drbd: mirrored on two nodes", true),
            choice("plain", "plain: on one node", false),
        ],
        hypervisors: vec![choice("kvm", "kvm", true), choice("fake", "fake", false)],
        nodes: vec![
            choice("", "Let Ganeti choose", true),
            choice("node1", "node1.fra1.example.com, 58 GiB free", false),
        ],
        secondary_nodes: vec![choice("", "Let Ganeti choose", true)],
        allocator: true,
        name: if wrong { "web1.example.com".to_owned() } else { String::new() },
        memory: if wrong { "12 X" } else { "1 GiB" }.to_owned(),
        vcpus: "1".to_owned(),
        disks: vec!["10 GiB".to_owned(), "50 GiB".to_owned()],
        nic_link: String::new(),
        start: true,
        name_check: false,
        form_key: uuid(1),
    }
}

fn delete_page() -> instances::InstanceDeletePage {
    instances::InstanceDeletePage {
        shell: around(
            "Delete web1.example.com",
            shell::Section::Instances,
            &[
                ("Instances", "/instances"),
                ("web1.example.com", "/clusters/fra1/instances/web1.example.com"),
                ("Delete", ""),
            ],
        ),
        cluster: "fra1".to_owned(),
        name: "web1.example.com".to_owned(),
        goes: vec![
            "the instance on fra1".to_owned(),
            "2 disks, 120 GiB, with all data on them".to_owned(),
            "access given on it to 2 people".to_owned(),
        ],
        errors: form::FormErrors::default(),
    }
}

fn clusters_page() -> clusters::ClustersPage {
    let rows: Vec<_> = lines()
        .into_iter()
        .enumerate()
        .map(|(n, line)| clusters::ClusterRow {
            name: format!("{}.example.com", line.slug),
            version: "3.0.2".to_owned(),
            read_only: n == 1,
            last_success: Some(when(if n == 0 { 240 } else { 12 })),
            line,
        })
        .collect();
    let heads = vec![
        head("Name", "", "ascending"),
        head("Status", "", ""),
        head("Instances", "n", ""),
        head("Nodes", "n mid", ""),
        head("Memory", "low", ""),
        head("Disk", "low", ""),
        head("Ganeti", "low", ""),
        head("Read", "n mid", ""),
    ];
    clusters::ClustersPage {
        shell: around("Clusters", shell::Section::Clusters, &[]),
        list: list("/clusters", "clusters", heads, rows.len(), rows.len() as u64),
        rows,
    }
}

fn cluster_page(dead: bool) -> clusters::ClusterPage {
    let mut line = lines().swap_remove(usize::from(!dead));
    line.status = line.status.pill();
    let mut refresh = action("c-refresh", "Read again", "refresh-cw", "refresh", "reading…");
    refresh.path = format!("/clusters/{}/refresh", line.slug);
    let mut shell = around(
        &line.slug.clone(),
        shell::Section::Clusters,
        &[("Clusters", "/clusters"), ("fra1", "")],
    );
    if dead {
        shell.as_of = Some(parts::AsOf {
            at: when(240),
            aged: true,
            reason: "the cluster does not answer".to_owned(),
            aged_after_seconds: 60,
        });
    }
    clusters::ClusterPage {
        shell,
        name: format!("{}.example.com", line.slug),
        line,
        version: "3.0.2".to_owned(),
        ganeti_uuid: uuid(200),
        master_node: "node1.fra1.example.com".to_owned(),
        endpoints: vec!["https://fra1.example.com:5080".to_owned()],
        fingerprint: fingerprint(),
        read_username: "gwm-read".to_owned(),
        write_username: if dead { String::new() } else { "gwm-write".to_owned() },
        hypervisors: vec!["kvm".to_owned(), "fake".to_owned()],
        console_enabled: true,
        last_success: Some(when(240)),
        next_attempt: dead.then(|| when(0)),
        error: if dead {
            "Connection refused at ams-lab.example.com:5080.".to_owned()
        } else {
            String::new()
        },
        problems: if dead { problems() } else { vec![] },
        jobs: job_lines(),
        actions: vec![refresh],
        access: Some(access_section("cluster")),
        may_remove: true,
    }
}

fn fingerprint() -> String {
    (0..32).map(|n: u32| format!("{:02X}", (n * 73 + 19) % 256)).collect::<Vec<_>>().join(":")
}

fn add_page(stage: u8) -> clusters::ClusterAddPage {
    let ready = stage == 3;
    let mut shell =
        around("Add cluster", shell::Section::Clusters, &[("Clusters", "/clusters"), ("Add", "")]);
    shell.as_of = None;
    let report = |role, mark, word: &str, text: &str| clusters::CredentialReport {
        role,
        status: parts::Status::new(mark, word, ""),
        text: text.to_owned(),
    };
    clusters::ClusterAddPage {
        shell,
        errors: form::FormErrors::default(),
        host: if stage > 0 { "fra1.example.com".to_owned() } else { String::new() },
        slug: "fra1".to_owned(),
        read_username: "gwm-read".to_owned(),
        write_username: "gwm-write".to_owned(),
        read_password: "x".to_owned(),
        write_password: "y".to_owned(),
        probe: (stage > 1).then(|| clusters::ProbeResult {
            endpoint: "https://fra1.example.com:5080".to_owned(),
            ganeti_version: "3.0.2".to_owned(),
            cluster_name: if ready { "fra1.example.com".to_owned() } else { String::new() },
            fingerprint: fingerprint(),
            certificate: "CN=fra1.example.com, valid until 2031-04-02".to_owned(),
            credentials: if ready { vec![report("read", parts::Mark::Ok, "works", "read: gwm-read may read")] } else { vec![report("read", parts::Mark::Ok, "works", "read: gwm-read may read"), report("write", parts::Mark::Bad, "refused", "write: 403, this user lacks write")] },
            nodes: if ready { 3 } else { 0 },
            instances: 14,
        }),
        failure: (stage == 1).then(|| parts::Notice::new(parts::Tone::Bad, "fra1.example.com refuses connections on port 5080", "ganeti-rapi does not run there, or a firewall is between. On the master: systemctl status ganeti-rapi.")),
        paste: (stage > 1).then(|| clusters::PasteLines {
            openssl: parts::Code { what: "the openssl command", text: "openssl x509 -in /var/lib/ganeti/rapi.pem -noout -fingerprint -sha256".to_owned() },
            users: parts::Code { what: "the lines for rapi/users", text: "gwm-read {HA1}0f9d2b8c3f7e4a6b8c1d2e3f4a5b6c7d read\ngwm-write {HA1}1a9d2b8c3f7e4a6b8c1d2e3f4a5b6c7e read,write".to_owned() },
        }),
        ready,
    }
}

fn added_page(imported: bool) -> clusters::ClusterAddedPage {
    let mut shell = around(
        "fra1 added",
        shell::Section::Clusters,
        &[("Clusters", "/clusters"), ("fra1", "/clusters/fra1"), ("Added", "")],
    );
    shell.as_of = None;
    clusters::ClusterAddedPage {
        shell,
        slug: "fra1".to_owned(),
        imported,
        nodes: if imported { 3 } else { 0 },
        instances: 14,
        error: String::new(),
    }
}

fn node_row(n: u64) -> nodes::NodeRow {
    nodes::NodeRow {
        uuid: uuid(400 + n),
        name: format!("node{}.fra1.example.com", n + 1),
        cluster: "fra1".to_owned(),
        status: match n {
            2 => parts::Status::new(parts::Mark::Bad, "offline", "offline: true"),
            3 => parts::Status::new(parts::Mark::Warn, "drained", "drained: true"),
            _ => parts::Status::new(parts::Mark::Ok, "online", ""),
        },
        role: if n == 0 { "master" } else { "master candidate" }.to_owned(),
        node_group: "default".to_owned(),
        memory: if n == 2 {
            parts::Usage { what: "memory", used_mib: None, total_mib: None }
        } else {
            usage("memory", 60_000 + 18_000 * n, 131_072)
        },
        disk: usage("disk", 1_000_000 + 420_000 * n, 2_097_152),
        cpus: Some(32),
        instances_primary: 5 + n,
        instances_secondary: 4,
        stale: false,
    }
}

fn nodes_page() -> nodes::NodesPage {
    let rows: Vec<_> = (0..5).map(node_row).collect();
    let heads = vec![
        head("Name", "", "ascending"),
        head("Status", "", ""),
        head("Cluster", "", ""),
        head("Role", "low", ""),
        head("Node group", "low", ""),
        head("Instances", "n mid", ""),
        head("CPUs", "n low", ""),
        head("Memory", "", ""),
        head("Disk", "mid", ""),
    ];
    nodes::NodesPage {
        shell: around("Nodes", shell::Section::Nodes, &[]),
        list: list("/nodes", "nodes", heads, rows.len(), 5),
        rows,
    }
}

fn node_page() -> nodes::NodePage {
    nodes::NodePage {
        shell: around(
            "node1.fra1.example.com",
            shell::Section::Nodes,
            &[("Nodes", "/nodes"), ("fra1", "/clusters/fra1"), ("node1.fra1.example.com", "")],
        ),
        row: node_row(0),
        hypervisor: "kvm".to_owned(),
        tags: vec!["rack-7".to_owned()],
        instances: rows()
            .into_iter()
            .take(5)
            .map(|r| nodes::NodeInstance {
                uuid: r.uuid.clone(),
                link: parts::Link::new(r.name.clone(), r.href()),
                status: r.status,
                role: "primary",
                memory_mib: r.memory_mib,
            })
            .collect(),
    }
}

fn job_row(n: u64, state: &str) -> jobs::JobRow {
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
        by: if n == 3 { "Ganeti’s command line" } else { "ann as group/ops" }.to_owned(),
        ganeti_jobs: vec![48_211 + n],
        created: when(4 + 700 * i64::try_from(n).unwrap_or(0)),
        took: if state == "queued" { String::new() } else { "4 s".to_owned() },
        waiting_for: if n == 0 { "lock held by job 48,190".to_owned() } else { String::new() },
    }
}

fn jobs_page() -> jobs::JobsPage {
    let rows: Vec<_> = ["running", "queued", "failed", "succeeded", "canceled"]
        .iter()
        .enumerate()
        .map(|(n, s)| job_row(n as u64, s))
        .collect();
    let heads = vec![
        head("Job", "", ""),
        head("State", "", ""),
        head("On", "", ""),
        head("Cluster", "mid", ""),
        head("Asked for by", "low", ""),
        head("Ganeti job", "n low", ""),
        head("Asked", "n", "descending"),
        head("Took", "n mid", ""),
    ];
    jobs::JobsPage {
        shell: around("Jobs", shell::Section::Jobs, &[]),
        list: list("/jobs", "jobs", heads, rows.len(), 5),
        rows,
    }
}

fn job_page(failed: bool) -> jobs::JobPage {
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
        log: log.iter().enumerate().map(|(n, t)| jobs::LogLine { serial: n as u64, time: format!("14:03:1{n}"), exact: "2026-11-22T14:03:11Z".to_owned(), text: (*t).to_owned() }).collect(),
        actions: if failed { vec![] } else { vec![{ let mut a = action("j-cancel", "Cancel", "ban", "cancel", "cancelling…"); a.path = format!("/jobs/{}/cancel", uuid(100)); a }] },
    }
}

fn console_page(problem: Option<parts::Notice>) -> console::ConsolePage {
    console::ConsolePage {
        cluster: "fra1".to_owned(),
        instance: "web1.example.com".to_owned(),
        uuid: uuid(0),
        status: parts::Status::instance("running"),
        back: "/clusters/fra1/instances/web1.example.com".to_owned(),
        problem,
    }
}

fn me_page(fresh: bool) -> me::MePage {
    let mut shell = around("Account", shell::Section::Other, &[]);
    shell.as_of = None;
    me::MePage {
        shell,
        username: "ann".to_owned(),
        full_name: "Ann Example".to_owned(),
        session_since: when(900),
        tokens: vec![
            me::TokenRow {
                id: uuid(500),
                name: "backup script".to_owned(),
                created: when(900_000),
                last_used: Some(when(3_000)),
                expires: None,
            },
            me::TokenRow {
                id: uuid(501),
                name: "terraform".to_owned(),
                created: when(90_000),
                last_used: None,
                expires: None,
            },
        ],
        fresh: fresh.then(|| parts::Code {
            what: "the token",
            text: "gwm_4hG2mVxQ9zT1kN8yR3bW7cJ5dL0pS6fA".to_owned(),
        }),
        errors: form::FormErrors::default(),
        token_name: String::new(),
    }
}
