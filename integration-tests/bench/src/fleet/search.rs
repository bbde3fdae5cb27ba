//! Search as one types: each key a request, with what names, UUIDs and addresses begin with.

use anyhow::Context as _;
use gwm_integration_tests::Api;
use reqwest::Method;

use crate::report::{Report, Times};

/// How many objects are looked for.
const LOOKED_FOR: usize = 20;

pub(crate) async fn run(report: &mut Report, admin: &Api) -> anyhow::Result<()> {
    let path = format!("/instances?limit={LOOKED_FOR}&sort=-memory");
    let page = admin.get(&path).await.accepted()?;
    let found = page["items"].as_array().context("a page has items")?;
    let mut words: Vec<String> = Vec::new();
    for instance in found {
        let nic = &instance["nics"][0];
        for value in [&instance["name"], &instance["uuid"], &nic["mac"], &nic["ip"]] {
            words.extend(value.as_str().map(str::to_owned));
        }
    }
    anyhow::ensure!(words.len() >= 2 * LOOKED_FOR, "{words:?}");
    let (mut all, mut slowest) = (Times::default(), (0.0, String::new()));
    for word in &words {
        for end in 2..=word.len().min(12) {
            let typed = word.get(..end).context("names are ASCII")?;
            let mut one = Times::default();
            let request = admin.request(Method::GET, "/search").query(&[("q", typed)]);
            one.round(async { request.send().await?.error_for_status()?.bytes().await }).await?;
            let took = one.percentile(50);
            if took > slowest.0 {
                slowest = (took, typed.to_owned());
            }
            all.add(one.median());
        }
    }
    let (p50, p99) = (all.percentile(50), all.percentile(99));
    let ours = format!("p50 {:.1} ms, p99 {:.1} ms", p50 * 1e3, p99 * 1e3);
    report.limit("search as one types, of 100,000", ours, "p50 <= 25 ms", p50 <= 0.025);
    report.note(format!("the slowest search, {:.1} ms: {:?}", slowest.0 * 1e3, slowest.1));
    Ok(())
}
