//! Users, invites.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gwm_web_gateway::http::views::{
    audit, form, held, invites, parts, second_factor, shell, sign_in, users,
};

use crate::made_up::{around, choice, choosing, head, list, soon, uuid, when};

fn row(n: u64, username: &str, is_admin: bool, disabled: bool) -> users::UserRow {
    let status = if disabled {
        parts::Status::new(parts::Mark::Idle, "disabled", "")
    } else {
        parts::Status::new(parts::Mark::Ok, "active", "")
    };
    users::UserRow {
        id: uuid(600 + n),
        username: username.to_owned(),
        is_admin,
        disabled,
        status,
        created: when(9_000_000),
        last_login: (n != 2).then(|| when(5000 * i64::try_from(n + 1).unwrap_or(1))),
        second_factor: n == 1,
        origin: if n == 3 { "ldap/corp".to_owned() } else { String::new() },
        revision: 3,
    }
}

pub(crate) fn users(none: bool) -> users::UsersPage {
    let rows = vec![
        row(0, "admin", true, false),
        row(1, "ann", false, false),
        row(2, "bob.the-one-with-a-long-name.from-the-other-department", false, false),
        row(3, "carla", false, true),
    ];
    let rows = if none { Vec::new() } else { rows };
    let heads = vec![
        head("Name", "", "ascending"),
        head("Status", "", ""),
        head("Rights", "", ""),
        head("Signed in", "n", ""),
        head("Made", "n low", ""),
    ];
    let total = rows.len() as u64;
    let mut list = list("/users", "users", heads, rows.len(), total);
    if none {
        list.q = "ana".to_owned();
    }
    let columns = [("role", "Rights"), ("last_login", "Signed in"), ("created", "Made")];
    users::UsersPage {
        shell: around("Users", shell::Section::Users, &[]),
        list: choosing(list, &columns),
        rows,
    }
}

fn wrong(field: &str, message: &str) -> form::FormErrors {
    let (field, message) = (field.to_owned(), message.to_owned());
    form::FormErrors(vec![form::FieldError { field, message }])
}

const GUESSABLE: &str = "This password is too easy to guess: this is similar to a commonly used password. Add another word or two. Uncommon words are better.";

pub(crate) fn user(disabled: bool) -> users::UserPage {
    let user = row(1, "ann", false, disabled);
    let crumbs = [("Users", "/users"), ("ann", "")];
    users::UserPage {
        shell: around("ann", shell::Section::Users, &crumbs),
        own: false,
        quotas: vec![crate::quotas::card("user/ann", "on fra1", true)],
        done: if disabled {
            String::new()
        } else {
            "The password of ann is set; their sign-ins and API tokens have ended.".to_owned()
        },
        keys: if disabled {
            Vec::new()
        } else {
            vec![crate::others::key("ann@laptop", "ssh-ed25519")]
        },
        tokens: if disabled { Vec::new() } else { crate::others::tokens() },
        sessions: if disabled {
            Vec::new()
        } else {
            vec![
                crate::others::session(1, "Firefox on Linux", 10),
                crate::others::session(2, "Safari on iPhone", 50_000),
            ]
        },
        end_tokens: !disabled,
        here: "/users/x".to_owned(),
        history: audit::History {
            rows: Vec::new(),
            href: "/audit".to_owned(),
            own_only: false,
            failed: String::new(),
        },
        groups: if disabled { Vec::new() } else { vec![parts::Link::new("shop", "/groups/shop")] },
        held: if disabled { held::Held::default() } else { crate::roles::held() },
        acts_href: "/audit".to_owned(),
        errors: if disabled { wrong("password", GUESSABLE) } else { form::FormErrors::default() },
        user,
    }
}

/// Somebody with long names and many of everything.
pub(crate) fn busy() -> users::UserPage {
    let mut page = user(false);
    page.user = row(2, "bob.the-one-with-a-long-name.from-the-other-department", true, false);
    page.user.origin = "ldap/corporate-directory-of-the-whole-group".to_owned();
    page.done = String::new();
    page.tokens = (0..6).flat_map(|_| crate::others::tokens()).collect();
    page.sessions = (1..7)
        .map(|n| {
            let agent = "Some-Automation-Framework-With-No-Blanks-In-Its-Name/17.4";
            crate::others::session(n, if n % 2 == 0 { agent } else { "Firefox on Linux" }, 700)
        })
        .collect();
    let group = |n: u32| {
        parts::Link::new(format!("team-{n}-of-the-department-of-web-shops"), "/groups/shop")
    };
    page.groups = (0..12).map(group).collect();
    let held = &mut page.held;
    held.rows = (0..12).flat_map(|_| crate::roles::held().rows).collect();
    held.more = 150;
    page
}

pub(crate) fn user_new() -> users::UserNewPage {
    users::UserNewPage {
        shell: around(
            "Add a user",
            shell::Section::Users,
            &[("Users", "/users"), ("Add a user", "")],
        ),
        username: "ann".to_owned(),
        is_admin: false,
        errors: wrong("username", "There is a user of this name already."),
    }
}

fn invited(n: u64, username: &str, state: &str, mark: parts::Mark) -> invites::InviteRow {
    invites::InviteRow {
        id: uuid(700 + n),
        username: username.to_owned(),
        is_admin: n == 1,
        status: parts::Status::new(mark, state, ""),
        used_by: if state == "used" { "dora" } else { "" }.to_owned(),
        by: "admin".to_owned(),
        created: when(4000),
        expires: soon(500_000),
        open: state == "open",
    }
}

pub(crate) fn invites(none: bool) -> invites::InvitesPage {
    let rows = vec![
        invited(0, "", "open", parts::Mark::Busy),
        invited(1, "ellen.ripley", "open", parts::Mark::Busy),
        invited(2, "", "used", parts::Mark::Ok),
        invited(3, "frank", "withdrawn", parts::Mark::Idle),
    ];
    invites::InvitesPage {
        shell: around(
            "Invites",
            shell::Section::Users,
            &[("Users", "/users"), ("Invites", "")],
        ),
        rows: if none { Vec::new() } else { rows },
        fresh: (!none).then(|| parts::Code {
            what: "the invite’s link",
            text: "https://gwm.example.com/invite?username=ellen.ripley#hV3yC0o6mLr2gQx8bT1kN9wZ4pS7dA5fE0uJ-iM_cYs".to_owned(),
        }),
        username: String::new(),
        is_admin: false,
        hours: vec![choice("24", "1 day", false), choice("168", "7 days", true)],
        errors: if none { wrong("username", "There is a user of this name already.") } else { form::FormErrors::default() },
    }
}

pub(crate) fn invite(bad: bool) -> invites::InvitePage {
    invites::InvitePage {
        code: if bad { "hV3yC0o6mLr2gQx8bT1kN9wZ4pS7dA5fE0uJ" } else { "" }.to_owned(),
        username: if bad { "ann" } else { "" }.to_owned(),
        errors: if bad { wrong("password", GUESSABLE) } else { form::FormErrors::default() },
    }
}

/// Before it, with the secret, done.
pub(crate) fn second_factor_needed(step: u8) -> sign_in::SecondFactorNeededPage {
    let own = second_factor(step == 2);
    sign_in::SecondFactorNeededPage {
        username: "ann".to_owned(),
        begun: step > 0,
        secret: own.secret,
        picture: own.picture,
        recovery: own.recovery,
        errors: if step == 0 {
            wrong("password", "This is not your password.")
        } else {
            own.errors
        },
    }
}

pub(crate) fn sign_in() -> sign_in::SignInPage {
    let choice = |value: &str, selected| form::Choice {
        value: value.to_owned(),
        label: value.to_owned(),
        selected,
    };
    sign_in::SignInPage {
        shell: around(
            "Signing in",
            shell::Section::Users,
            &[("Users", "/users"), ("Signing in", "")],
        ),
        done: String::new(),
        choices: vec![
            choice("nobody", false),
            choice("administrators", true),
            choice("everybody", false),
        ],
        revision: 1,
        without: 12,
        administrators_without: 0,
        errors: form::FormErrors::default(),
    }
}

pub(crate) fn second_factor(on: bool) -> second_factor::SecondFactorPage {
    let code = qrcode::QrCode::new("otpauth://totp/x:ann?secret=GEZDGNBVGY3TQOJQ&issuer=x").ok();
    let svg = code.map(|c| c.render::<qrcode::render::svg::Color<'_>>().build());
    let picture = format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg.unwrap_or_default()));
    second_factor::SecondFactorPage {
        shell: around(
            "Second factor",
            shell::Section::Other,
            &[("Your account", "/me"), ("Second factor", "")],
        ),
        secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ".to_owned(),
        picture,
        recovery: on.then(|| parts::Code {
            what: "the recovery codes",
            text: ["gezd-gnbv-gy3t-qojq"; 10].join("\n"),
        }),
        errors: form::FormErrors::default(),
    }
}
