//! Which clusters are there: the simulated, the lab's, a given one.

use std::process::Stdio;

use anyhow::Context;
use gwm_integration_tests::Api;
use gwm_rapi_sim::Sim;
use gwm_testkit::paths::project_root;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::say;
use crate::set_up::{Given, Mode, SetUp};

/// Adds what is to be there, or, where it is known already, says where it is now.
pub(crate) async fn add(set_up: &SetUp, admin: &Api, demo: Option<&Sim>) -> anyhow::Result<()> {
    for cluster in demo.map(Sim::clusters).unwrap_or_default() {
        let users = cluster.users();
        let user = |name: &str| {
            let user = users.iter().find(|user| user.name == name);
            user.map(|user| json!({ "username": user.name, "password": user.password }))
        };
        let described = cluster.describe();
        let body = json!({
            "endpoints": [cluster.url()],
            "read": user("gwm-read"),
            "write": user("gwm-write"),
            "fingerprint": cluster.fingerprint(),
            "console": { "enabled": true, "vnc_password": described["vnc_password"] },
        });
        store(admin, &first_label(cluster.name()), body).await?;
    }
    if set_up.mode == Mode::Lab {
        add_lab(admin).await?;
    }
    if let Some(given) = &set_up.given {
        add_given(admin, given).await?;
    }
    Ok(())
}

async fn add_lab(admin: &Api) -> anyhow::Result<()> {
    let script = project_root().join("integration-tests/lab/lab.sh");
    let standing =
        Command::new(&script).arg("standing").status().await.context("lab.sh standing")?;
    anyhow::ensure!(standing.success(), "the lab does not stand: `make lab` builds it");
    let info = Command::new(&script).args(["info", "--json"]).stderr(Stdio::inherit()).output();
    let info = info.await.context("lab.sh info")?;
    let info: Value = serde_json::from_slice(&info.stdout).context("what lab.sh info said")?;
    for cluster in info["clusters"].as_array().into_iter().flatten() {
        let body = json!({
            "endpoints": [cluster["rapi"]],
            "read": cluster["read"],
            "write": cluster["write"],
            "fingerprint": cluster["fingerprint"],
            "console": { "enabled": true, "vnc_password": cluster["vnc_password"] },
        });
        let slug = cluster["name"].as_str().unwrap_or_default();
        forget_former(admin, slug, &body).await?;
        store(admin, slug, body).await?;
    }
    Ok(())
}

/// A lab that was built anew has other clusters under the same names: gwm rightly takes them for strangers.
async fn forget_former(admin: &Api, slug: &str, body: &Value) -> anyhow::Result<()> {
    let path = format!("/clusters/{slug}");
    let known = admin.get(&path).await.json()["uuid"].clone();
    let probe = json!({
        "endpoints": body["endpoints"], "fingerprint": body["fingerprint"], "read": body["read"],
    });
    let there = admin.post("/clusters/probe", &probe).await.accepted()?["cluster_uuid"].clone();
    if known.is_string() && there.is_string() && known != there {
        admin.delete(&path).await.accepted()?;
        say(&format!(
            "Cluster {slug} was built anew: what was known of the former one is forgotten"
        ));
    }
    Ok(())
}

async fn add_given(admin: &Api, given: &Given) -> anyhow::Result<()> {
    let user = json!({ "username": given.username, "password": given.password });
    let probe = json!({ "endpoints": [given.endpoint] });
    let seen = admin.post("/clusters/probe", &probe).await.accepted()?;
    let fingerprint = seen["fingerprint"].clone();
    let Some(text) = fingerprint.as_str() else {
        let problem = seen["problems"][0]["text"].as_str().unwrap_or("no certificate was shown");
        anyhow::bail!("{}: {problem}", given.endpoint);
    };
    say(&format!("{}: pinning the certificate {text}", given.endpoint));
    let probe = json!({
        "endpoints": [given.endpoint], "fingerprint": fingerprint, "read": user, "write": user,
    });
    let seen = admin.post("/clusters/probe", &probe).await.accepted()?;
    if let Some(problem) = seen["problems"][0]["text"].as_str() {
        say(&format!("{}: {problem}", given.endpoint));
    }
    let may_write = seen["write"]["state"] == "ok";
    let mut body = json!({
        "endpoints": [given.endpoint], "fingerprint": fingerprint, "read": user,
        "console": { "enabled": true },
    });
    if may_write {
        body["write"] = user;
    }
    store(admin, &first_label(seen["cluster_name"].as_str().unwrap_or("cluster")), body).await
}

async fn store(admin: &Api, slug: &str, mut body: Value) -> anyhow::Result<()> {
    if body["console"]["vnc_password"].is_null() {
        body["console"].as_object_mut().context("a console")?.remove("vnc_password");
    }
    let path = format!("/clusters/{slug}");
    let known = admin.get(&path).await.status.is_success();
    let stored = if known {
        admin.patch(&path, &body).await.accepted()
    } else {
        body["slug"] = slug.into();
        admin.post("/clusters", &body).await.accepted()
    };
    let cluster = stored.with_context(|| format!("cluster {slug}"))?;
    let word = if known { "known" } else { "added" };
    let count = |what: &str| cluster[what].as_u64().unwrap_or_default();
    say(&format!(
        "Cluster {slug} {word}: {} nodes, {} instances",
        count("nodes_total"),
        count("instances_total")
    ));
    Ok(())
}

/// `fra1.example.org` → `fra1`, with only what a slug may hold.
fn first_label(name: &str) -> String {
    let label = name.split('.').next().unwrap_or(name).to_lowercase();
    let slug: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    slug.chars().take(40).collect()
}
