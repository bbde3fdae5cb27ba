//! What somebody may use, and uses.

use gwm_web_gateway::http::views::{form, parts, quotas, shell};

use crate::made_up::around;

pub(crate) fn card(persona: &str, place: &str, edit: bool) -> quotas::QuotaCard {
    let bar = |resource, used, limit, source: &str| quotas::LimitBar {
        resource,
        used,
        limit,
        source: source.to_owned(),
    };
    quotas::QuotaCard {
        persona: persona.to_owned(),
        place: place.to_owned(),
        bars: vec![
            bar("memory_mib", 14_848, Some(16_384), "override"),
            bar("vcpus", 12, Some(8), "default"),
            bar("disk_mib", 410_000, None, "none"),
            bar("instances", 3, Some(10), "default"),
        ],
        edit: if edit { "/quotas/edit".to_owned() } else { String::new() },
    }
}

pub(crate) fn defaults() -> quotas::PlaceList {
    let limit = |what, amount: &str| (what, amount.to_owned());
    quotas::PlaceList {
        name: "fra1".to_owned(),
        defaults: vec![
            limit("Memory", "16 GiB"),
            limit("Virtual CPUs", "8"),
            limit("Disk", "unlimited"),
            limit("Instances", "10"),
            limit("Open jobs", "5"),
            limit("Memory and CPUs count of", "running instances"),
            limit("Memory of one instance", "8 GiB"),
        ],
        edit: "/quotas/edit?cluster=fra1".to_owned(),
        slug: "fra1".to_owned(),
        rows: vec![
            card("group/shop", "on fra1", true),
            card("user/carol-with-a-long-name.example", "on fra1", true),
        ],
        next: "/quotas?after=x".to_owned(),
    }
}

pub(crate) fn page(administers: bool) -> quotas::QuotasPage {
    let choice = |value: &str, label: &str, selected| form::Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected,
    };
    let mut shell = around("Quotas", shell::Section::Quotas, &[("Quotas", "")]);
    shell.admin = administers;
    let places = vec![choice("*", "all clusters together", false), choice("fra1", "fra1", true)];
    quotas::QuotasPage {
        shell,
        mine: vec![
            card("user/ann", "on all clusters together", false),
            card("group/shop", "on fra1", false),
        ],
        places: if administers { places } else { Vec::new() },
        list: administers.then(defaults),
    }
}

pub(crate) fn edit(wrong: bool) -> quotas::QuotaEditPage {
    let field = |name, choice: &str, value: &str| quotas::LimitField {
        name,
        choice: choice.to_owned(),
        value: value.to_owned(),
        everybody: "16 GiB".to_owned(),
    };
    let crumbs = [("Quotas", "/quotas"), ("Change", "")];
    let whose = if wrong { "group/shop" } else { "" };
    let bad = form::FieldError {
        field: "memory".to_owned(),
        message: "Give a size such as 512M or 1.5T, or choose another limit.".to_owned(),
    };
    quotas::QuotaEditPage {
        shell: around("Change limits", shell::Section::Quotas, &crumbs),
        whose: whose.to_owned(),
        cluster: "fra1".to_owned(),
        fields: vec![
            field("memory", "value", if wrong { "" } else { "16G" }),
            field("vcpus", if wrong { "inherit" } else { "unlimited" }, ""),
            field("disk", "value", "1T"),
            field("instances", "unlimited", ""),
            field("open_jobs", "value", "5"),
        ],
        most: vec![
            field("most_memory", "value", "8G"),
            field("most_vcpus", "unlimited", ""),
            field("most_disk", "unlimited", ""),
        ],
        counts_all: false,
        now: wrong.then(|| card("group/shop", "on fra1", false)),
        revision: 3,
        errors: form::FormErrors(if wrong { vec![bad] } else { Vec::new() }),
        back: parts::Link::new("Back", "/quotas"),
    }
}
