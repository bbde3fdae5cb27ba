//! A stack with the lab's two clusters, added as a person would.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gwm_integration_tests::{Api, Console, Integrator, Options, Part, Stack, open_console};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::ganeti;

/// Ganeti's jobs take seconds, and the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Both clusters' short names, which are the lab's names too.
pub(crate) const CLUSTERS: [&str; 2] = ["alpha", "beta"];

/// The lab is one: the tests of a process take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// A stack with the lab's two clusters.
pub(crate) struct Stage {
    pub(crate) admin: Api,
    pub(crate) events: Integrator,
    pub(crate) stack: Stack,
    asked: AtomicU64,
    _turn: MutexGuard<'static, ()>,
}

/// Whether real Ganeti is to be used; says so if not.
pub(crate) fn wanted() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|text| text == value);
    let wanted = is("LAB", "1") || is("CI", "true");
    if !wanted {
        eprintln!("left out: real Ganeti is used with LAB=1");
    }
    wanted
}

impl Stage {
    /// Starts so many of each service and adds both clusters: a look at the certificate, a test, the add.
    pub(crate) async fn start(name: &str, replicas: usize) -> Self {
        let turn = TURN.lock().await;
        CLUSTERS.iter().for_each(|cluster| ganeti::remove_ours(cluster));
        // A submission may take as long as Ganeti on a busy machine does; what became of one that a
        // killed process had begun is known sooner than the 200 s of Ganeti's own time-outs, since
        // nothing here keeps a request that long.
        let jobs = json!({
            "ganeti": { "send_deadline": "5s", "rapi_unknown_wait": "15s" },
            "lease": { "duration": "7s" },
        });
        let options = Options::test(name).replicas(replicas).with(Part::JobRunner, jobs);
        let stack = Stack::start(options).await.unwrap_or_else(|error| panic!("{error:#}"));
        let events = stack.integrator().await.unwrap();
        // Ready is not yet having found the others, above all where there are two of each.
        let admin = wait_for("the login", PATIENCE, async || {
            stack.admin().await.map_err(|error| format!("{error:#}"))
        })
        .await;
        for cluster in ganeti::info()["clusters"].as_array().unwrap() {
            add(&admin, cluster).await;
        }
        Self { admin, events, stack, asked: AtomicU64::new(0), _turn: turn }
    }

    /// Opens a console as the browser does.
    pub(crate) async fn console(&self, cluster: &str, instance: &str) -> anyhow::Result<Console> {
        let body = json!({ "cluster": cluster, "instance": instance, "kind": "vnc" });
        let pass = self.admin.post("/consoles", &body).await.accepted()?;
        let text = |field: &str| pass[field].as_str().unwrap_or_default().to_owned();
        open_console(&text("websocket_url"), &text("ticket"), &self.stack.url()).await
    }

    /// Sends what makes a job; yields the job. Where one of two may have died, it is sent until it is
    /// answered: with one key for all tries, since a lost answer must not make a second job.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let key = format!("lab-{}", self.asked.fetch_add(1, Ordering::Relaxed));
        let request = self.admin.request(method, path).header("idempotency-key", key);
        let request = if body.is_null() { request } else { request.json(body) };
        wait_for("the job to be accepted", PATIENCE, async || {
            let again = request.try_clone().expect("a body of JSON can be sent again");
            let answer = self.admin.send(again).await;
            if self.stack.replicas() > 1 && [503, 599].contains(&answer.status.as_u16()) {
                return Err(answer.text);
            }
            Ok(answer.expect_status(202).ok())
        })
        .await
    }

    /// The same, and waits until it has succeeded.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let job = self.ask(Method::POST, path, body).await;
        succeeded(&self.admin, &job).await
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        CLUSTERS.iter().for_each(|cluster| ganeti::remove_ours(cluster));
    }
}

async fn add(admin: &Api, cluster: &Value) {
    let slug = cluster["name"].as_str().unwrap();
    let first = admin.post("/clusters/probe", &json!({ "endpoints": [cluster["rapi"]] })).await;
    let shown = first.ok()["fingerprint"].clone();
    assert_eq!(plain(&shown), plain(&cluster["fingerprint"]), "the certificate of {slug}");
    let mut body = json!({
        "endpoints": [cluster["rapi"]], "fingerprint": shown,
        "read": cluster["read"], "write": cluster["write"],
    });
    let tested = admin.post("/clusters/probe", &body).await.ok();
    assert_eq!(tested["problems"], json!([]), "{tested:#}");
    for access in ["read", "write"] {
        assert_eq!(tested[access]["state"], "ok", "{tested:#}");
    }
    assert!(tested["ganeti_version"].as_str().unwrap().starts_with("3."), "{tested:#}");
    let count = |tool| ganeti::table(slug, tool, "name").len();
    assert_eq!(tested["nodes"], count("gnt-node"));
    assert_eq!(tested["instances"], count("gnt-instance"));
    body["slug"] = slug.into();
    body["console"] = json!({ "enabled": true });
    if let Some(password) = cluster["vnc_password"].as_str() {
        body["console"]["vnc_password"] = password.into();
    }
    let _added = admin.post("/clusters", &body).await.expect_status(201);
}

/// A fingerprint without its colons.
pub(crate) fn plain(fingerprint: &Value) -> String {
    fingerprint.as_str().unwrap_or_default().replace(':', "").to_lowercase()
}

/// Asks until the answer is as wanted.
pub(crate) async fn eventually(
    what: &str,
    api: &Api,
    path: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    wait_for(what, PATIENCE, async || {
        let answer = api.get(path).await;
        assert_ne!(answer.status, 401, "the login is lost: {}", answer.text);
        let seen = answer.accepted().map_err(|error| error.to_string())?;
        if wanted(&seen) { Ok(seen) } else { Err(seen.to_string()) }
    })
    .await
}

/// The job, once it has ended.
pub(crate) async fn ended(api: &Api, job: &Value) -> Value {
    let path = format!("/jobs/{}", job["id"].as_str().expect("a job has an id"));
    let over = |job: &Value| {
        let state = job["state"].as_str().unwrap_or_default();
        ["succeeded", "failed", "canceled"].contains(&state)
    };
    eventually("the job to end", api, &path, over).await
}

/// The same, for one that must succeed.
pub(crate) async fn succeeded(api: &Api, job: &Value) -> Value {
    let job = ended(api, job).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    job
}
