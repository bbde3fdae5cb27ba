//! A stack with simulated clusters, and what stories need again and again.

use std::fmt::Display;
use std::time::Duration;

use gwm_integration_tests::{Api, Console, Integrator, Options, Stack, open_console};
use gwm_rapi_sim::{ClusterConfig, Sim, SimCluster, SimConfig};
use gwm_testkit::wait_for;
use serde_json::{Value, json};

/// Generous: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A stack with simulated clusters, added to it.
pub(crate) struct Stage {
    pub(crate) admin: Api,
    pub(crate) events: Integrator,
    pub(crate) stack: Stack,
    pub(crate) sim: Sim,
}

/// Small clusters with consoles; the first one's console call is mended, as on some installations.
pub(crate) async fn simulate(names: &[&str]) -> Sim {
    let cluster = |(seed, name): (u64, &&str)| ClusterConfig {
        name: format!("{name}.example.org"),
        seed: seed + 11,
        instances: 8,
        console_patched: seed == 0,
        consoles: Some(true),
        ..ClusterConfig::default()
    };
    let clusters = (0..).zip(names).map(cluster).collect();
    Sim::start(SimConfig { clusters, admin: None }).await.unwrap()
}

impl Stage {
    /// Starts all of it.
    pub(crate) async fn start(options: Options, clusters: &[&str]) -> Self {
        Self::around(simulate(clusters).await, options, clusters).await
    }

    /// The same around clusters that were changed before anybody saw them.
    pub(crate) async fn around(sim: Sim, options: Options, clusters: &[&str]) -> Self {
        let stack = Stack::start(options).await.unwrap_or_else(|error| panic!("{error:#}"));
        let events = stack.integrator().await.unwrap();
        let admin = stack.admin().await.unwrap();
        for name in clusters {
            let cluster = sim.cluster(&format!("{name}.example.org"));
            stack.add_sim(&admin, name, cluster).await.unwrap();
        }
        Self { admin, events, stack, sim }
    }

    /// A simulated cluster by its slug.
    pub(crate) fn cluster(&self, slug: &str) -> &SimCluster {
        self.sim.cluster(&format!("{slug}.example.org"))
    }

    /// The name of a running instance.
    pub(crate) fn running(&self, slug: &str) -> String {
        self.instance_that(slug, "running")
    }

    /// The name of a stopped one.
    pub(crate) fn stopped(&self, slug: &str) -> String {
        self.instance_that(slug, "ADMIN_down")
    }

    fn instance_that(&self, slug: &str, status: &str) -> String {
        self.cluster(slug)
            .look(|c| c.instances.values().find(|i| c.status(i) == status).map(|i| i.name.clone()))
            .unwrap_or_else(|| panic!("no instance of {slug} is {status}"))
    }

    /// A user with a password, signed in.
    pub(crate) async fn user(&self, name: &str) -> Api {
        let password = "a password for tests";
        let body = json!({ "username": name, "password": password });
        let _created = self.admin.post("/users", &body).await.ok();
        self.stack.anonymous().login(name, password).await.unwrap()
    }

    /// Opens a console as the browser does, again where the answer asks for that: a part that has just
    /// started may still be finding the others.
    pub(crate) async fn console(&self, api: &Api, slug: &str, instance: &str) -> Console {
        wait_for("a console to open", PATIENCE, async || {
            let pass = pass(api, slug, instance).await;
            match open(&pass, &self.stack.url()).await {
                Ok(console) => Ok(console),
                Err(error) => {
                    let text = format!("{error:#}");
                    let not_yet = text.contains("try again") || text.contains("503");
                    assert!(not_yet, "console: {text}");
                    Err(text)
                }
            }
        })
        .await
    }
}

/// A ticket for a console.
pub(crate) async fn pass(api: &Api, slug: &str, instance: &str) -> Value {
    let body = json!({ "cluster": slug, "instance": instance, "kind": "vnc" });
    api.post("/consoles", &body).await.expect_status(201).ok()
}

/// Opens the console that a ticket is for.
pub(crate) async fn open(pass: &Value, origin: &str) -> anyhow::Result<Console> {
    let text = |field: &str| pass[field].as_str().unwrap_or_default().to_owned();
    open_console(&text("websocket_url"), &text("ticket"), origin).await
}

/// Two pictures that differ: the screen moves.
pub(crate) async fn moving_picture(console: &mut Console) {
    let first = console.vnc.frame().await.unwrap();
    assert!(first.colours() > 1, "the screen is blank");
    wait_for("the picture to move", PATIENCE, async || {
        let next = console.vnc.frame().await.map_err(|error| error.to_string())?;
        if next.differing(&first) > 0 { Ok(()) } else { Err("the same picture".to_owned()) }
    })
    .await;
}

/// Asks until the answer is as wanted.
pub(crate) async fn eventually<E: Display>(
    what: &str,
    api: &Api,
    path: &str,
    check: impl Fn(&Value) -> Result<(), E>,
) -> Value {
    wait_for(what, PATIENCE, async || {
        let answer = api.get(path).await;
        let value = answer.clone().accepted().map_err(|error| error.to_string())?;
        check(&value).map_err(|error| error.to_string())?;
        Ok::<_, String>(value)
    })
    .await
}

/// What an action answered, once the job that it made has ended.
pub(crate) async fn ended(api: &Api, job: &Value) -> Value {
    let path = format!("/jobs/{}", job["id"].as_str().expect("a job has an id"));
    eventually("the job to end", api, &path, |job| {
        let state = job["state"].as_str().unwrap_or_default();
        let over = ["succeeded", "failed", "canceled"].contains(&state);
        if over { Ok(()) } else { Err(job.to_string()) }
    })
    .await
}

/// The same, for one that must succeed.
pub(crate) async fn succeeded(api: &Api, job: &Value) -> Value {
    let job = ended(api, job).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    job
}

/// Types of the events about one object, in the order of arrival, with their sequences.
pub(crate) fn story_of(events: &[(String, Value)], class: &str, id: &str) -> Vec<(String, u64)> {
    let subject_of = |subject: &str| {
        let parts: Vec<_> = subject.split('.').collect();
        parts.get(2) == Some(&class) && parts.get(5) == Some(&id)
    };
    let ours = events.iter().filter(|(subject, _)| subject_of(subject));
    ours.map(|(subject, event)| {
        let sequence = event["sequence"].as_str().unwrap_or_default().parse().unwrap_or_default();
        (subject.rsplit('.').next().unwrap_or_default().to_owned(), sequence)
    })
    .collect()
}
