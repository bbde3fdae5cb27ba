//! What the suite runs against: the simulator always, real Ganeti where `GWM_LAB_RAPI` names it.

use gwm_rapi_sim::{Access, ClusterConfig, Sim, SimConfig, User};
use reqwest::Client;
use serde_json::{Value, json};

use crate::client::{Answer, send, trusting};
use crate::shape;

/// A RAPI under test.
pub(crate) struct Target {
    pub(crate) label: String,
    pub(crate) base: String,
    pub(crate) write: (String, String),
    pub(crate) domain: String,
    pub(crate) client: Client,
    /// Ganeti 3.1 or newer; the recordings are of 3.0.
    newer: bool,
    _sim: Option<Sim>,
}

fn lab_users() -> Vec<User> {
    [("webmgr", Access::Write), ("viewer", Access::Read), ("nobody", Access::None)]
        .map(|(name, access)| User {
            name: name.to_owned(),
            password: format!("{name}-secret"),
            access,
        })
        .into()
}

/// All targets: `GWM_LAB_RAPI="https://host:port,user,password;..."` adds real ones.
pub(crate) async fn targets() -> Vec<Target> {
    let config = ClusterConfig {
        name: "sim.test".to_owned(),
        users: lab_users(),
        console_patched: true,
        consoles: Some(false),
        ..ClusterConfig::default()
    };
    let sim = Sim::start(SimConfig { clusters: vec![config], admin: None }).await.unwrap();
    let base = sim.clusters()[0].url();
    let write = ("webmgr".to_owned(), "webmgr-secret".to_owned());
    let mut targets = vec![Target::new("simulator", base, write, Some(sim)).await];
    let lab = std::env::var("GWM_LAB_RAPI").unwrap_or_default();
    for entry in lab.split(';').filter(|entry| !entry.is_empty()) {
        let parts: Vec<&str> = entry.split(',').collect();
        let [url, user, password] = parts.as_slice() else { panic!("GWM_LAB_RAPI: {entry}") };
        let write = ((*user).to_owned(), (*password).to_owned());
        targets.push(Target::new(url, (*url).to_owned(), write, None).await);
    }
    targets
}

impl Target {
    async fn new(label: &str, base: String, write: (String, String), sim: Option<Sim>) -> Self {
        let mut target = Self {
            label: label.to_owned(),
            base,
            write,
            domain: String::new(),
            client: trusting(),
            newer: false,
            _sim: sim,
        };
        let info = target.get("/2/info").await;
        target.domain = info.body["name"].as_str().unwrap().to_owned();
        target.newer = info.body["software_version"].as_str().unwrap() >= "3.1";
        target
    }

    /// A recorded answer as this Ganeti would give it.
    pub(crate) fn recorded(&self, name: &str) -> Value {
        let mut answer = shape::recorded(name);
        if self.newer {
            shape::renew(&mut answer);
        }
        answer
    }

    /// Sends as the user who may write.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let (user, password) = (self.write.0.as_str(), self.write.1.as_str());
        send(&self.client, &self.base, method, path, Some((user, password)), body).await
    }

    /// Sends as somebody else, or as nobody.
    pub(crate) async fn send_as(&self, user: Option<&str>, method: &str, path: &str) -> Answer {
        let password = user.map(|user| format!("{user}-secret"));
        let auth = user.zip(password.as_deref());
        send(&self.client, &self.base, method, path, auth, None).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// A name for an instance of this test, unlike all others.
    pub(crate) fn fresh_name(&self, what: &str) -> String {
        format!("ct-{what}-{}.{}", std::process::id(), self.domain)
    }

    /// Submits and waits for the end; answers the ended job.
    pub(crate) async fn run(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.send(method, path, body).await;
        assert_eq!(answer.status, 200, "{}: {method} {path}: {:?}", self.label, answer.body);
        let id = answer.body.as_u64().expect("a submit answers the bare job number");
        self.wait(id).await
    }

    /// Waits for the end of a job by RAPI's own long poll.
    pub(crate) async fn wait(&self, id: u64) -> Value {
        let mut previous = Value::Null;
        loop {
            let body = json!({
                "fields": ["status"], "previous_job_info": previous, "previous_log_serial": null,
            });
            let answer = self.send("GET", &format!("/2/jobs/{id}/wait"), Some(&body)).await;
            assert_eq!(answer.status, 200, "{}: {:?}", self.label, answer.body);
            previous = answer.body["job_info"].clone();
            if matches!(previous[0].as_str(), Some("success" | "error" | "canceled")) {
                return self.get(&format!("/2/jobs/{id}")).await.body;
            }
        }
    }

    /// Creates a small instance with the fake hypervisor.
    pub(crate) async fn create(&self, name: &str, more: &Value) -> Value {
        let mut body = json!({
            "__version__": 1, "mode": "create", "instance_name": name, "disk_template": "diskless",
            "disks": [], "nics": [{}], "os_type": "noop+default", "hypervisor": "fake",
            "pnode": format!("node1.{}", self.domain), "ip_check": false, "name_check": false,
            "beparams": {"minmem": 64, "maxmem": 64, "vcpus": 1},
        });
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.run("POST", "/2/instances?reason=ct%3Acreate", Some(&body)).await
    }
}
