//! Owners of instances, instances without one, and what vanished.

use gwm_web_gateway::http::views::{form, imports, parts, shell};

use super::made_up::{around, head, list, uuid, when};

fn roles() -> Vec<form::Choice> {
    let role = |value: &str, label: &str| form::Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == "admin",
    };
    vec![role("admin", "everything (admin)"), role("view", "see it (view)")]
}

pub(crate) fn orphans_page() -> imports::OrphansPage {
    let rows: Vec<_> = (1..9)
        .map(|n| imports::OrphanRow {
            uuid: uuid(n),
            name: format!("web{n}.example.com"),
            cluster: "fra1".to_owned(),
            status: parts::Status::instance(if n % 3 == 0 { "ADMIN_down" } else { "running" }),
            node: "node1.fra1.example.com".to_owned(),
            os: "debootstrap+default".to_owned(),
            tags: vec!["shop".to_owned()],
        })
        .collect();
    let heads = vec![
        head("Name", "", "ascending"),
        head("Status", "", ""),
        head("Cluster", "", ""),
        head("Node", "mid", ""),
        head("OS", "low", ""),
        head("Tags", "low", ""),
    ];
    imports::OrphansPage {
        shell: around("Instances without an owner", shell::Section::Imports, &[]),
        list: list("/imports/orphans", "orphans", heads, rows.len(), 8),
        rows,
        owner: String::new(),
        roles: roles(),
        errors: form::FormErrors::default(),
    }
}

pub(crate) fn adopt_page(wrong: bool) -> imports::AdoptPage {
    let line = |number: u64, bad: bool| imports::LineRow {
        number,
        instance: format!("web{number}.example.com"),
        cluster: "fra1".to_owned(),
        owner: if bad { "nobody" } else { "carla" }.to_owned(),
        role: "admin".to_owned(),
        status: if bad {
            parts::Status::new(parts::Mark::Bad, "there is no user nobody", "")
        } else {
            parts::Status::new(parts::Mark::Ok, "would be adopted", "")
        },
    };
    imports::AdoptPage {
        shell: around(
            "Adopt: what would happen",
            shell::Section::Imports,
            &[("Instances without an owner", "/imports/orphans"), ("Adopt", "")],
        ),
        summary: if wrong { "1 of 4 can’t be done" } else { "4 instances would be adopted" }
            .to_owned(),
        lines: (1..5).map(|n| line(n, wrong && n == 1)).collect(),
        hidden: 0,
        csv: "cluster,instance,owner,role\nfra1,web1.example.com,nobody,admin\n".to_owned(),
        source: "csv".to_owned(),
        done: false,
        may_confirm: !wrong,
        verb: "Adopt 4 instances".to_owned(),
        errors: form::FormErrors::default(),
    }
}

pub(crate) fn missing_page() -> imports::MissingPage {
    let row = |n: u64, kind: &str, status: parts::Status| imports::VanishedRow {
        kind: kind.to_owned(),
        uuid: uuid(n),
        name: format!("{kind}{n}.example.com"),
        cluster: "fra1".to_owned(),
        cluster_id: uuid(50),
        there: kind != "cluster",
        status,
        at: Some(when(4000)),
        owner: String::new(),
        grants: Vec::new(),
        successor: String::new(),
        notes: false,
        purgeable: true,
    };
    let removed = || parts::Status::new(parts::Mark::Idle, "removed", "");
    let offered = imports::VanishedRow {
        owner: "carla".to_owned(),
        grants: vec!["carla: admin".to_owned(), "dora: view".to_owned()],
        successor: uuid(99),
        notes: true,
        ..row(1, "instance", removed())
    };
    let missing = imports::VanishedRow {
        purgeable: false,
        ..row(2, "instance", parts::Status::new(parts::Mark::Warn, "missing", ""))
    };
    let forgotten = parts::Status::new(parts::Mark::Idle, "removed from gwm", "");
    let rows = vec![offered, missing, row(3, "node", removed()), row(4, "cluster", forgotten)];
    let heads = vec![
        head("Name", "", ""),
        head("State", "", ""),
        head("Cluster", "", ""),
        head("When", "", "descending"),
        head("Last owner", "", ""),
        head("Rights kept", "", ""),
    ];
    imports::MissingPage {
        shell: around("What vanished", shell::Section::Imports, &[]),
        list: list("/imports/missing", "vanished objects", heads, rows.len(), 4),
        rows,
    }
}

pub(crate) fn owner_page() -> imports::InstanceOwnerPage {
    let error = form::FieldError {
        field: "owner".to_owned(),
        message: "There is no user nobody.".to_owned(),
    };
    imports::InstanceOwnerPage {
        shell: around(
            "Owner of web1.example.com",
            shell::Section::Instances,
            &[("Instances", "/instances"), ("web1.example.com", "/x"), ("Owner", "")],
        ),
        cluster: "fra1".to_owned(),
        name: "web1.example.com".to_owned(),
        former: "carla".to_owned(),
        owner: "nobody".to_owned(),
        roles: roles(),
        remove_former: false,
        errors: form::FormErrors(vec![error]),
    }
}
