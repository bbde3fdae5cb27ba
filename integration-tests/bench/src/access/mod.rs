//! Decisions: in process and over gRPC, how soon a right is gone, and who waits while others sign in. Among 1,000 users,
//! 100 groups and 200,000 grants on 100,000 instances.

mod grpc;
mod logins;
mod peers;
mod process;
mod revoked;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use gwm_integration_tests::{Api, Options, Part, Stack};
use gwm_rapi_sim::{ClusterConfig, Sim, SimConfig};
use serde_json::json;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::report::Report;

/// A login in the stack.
const PASSWORD: &str = "a password for benches";

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    process::run(report).await?;
    let cluster =
        ClusterConfig { name: "fra1.example.org".to_owned(), instances: 20, ..Default::default() };
    let sim = Sim::start(SimConfig { clusters: vec![cluster], admin: None }).await?;
    let mut stack = Stack::start(Options::test("bench-access")).await?;
    let admin = stack.admin().await?;
    stack.add_sim(&admin, "fra1", sim.cluster("fra1.example.org")).await?;
    seed(&stack).await?;
    start(report, &mut stack).await?;
    let instance = instance(&admin).await?;
    grpc::run(report, &stack).await?;
    revoked::run(report, &stack, &admin, &instance).await?;
    logins::run(report, &stack, &admin, &instance).await?;
    drop(stack);
    sim.stop().await;
    Ok(())
}

/// auth begins with all of that.
async fn start(report: &mut Report, stack: &mut Stack) -> anyhow::Result<()> {
    stack.kill(Part::Auth, 0).await?;
    let started = Instant::now();
    stack.restart(Part::Auth, 0).await?;
    let took = started.elapsed().as_secs_f64();
    report.limit("auth, start to ready", format!("{took:.2} s"), "<= 2 s", took <= 2.0);
    Ok(())
}

/// The name of an instance, as soon as there is one.
async fn instance(admin: &Api) -> anyhow::Result<String> {
    for _ in 0..300 {
        let page = admin.get("/instances?limit=1").await.accepted()?;
        if let Some(name) = page["items"][0]["name"].as_str() {
            return Ok(name.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("no instance shows up")
}

/// Somebody who can sign in.
async fn user(admin: &Api, name: &str) -> anyhow::Result<()> {
    let body = json!({ "username": name, "password": PASSWORD });
    admin.post("/users", &body).await.accepted().map(drop)
}

/// People, groups and grants as a large installation has them, written into auth's own tables.
async fn seed(stack: &Stack) -> anyhow::Result<()> {
    let mut database = PgConnection::connect(&stack.database_url(Part::Auth)?).await?;
    let statements = [
        "insert into app_user (user_id, username, password_hash)
             select md5('u' || n)::uuid, 'seed' || n, '' from generate_series(0, 999) n",
        "insert into persona_group (group_id, name)
             select md5('g' || n)::uuid, 'seed' || n from generate_series(0, 99) n",
        "insert into group_member (group_id, user_id)
             select md5('g' || n % 100)::uuid, md5('u' || n)::uuid from generate_series(0, 999) n",
        // Two for each of 100,000 instances, on 200 clusters; each tenth is a group's.
        "insert into permission_grant (grant_id, persona_kind, persona_id, role, cluster_id, instance_uuid)
             select gen_random_uuid(), case when n % 10 = 0 then 'group' else 'user' end,
                 case when n % 10 = 0 then md5('g' || (n / 10 + n / 100000 * 7) % 100)::uuid
                      else md5('u' || (n + n / 100000 * 7) % 1000)::uuid end,
                 case when n % 3 = 0 then 'view' else 'user' end,
                 md5('c' || n % 200)::uuid, md5('i' || n % 100000)::uuid
             from generate_series(0, 199999) n",
        "analyze",
        // A number that the log of changes knows nothing of: all is read anew.
        "update access_revision set value = value + 1",
    ];
    for sql in statements {
        sqlx::query(sql).execute(&mut database).await.context("seed")?;
    }
    Ok(())
}
