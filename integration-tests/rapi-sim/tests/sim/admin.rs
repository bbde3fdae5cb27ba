use std::net::{Ipv4Addr, SocketAddr};

use gwm_rapi_sim::{ClusterConfig, Sim, SimConfig};
use serde_json::{Value, json};

use crate::ask;

#[tokio::test]
async fn the_admin_endpoint_disturbs_and_tells() {
    let config = ClusterConfig { name: "sim.test".to_owned(), ..ClusterConfig::default() };
    let admin = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let sim = Sim::start(SimConfig { clusters: vec![config], admin }).await.unwrap();
    let base = format!("http://{}", sim.admin().unwrap());
    let http = crate::trusting();
    let post = async |path: &str, body: Value| {
        let response =
            http.post(format!("{base}{path}")).body(body.to_string()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let get = async |path: &str| -> Value {
        let text = http.get(format!("{base}{path}")).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let c = &sim.clusters()[0];
    assert_eq!(get("/clusters").await[0]["fingerprint"], json!(c.fingerprint()));
    let rule =
        json!({"kind": "status", "status": 500, "message": "x", "path": "/2/info", "times": 1});
    assert_eq!(post("/sim.test/faults", rule).await.0, 200);
    assert_eq!(ask(c, "GET", "/2/info", None).await.status, 500);
    assert_eq!(ask(c, "GET", "/2/info", None).await.status, 200);
    assert_eq!(get("/sim.test/requests").await.as_array().unwrap().len(), 2);
    let name = c.look(|c| {
        let running = c.instances.values().find(|i| c.status(i) == "running");
        running.unwrap().name.clone()
    });
    let (status, job) =
        post("/sim.test/outside", json!({"change": "stop", "instance": name})).await;
    assert_eq!(status, 200, "{job}");
    assert_eq!(get(&format!("/sim.test/jobs/{job}")).await["status"], "success");
    assert_eq!(get("/sim.test/jobs?reason=shutdown").await[0]["id"].to_string(), job);
    assert_eq!(post("/sim.test/settings", json!({"refuse": true})).await.0, 200);
    assert_eq!(post("/sim.test/settings", json!({"refuse": false})).await.0, 200);
    assert_eq!(ask(c, "GET", "/version", None).await.status, 200);
    assert_eq!(post("/sim.test/outside", json!({"change": "nonsense"})).await.0, 400);
    assert_eq!(post("/nosuch/faults", json!({})).await.0, 400);
    sim.stop().await;
}
