//! The first list in Chromium, with nothing in its cache.

use anyhow::Context as _;
use gwm_integration_tests::Api;
use serde_json::Value;
use tokio::process::Command;

use crate::report::Report;

pub(crate) async fn run(report: &mut Report, admin: &Api) -> anyhow::Result<()> {
    let assets = gwm_testkit::paths::project_root().join("services/web-gateway/assets");
    let ended = Command::new("node")
        .args(["test/first_list.mjs", admin.base(), "/instances"])
        .env("COOKIE", admin.cookie().context("she is signed in")?)
        .current_dir(assets)
        .output()
        .await?;
    let complaint = String::from_utf8_lossy(&ended.stderr);
    anyhow::ensure!(ended.status.success(), "first_list.mjs: {complaint}");
    let found: Value = serde_json::from_slice(&ended.stdout)?;
    let figure = |name: &str| found[name].as_f64().with_context(|| format!("{name} in {found}"));
    let (kb, seconds, sort) = (figure("kb")?, figure("seconds")?, figure("sort_ms")?);
    let what = "first list in Chromium, cold: transferred";
    report.limit(what, format!("{kb:.0} kB"), "<= 100 kB", kb <= 100.0);
    let what = "first list in Chromium, cold: loaded";
    report.limit(what, format!("{seconds:.2} s"), "<= 0.5 s", seconds <= 0.5);
    report.limit(
        "list in another order, in Chromium",
        format!("{sort:.0} ms"),
        "<= 100 ms",
        sort <= 100.0,
    );
    Ok(())
}
