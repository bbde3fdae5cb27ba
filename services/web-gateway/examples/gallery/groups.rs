//! Groups of people.

use gwm_web_gateway::http::views::{form, groups, held, parts, shell};

use crate::made_up::{around, when};

pub(crate) fn list(none: bool, admin: bool) -> groups::GroupsPage {
    let row = |name: &str, description: &str, members, administered| groups::GroupRow {
        name: name.to_owned(),
        description: description.to_owned(),
        members,
        administered,
        created: when(900_000),
    };
    let mut page = groups::GroupsPage {
        shell: around("Groups", shell::Section::Groups, &[]),
        rows: if none {
            Vec::new()
        } else {
            vec![
                row("ops", "On call for everything that customers pay for", 12, true),
                row("shop", "Runs the web shop", 3, false),
                row("interns.of-the-summer-school_2026", "", 0, false),
            ]
        },
        errors: form::FormErrors::default(),
        name: String::new(),
        description: String::new(),
    };
    page.shell.admin = admin;
    page.shell.as_of = None;
    if !admin {
        page.shell.placement = false;
    }
    if none && admin {
        "Web shop".clone_into(&mut page.name);
        page.errors = form::FormErrors(vec![form::FieldError {
            field: "name".to_owned(),
            message: "A group name has 1 to 64 of the characters a-z, 0-9, '.', '_' and '-', and starts with a letter or digit.".to_owned(),
        }]);
    }
    page
}

pub(crate) fn one(administered: bool) -> groups::GroupPage {
    let member = |username: &str, is_admin| groups::MemberRow {
        username: username.to_owned(),
        is_admin,
        own: username == "ann",
        added: when(90_000),
    };
    let held = |role: &str, kind, label: &str, href: &str| held::HeldRow {
        role: role.to_owned(),
        kind,
        object: parts::Link::new(label, href),
        by: None,
        created: when(80_000),
    };
    let mut page = groups::GroupPage {
        shell: around("shop", shell::Section::Groups, &[("Groups", "/groups"), ("shop", "")]),
        name: "shop".to_owned(),
        description: "Runs the web shop".to_owned(),
        created: when(900_000),
        administered,
        members: vec![member("ann", administered), member("bob", true), member("carol", false)],
        quotas: vec![crate::quotas::card("group/shop", "on fra1", administered)],
        held: held::Held {
            rows: vec![
                held("power", "cluster", "fra1", "/clusters/fra1"),
                held(
                    "admin",
                    "instance",
                    "shop-database-1.customers.example.com",
                    "/clusters/fra1/instances/shop-database-1.customers.example.com",
                ),
                held("view", "instance", "5d3f6a1e-0000-4000-8000-000000000003", ""),
                held("first-line", "", "everything", ""),
            ],
            more: if administered { 12 } else { 0 },
            all: "/api/v1/grants?group=shop".to_owned(),
            give: administered.then(|| crate::roles::give("group/shop", "/groups/shop", false)),
        },
        member_errors: form::FormErrors::default(),
        username: String::new(),
        member_is_admin: false,
        description_errors: form::FormErrors::default(),
    };
    page.shell.admin = administered;
    page.shell.as_of = None;
    if !administered {
        page.shell.placement = false;
        page.held = held::Held::default();
    }
    page
}
