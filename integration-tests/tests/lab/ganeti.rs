//! Ganeti's own command line, on the master nodes of the lab.

use std::process::Command;

use gwm_testkit::paths::{is_root, project_root};
use serde_json::Value;

/// Instances that these tests make are named so; what an earlier run left is removed first.
const OURS: &str = "lab-";

fn lab(arguments: &[&str]) -> Result<String, String> {
    let script = project_root().join("integration-tests/lab/lab.sh");
    let mut command = if is_root() {
        Command::new(script)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "--preserve-env"]).arg(script);
        sudo
    };
    let output = command.args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What the lab says of itself.
pub(crate) fn info() -> Value {
    let text = lab(&["info", "--json"]).unwrap_or_else(|error| panic!("{error}"));
    serde_json::from_str(&text).unwrap()
}

/// Ends a node as a power failure does.
pub(crate) fn kill(cluster: &str, node: &str) {
    let _said = lab(&["kill", cluster, node]).unwrap_or_else(|error| panic!("{error}"));
}

/// Gives it its power back.
pub(crate) fn start(cluster: &str, node: &str) {
    if let Err(error) = lab(&["start", cluster, node]) {
        eprintln!("node {node} of {cluster} stays down: {error}");
    }
}

/// Runs a command on a cluster's master node.
pub(crate) fn try_run(cluster: &str, arguments: &[&str]) -> Result<String, String> {
    lab(&[["node", cluster, "1", "env", "TZ=UTC"].as_slice(), arguments].concat())
}

/// The same for one that must succeed.
pub(crate) fn run(cluster: &str, arguments: &[&str]) -> String {
    try_run(cluster, arguments).unwrap_or_else(|error| panic!("{error}"))
}

/// The same, without keeping others from their work.
pub(crate) async fn run_beside(cluster: &'static str, arguments: &[&str]) -> String {
    let arguments: Vec<_> = arguments.iter().map(|&text| text.to_owned()).collect();
    let work = move || run(cluster, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// A table of Ganeti's (`gnt-instance`, `gnt-node`): rows of the given fields.
pub(crate) fn table(cluster: &str, tool: &str, fields: &str) -> Vec<Vec<String>> {
    let text = run(cluster, &[tool, "list", "--no-headers", "--separator=|", "-o", fields]);
    text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

/// Names of all instances.
pub(crate) fn instances(cluster: &str) -> Vec<String> {
    table(cluster, "gnt-instance", "name").into_iter().flatten().collect()
}

/// Removes whatever tests made here.
pub(crate) fn remove_ours(cluster: &str) {
    let Ok(listed) = try_run(cluster, &["gnt-instance", "list", "--no-headers", "-o", "name"])
    else {
        return;
    };
    for name in listed.lines().filter(|name| name.starts_with(OURS)) {
        let remove = ["gnt-instance", "remove", "--force", "--shutdown-timeout=0", name];
        if let Err(error) = try_run(cluster, &remove) {
            eprintln!("{name} stays: {error}");
        }
    }
}

/// Ganeti's jobs that gwm asked for, archived ones too: number and opcodes with their reasons.
pub(crate) fn ops(cluster: &str) -> Vec<String> {
    let list = ["gnt-job", "list", "--archived", "--no-headers", "--separator=|", "-o", "id,ops"];
    let ours = |line: &&str| line.contains("'gwm:op=");
    run(cluster, &list).lines().filter(ours).map(str::to_owned).collect()
}

/// Those whose reason names this job of gwm.
pub(crate) fn jobs_of(cluster: &str, job: &str) -> Vec<String> {
    let reason = format!(";job={job}'");
    ops(cluster).into_iter().filter(|line| line.contains(&reason)).collect()
}

/// A job of gwm's became one Ganeti job, the one that it shows: never two, never none.
pub(crate) fn has_one_of(cluster: &str, job: &Value) {
    let found = jobs_of(cluster, job["id"].as_str().unwrap());
    assert_eq!(found.len(), 1, "Ganeti jobs of {job:#}: {found:#?}");
    let number = found[0].split('|').next().unwrap().parse::<u64>().unwrap();
    assert_eq!(job["ganeti_jobs"], serde_json::json!([number]), "{job:#}");
}
