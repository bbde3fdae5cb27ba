//! Pages of instances.

use gwm_web_gateway::http::views::{console, form, instances, listing, parts, shell};

use crate::made_up::{
    access_section, action, actions, around, choice, head, job_lines, list, soon, usage, uuid, when,
};

pub(crate) fn rows() -> Vec<instances::InstanceRow> {
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

pub(crate) fn instances_page(
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
        let mut notice = parts::Notice::new(
            parts::Tone::Bad,
            "ams-lab does not answer",
            "Connection refused. What is shown is as it was 4 min ago; actions wait until it answers.",
        );
        notice.link = Some(parts::Link::new("Open ams-lab", "/clusters/ams-lab"));
        notice.about = "cluster:ams-lab".to_owned();
        notice.next = Some(soon(24));
        shell.notices.push(notice);
    }
    let mine = "/instances?q=owner%3Auser%2Fann".to_owned();
    instances::InstancesPage { shell, list, rows, may_create: true, no_clusters: false, mine }
}

pub(crate) fn instance_page(wrong: bool) -> instances::InstancePage {
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
        field: String::new(),
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
        placed: true,
        node_group: "default".to_owned(),
        created: Some(when(8_000_000)),
        modified: Some(when(4_000)),
        seen: Some(when(12)),
        config_version: "abc".to_owned(),
        console: "VNC".to_owned(),
        findings: if wrong {
            vec![parts::Notice::new(
                parts::Tone::Bad,
                "Its node node1.fra1.example.com is down",
                "The instance should run and does not. Fail it over to node2.fra1.example.com, which has its DRBD copy.",
            )]
        } else {
            vec![]
        },
        disks: vec![
            instances::DiskLine {
                index: 0,
                name: String::new(),
                size_mib: Some(20_480),
                uuid: uuid(7),
                spindles: String::new(),
            },
            instances::DiskLine {
                index: 1,
                name: "data".to_owned(),
                size_mib: Some(102_400),
                uuid: uuid(8),
                spindles: String::new(),
            },
        ],
        nics: vec![instances::NicLine {
            index: 0,
            mac: "aa:00:00:35:d1:02".to_owned(),
            ip: String::new(),
            mode: "bridged".to_owned(),
            link: "br0".to_owned(),
            network: "lan".to_owned(),
            network_uuid: uuid(60),
            bridge: "br0".to_owned(),
            name: "uplink".to_owned(),
            uuid: uuid(61),
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
                folded: false,
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
                folded: false,
            },
        ],
        now: vec![gwm_web_gateway::http::views::nodes::Flag {
            label: "Port of its screen",
            value: "11000".to_owned(),
            field: "network_port",
        }],
        jobs: job_lines(),
        access: Some(access_section("instance")),
        history: crate::audit::history(),
        may_delete: true,
        notes: Some(notes("ann")),
    }
}

pub(crate) fn create_page(wrong: bool) -> instances::InstanceCreatePage {
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
        quotas: vec![crate::quotas::card("group/shop", "on fra1", false)],
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
        placed: !wrong,
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

pub(crate) fn delete_page() -> instances::InstanceDeletePage {
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
        confirm: String::new(),
        errors: form::FormErrors::default(),
    }
}

pub(crate) fn console_page(problem: Option<parts::Notice>) -> console::ConsolePage {
    console::ConsolePage {
        cluster: "fra1".to_owned(),
        instance: "web1.example.com".to_owned(),
        uuid: uuid(0),
        status: parts::Status::instance("running"),
        back: "/clusters/fra1/instances/web1.example.com".to_owned(),
        problem,
    }
}

fn notes(by: &str) -> instances::InstanceNotes {
    instances::InstanceNotes {
        text: "Belongs to billing; ask dora before a reboot.\nIts certificate is renewed by hand \
               (https://wiki.example.com/a/very/long/address/that/does/not/fit/into/the/column)."
            .to_owned(),
        by: by.to_owned(),
        changed: Some(when(7200)),
    }
}

pub(crate) fn notes_page() -> instances::InstanceNotesPage {
    let message =
        "ann has changed them meanwhile. Save once more to replace what stands below.".to_owned();
    instances::InstanceNotesPage {
        shell: around(
            "Notes on web1.example.com",
            shell::Section::Instances,
            &[("Instances", "/instances"), ("web1.example.com", "/x"), ("Notes", "")],
        ),
        cluster: "fra1".to_owned(),
        name: "web1.example.com".to_owned(),
        text: "Belongs to billing; ask carla.".to_owned(),
        revision: "2".to_owned(),
        theirs: Some(notes("ann")),
        errors: form::FormErrors(vec![form::FieldError { field: "text".to_owned(), message }]),
    }
}
