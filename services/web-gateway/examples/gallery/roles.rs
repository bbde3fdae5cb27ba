//! Roles, what somebody holds, and why.

use gwm_web_gateway::http::views::{explain, form, held, parts, roles, shell};

use crate::made_up::{around, when};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(crate) fn held() -> held::Held {
    let row = |role: &str, kind, label: &str, href: &str, by: Option<&str>| held::HeldRow {
        role: role.to_owned(),
        kind,
        object: parts::Link::new(label, href),
        by: by.map(|group| parts::Link::new(group, format!("/groups/{group}"))),
        created: when(80_000),
    };
    let long = "shop-database-1.customers.example.com";
    held::Held {
        rows: vec![
            row("user", "instance", long, &format!("/clusters/fra1/instances/{long}"), None),
            row("power", "cluster", "fra1", "/clusters/fra1", Some("shop")),
            row("view", "", "everything", "", Some("shop")),
        ],
        more: 0,
        all: "/api/v1/grants".to_owned(),
        give: Some(give("carol", "/users/carol", true)),
    }
}

/// The form on the page of a persona; wrong or not.
pub(crate) fn give(principal: &str, back: &str, wrong: bool) -> held::GiveForm {
    let role = |value: &str, label: &str| form::Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == "view",
    };
    let error = form::FieldError {
        field: "only".to_owned(),
        message: "Part 2 is not known: write owner:, tag: or node_group:".to_owned(),
    };
    held::GiveForm {
        principal: principal.to_owned(),
        persona: String::new(),
        back: back.to_owned(),
        anywhere: wrong,
        cluster: String::new(),
        only: if wrong { "owner:group/shop colour:red" } else { "" }.to_owned(),
        roles: vec![role("view", "view"), role("user", "user: power, tags and notes")],
        errors: form::FormErrors(if wrong { vec![error] } else { Vec::new() }),
    }
}

fn row(
    name: &str,
    description: &str,
    permissions: &[&str],
    brings: &[&str],
    grants: u32,
) -> roles::RoleRow {
    roles::RoleRow {
        name: name.to_owned(),
        description: description.to_owned(),
        permissions: words(permissions),
        brings: words(brings),
        builtin: grants == 0,
        grants,
    }
}

pub(crate) fn list(none: bool) -> roles::RolesPage {
    let mut page = roles::RolesPage {
        shell: around("Roles", shell::Section::Roles, &[("Roles", "")]),
        own: vec![
            row(
                "first-line",
                "Restarts machines and looks at their screens",
                &["power", "view_placement"],
                &["view", "console"],
                12,
            ),
            row("tagger", "", &["tags"], &["view"], 1),
        ],
        builtin: vec![
            row("view", "See it", &["view"], &[], 0),
            row(
                "power",
                "Start, stop and reboot it, and open its console",
                &["power"],
                &["view", "console"],
                0,
            ),
            row(
                "operator",
                "Run a cluster, but make and remove nothing",
                &[
                    "power",
                    "modify",
                    "tags",
                    "migrate",
                    "replace_disks",
                    "export",
                    "manage_nodes",
                    "manage_networks",
                ],
                &["view", "console", "view_placement"],
                0,
            ),
        ],
    };
    if none {
        page.own.clear();
    }
    page.shell.as_of = None;
    page
}

fn boxes(ticked: &[&str]) -> Vec<roles::PermissionBox> {
    let one = |word, allows, on_instance| roles::PermissionBox {
        word,
        allows,
        ticked: ticked.contains(&word),
        on_instance,
    };
    vec![
        one("view", "see it, its jobs and events", true),
        one("power", "start, stop and reboot it, and its console", true),
        one("create_vm", "make instances, and see what there is to choose from", false),
        one("view_placement", "see nodes, node groups and storage", false),
    ]
}

pub(crate) fn one(own: bool) -> roles::RolePage {
    let name = if own { "first-line" } else { "power" };
    let mut page = roles::RolePage {
        shell: around(name, shell::Section::Roles, &[("Roles", "/roles"), (name, "")]),
        name: name.to_owned(),
        stored: true,
        description: "Restarts machines and looks at their screens".to_owned(),
        boxes: boxes(if own { &["power", "view_placement"] } else { &["power"] }),
        may_edit: own,
        builtin: !own,
        grants: 12,
        revision: 3,
        errors: form::FormErrors::default(),
    };
    page.shell.as_of = None;
    page
}

pub(crate) fn fresh() -> roles::RolePage {
    let mut page = one(true);
    page.shell =
        around("New role", shell::Section::Roles, &[("Roles", "/roles"), ("New role", "")]);
    page.shell.as_of = None;
    page.stored = false;
    page.grants = 0;
    page.errors = form::FormErrors(vec![form::FieldError {
        field: "name".to_owned(),
        message: "There is a role of this name already.".to_owned(),
    }]);
    page
}

pub(crate) fn access(answered: bool) -> explain::AccessPage {
    let reason = |role: &str, allows: &[&str], group: Option<&str>, on: &str| explain::ReasonRow {
        role: role.to_owned(),
        allows: words(allows),
        whose: group.map_or_else(
            || parts::Link::new("ann", "/users/ann"),
            |group| parts::Link::new(format!("group/{group}"), format!("/groups/{group}")),
        ),
        on: on.to_owned(),
    };
    let title = "Who may do what, and why";
    let mut page = explain::AccessPage {
        shell: around(title, shell::Section::Other, &[(title, "")]),
        user: "ann".to_owned(),
        cluster: "fra1".to_owned(),
        instance: "shop-database-1.customers.example.com".to_owned(),
        errors: form::FormErrors::default(),
        answer: answered.then(|| explain::Explained {
            user: "ann".to_owned(),
            object: parts::Link::new("shop-database-1.customers.example.com", "/instances"),
            allowed: words(&["view", "console", "power", "modify", "tags"]),
            is_admin: false,
            disabled: false,
            reasons: vec![
                reason(
                    "user",
                    &["view", "console", "power", "modify", "tags"],
                    None,
                    "this instance",
                ),
                reason("power", &["view", "console", "power"], Some("shop"), "the cluster"),
            ],
        }),
    };
    if !answered {
        page.errors = form::FormErrors(vec![form::FieldError {
            field: "user".to_owned(),
            message: "There is no user \"ann\".".to_owned(),
        }]);
    }
    page.shell.as_of = None;
    page
}
