//! Overview, clusters and nodes.

use gwm_web_gateway::http::views::{clusters, form, hook, nodes, overview, parts, shell};

use crate::machines::rows;
use crate::made_up::{
    access_section, action, around, choosing, fingerprint, head, job_lines, lines, list, problems,
    soon, usage, uuid, when,
};
use crate::objects::parameters;

pub(crate) fn overview_page(empty: bool) -> overview::OverviewPage {
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
        nodes_silent: 1,
        missing: 12,
        certificates: 1,
        jobs_open: 2,
        jobs_failed: 3,
        memory_allocated_mib: 870_000,
        disk_allocated_mib: 30_000_000,
        own: Some(overview::Own {
            filter: "owner%3Auser%2Fann".to_owned(),
            instances: 14,
            running: 12,
            vcpus: 56,
            memory_mib: 114_688,
            disk_mib: 2_400_000,
        }),
        adoption: overview::Adoption { owned: 1180, unowned: 41, removed_kept: Some(3) },
        clusters: lines()
            .into_iter()
            .map(|line| overview::OverviewCluster {
                line,
                version: "3.0.2".to_owned(),
                last_read: Some(when(12)),
                memory_allocated_mib: 290_000,
                disk_allocated_mib: 9_000_000,
            })
            .collect(),
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

pub(crate) fn clusters_page() -> clusters::ClustersPage {
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
        list: choosing(
            list("/clusters", "clusters", heads, rows.len(), rows.len() as u64),
            &[
                ("instances", "Instances"),
                ("nodes", "Nodes"),
                ("memory", "Memory"),
                ("disk", "Disk"),
                ("version", "Ganeti"),
                ("seen", "Last read"),
            ],
        ),
        rows,
    }
}

pub(crate) fn cluster_page(dead: bool) -> clusters::ClusterPage {
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
        let mut notice = parts::Notice::new(
            parts::Tone::Bad,
            "ams-lab does not answer",
            "Connection refused at ams-lab.example.com:5080. What is shown is as it was 4 min ago; actions wait until it answers.",
        );
        notice.about = "cluster:ams-lab".to_owned();
        notice.next = Some(soon(24));
        shell.notices.push(notice);
    }
    clusters::ClusterPage {
        quotas: Some(crate::quotas::defaults()),
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
        problems: if dead { problems() } else { vec![] },
        jobs: job_lines(),
        actions: vec![refresh],
        access: Some(access_section("cluster")),
        history: crate::audit::history(),
        may_remove: true,
        missing: 14,
        tags: vec!["site:fra".to_owned()],
        holds: (!dead).then(|| clusters::Holds {
            node_groups: 2,
            networks: 3,
            oses: 4,
            master_candidates: 5,
            candidate_pool_size: "10".to_owned(),
            memory_allocated: usage("memory given", 90_000, 131_072),
            disk_allocated: usage("disk given", 860_000, 2_097_152),
            disk_templates: "drbd, plain".to_owned(),
            volume_group: "xenvg".to_owned(),
        }),
        parameters: parameters(),
        read_only: if dead { "gwm only reads this cluster" } else { "" },
        pace: "every 60 s, 4 requests in the last minute, 0.45 s for all nodes and instances"
            .to_owned(),
        confirm: String::new(),
        errors: form::FormErrors::default(),
    }
}

pub(crate) fn add_page(stage: u8) -> clusters::ClusterAddPage {
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
        vnc_password: String::new(),
        console_enabled: true,
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

pub(crate) fn edit_page(changed: bool) -> clusters::ClusterEditPage {
    let mut shell = around(
        "Settings of fra1",
        shell::Section::Clusters,
        &[("Clusters", "/clusters"), ("fra1", "/clusters/fra1"), ("Settings", "")],
    );
    shell.as_of = None;
    let wrong = form::FieldError {
        field: "write_password".to_owned(),
        message: "write: 403, this user lacks write.".to_owned(),
    };
    clusters::ClusterEditPage {
        shell,
        errors: form::FormErrors(if changed { vec![] } else { vec![wrong] }),
        slug: "fra1".to_owned(),
        config_version: "7".to_owned(),
        endpoints: "https://fra1.example.com:5080\nhttps://node2.fra1.example.com:5080".to_owned(),
        pinned: fingerprint(),
        fingerprint: fingerprint(),
        ca: String::new(),
        read_username: "gwm-read".to_owned(),
        write_username: "gwm-write".to_owned(),
        console_enabled: true,
        has_vnc_password: !changed,
        remove_vnc_password: false,
        poll_interval_seconds: "60".to_owned(),
        read_only: false,
        owner_tags: if changed { "off" } else { "write" }.to_owned(),
        tags: Some(clusters::OwnerTagsNow {
            prefix: "gwm:f3a91c02:owner:".to_owned(),
            owned: 412,
            tagged: if changed { 3 } else { 377 },
            to_do: if changed { 0 } else { 35 },
            held_up: if changed { "" } else { "the cluster is paused" }.to_owned(),
        }),
        seen: changed.then(|| clusters::SeenCertificate {
            endpoint: "https://fra1.example.com:5080".to_owned(),
            subject: "CN=fra1.example.com".to_owned(),
            fingerprint: fingerprint().replace('A', "B"),
            same: false,
            why: String::new(),
        }),
        openssl: parts::Code {
            what: "the openssl command",
            text: "openssl x509 -in /var/lib/ganeti/rapi.pem -noout -fingerprint -sha256"
                .to_owned(),
        },
    }
}

pub(crate) fn hook_page(fresh: bool) -> hook::HookPage {
    let mut shell = around(
        "Hook of fra1",
        shell::Section::Clusters,
        &[("Clusters", "/clusters"), ("fra1", "/clusters/fra1"), ("Hook", "")],
    );
    shell.as_of = None;
    let now = chrono::Utc::now();
    let ago = |seconds| parts::When::new(now - chrono::TimeDelta::seconds(seconds), now);
    let lines = "curl -fsSo /etc/ganeti/gwm-knock https://gwm.example.com/hooks/gwm-knock && chmod 755 \
                 /etc/ganeti/gwm-knock\ngnt-cluster copyfile /etc/ganeti/gwm-knock\n";
    hook::HookPage {
        shell,
        slug: "fra1".to_owned(),
        known: true,
        paused: !fresh,
        token_made: Some(ago(if fresh { 1 } else { 86_400 })),
        last_knock: (!fresh).then(|| ago(40)),
        jobs_read: Some(ago(4)),
        install: fresh
            .then(|| parts::Code { what: "the lines for the master", text: lines.to_owned() }),
    }
}

pub(crate) fn added_page(imported: bool) -> clusters::ClusterAddedPage {
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

pub(crate) fn node_row(n: u64) -> nodes::NodeRow {
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

pub(crate) fn nodes_page() -> nodes::NodesPage {
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
        list: choosing(
            list("/nodes", "nodes", heads, rows.len(), 5),
            &[
                ("cluster", "Cluster"),
                ("role", "Role"),
                ("node_group", "Node group"),
                ("instances", "Instances"),
                ("cpus", "CPUs"),
                ("memory", "Memory"),
                ("memory_free", "Memory free"),
                ("disk", "Disk"),
                ("disk_free", "Disk free"),
            ],
        ),
        rows,
    }
}

pub(crate) fn node_page() -> nodes::NodePage {
    nodes::NodePage {
        shell: around(
            "node1.fra1.example.com",
            shell::Section::Nodes,
            &[("Nodes", "/nodes"), ("fra1", "/clusters/fra1"), ("node1.fra1.example.com", "")],
        ),
        row: node_row(0),
        tags: vec!["rack-7".to_owned()],
        memory_allocated: usage("memory given", 90_000, 131_072),
        disk_allocated_mib: Some(860_000),
        vcpus_allocated: 44,
        memory_free_mib: Some(71_072),
        disk_free_mib: Some(1_097_152),
        memory_node_mib: Some(1_024),
        flags: vec![
            nodes::Flag { label: "Master candidate", value: "yes".to_owned(), field: "" },
            nodes::Flag { label: "Powered", value: String::new(), field: "" },
        ],
        hardware: vec![nodes::Flag { label: "CPU sockets", value: "2".to_owned(), field: "" }],
        primary_ip: "10.0.0.11".to_owned(),
        secondary_ip: "10.1.0.11".to_owned(),
        findings: vec![parts::Notice::new(
            parts::Tone::Warn,
            "It breaks its node group’s policy",
            "260 virtual CPUs on 32 CPUs are more than 8 for each (vcpu-ratio).",
        )],
        parameters: parameters(),
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
