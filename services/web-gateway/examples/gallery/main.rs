//! Draws every page with made-up data into a directory, to look at and to test without any service.
//!
//! `cargo run -p gwm-web-gateway --example gallery -- DIRECTORY`, then open the files through a web server
//! that serves `assets/dist` as `/assets` (`npm run gallery` in `assets/` does, and runs axe over them).

mod audit;
mod fleet;
mod groups;
mod imports;
mod machines;
mod made_up;
mod objects;
mod others;
mod people;
mod placeless;
mod quotas;
mod roles;

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use askama::Template;
use gwm_web_gateway::http::views::{assets, parts};

use audit::audit_page;
use fleet::{
    add_page, added_page, cluster_page, clusters_page, edit_page, hook_page, node_page, nodes_page,
    overview_page,
};
use imports::{adopt_page, missing_page, orphans_page, owner_page};
use machines::{
    console_page, create_page, delete_page, instance_page, instances_page, notes_page, rows,
};
use others::{error, foreign_page, job_page, jobs_page, login, me_page};

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
        ("login-code", others::login_code("").render()?),
        ("login-code-wrong", others::login_code("This code is wrong, or was used already.").render()?),
        ("error-404", error(404, "This page does not exist, or you may not see it", false).render()?),
        ("error-503", error(503, "The inventory can’t be read just now", true).render()?),
        ("overview", overview_page(false).render()?),
        ("overview-placeless", placeless::overview().render()?),
        ("overview-empty", overview_page(true).render()?),
        ("instances", instances_page(rows(), 100_000, "", "").render()?),
        ("instances-none", instances_page(vec![], 0, "", "").render()?),
        ("instances-nomatch", instances_page(vec![], 0, "status:eror", "").render()?),
        ("instances-failed", instances_page(vec![], 0, "", "cache-updater does not answer. Nothing is lost; power actions and consoles work meanwhile.").render()?),
        ("instance", instance_page(false).render()?),
        ("instance-placeless", placeless::instance().render()?),
        ("instance-notes", notes_page().render()?),
        ("instance-wrong", instance_page(true).render()?),
        ("instance-create", create_page(false).render()?),
        ("instance-create-wrong", create_page(true).render()?),
        ("instance-delete", delete_page().render()?),
        ("clusters", clusters_page().render()?),
        ("cluster", cluster_page(false).render()?),
        ("cluster-placeless", placeless::cluster().render()?),
        ("cluster-dead", cluster_page(true).render()?),
        ("cluster-edit", edit_page(false).render()?),
        ("cluster-edit-changed", edit_page(true).render()?),
        ("hook", hook_page(false).render()?),
        ("hook-token", hook_page(true).render()?),
        ("cluster-add", add_page(0).render()?),
        ("cluster-add-failed", add_page(1).render()?),
        ("cluster-add-probed", add_page(2).render()?),
        ("cluster-add-ready", add_page(3).render()?),
        ("cluster-importing", added_page(false).render()?),
        ("cluster-added", added_page(true).render()?),
        ("nodes", nodes_page().render()?),
        ("node", node_page().render()?),
        ("node-groups", objects::node_groups().render()?),
        ("node-group", objects::node_group().render()?),
        ("networks", objects::networks(false).render()?),
        ("networks-none", objects::networks(true).render()?),
        ("network", objects::network().render()?),
        ("oses", objects::oses().render()?),
        ("orphans", orphans_page().render()?),
        ("adopt", adopt_page(false).render()?),
        ("adopt-wrong", adopt_page(true).render()?),
        ("missing", missing_page().render()?),
        ("instance-owner", owner_page().render()?),
        ("jobs", jobs_page().render()?),
        ("groups", groups::list(false, true).render()?),
        ("groups-none", groups::list(true, false).render()?),
        ("groups-refused", groups::list(true, true).render()?),
        ("group", groups::one(true).render()?),
        ("group-member", groups::one(false).render()?),
        ("quotas", quotas::page(true).render()?),
        ("quotas-own", quotas::page(false).render()?),
        ("quota-edit", quotas::edit(false).render()?),
        ("quota-edit-wrong", quotas::edit(true).render()?),
        ("roles", roles::list(false).render()?),
        ("roles-none", roles::list(true).render()?),
        ("role", roles::one(true).render()?),
        ("role-builtin", roles::one(false).render()?),
        ("role-new", roles::fresh().render()?),
        ("access", roles::access(true).render()?),
        ("access-wrong", roles::access(false).render()?),
        ("audit", audit_page(false).render()?),
        ("audit-none", audit_page(true).render()?),
        ("job-running", job_page(false).render()?),
        ("job-failed", job_page(true).render()?),
        ("job-placeless", placeless::job().render()?),
        ("job-foreign", foreign_page().render()?),
        ("console", console_page(None).render()?),
        ("console-problem", console_page(Some(parts::Notice::new(parts::Tone::Warn, "This instance has no VNC console", "Its hypervisor parameter vnc_bind_address is empty, which is Ganeti’s default. Set it to 0.0.0.0 (gnt-instance modify -H vnc_bind_address=0.0.0.0 web1.example.com) and restart the instance."))).render()?),
        ("users", people::users(false).render()?),
        ("users-nomatch", people::users(true).render()?),
        ("user", people::user(false).render()?),
        ("user-disabled", people::user(true).render()?),
        ("user-busy", people::busy().render()?),
        ("user-new", people::user_new().render()?),
        ("second-factor", people::second_factor(false).render()?),
        ("second-factor-on", people::second_factor(true).render()?),
        ("second-factor-needed", people::second_factor_needed(0).render()?),
        ("second-factor-needed-begun", people::second_factor_needed(1).render()?),
        ("second-factor-needed-done", people::second_factor_needed(2).render()?),
        ("sign-in", people::sign_in().render()?),
        ("invites", people::invites(false).render()?),
        ("invites-none", people::invites(true).render()?),
        ("invite", people::invite(false).render()?),
        ("invite-wrong", people::invite(true).render()?),
        ("me", me_page(false).render()?),
        ("me-token", me_page(true).render()?),
    ])
}
