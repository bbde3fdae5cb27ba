//! Who may depend on whom, by what cargo says and by the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use gwm_testkit::paths::project_root;
use serde_json::Value;

const SERVICES: [&str; 5] =
    ["gwm-auth", "gwm-cache-updater", "gwm-job-runner", "gwm-vnc-proxy", "gwm-web-gateway"];

/// Normal dependencies of each of our crates, by name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(project_root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let normal = package["dependencies"].as_array().unwrap().iter();
            let normal = normal.filter(|dependency| dependency["kind"] != "dev");
            (text(&package["name"]), normal.map(|d| text(&d["name"])).collect())
        })
        .collect()
}

fn ours(all: &BTreeSet<String>) -> BTreeSet<&str> {
    all.iter().map(String::as_str).filter(|name| name.starts_with("gwm-")).collect()
}

#[test]
fn libraries_depend_only_on_those_below_them() {
    let all = dependencies();
    let allowed: [(&str, &[&str]); 12] = [
        ("gwm-types", &[]),
        ("gwm-proto", &[]),
        ("gwm-kernel", &["gwm-proto"]),
        ("gwm-rapi", &["gwm-types"]),
        ("gwm-pg", &["gwm-kernel", "gwm-types"]),
        ("gwm-events", &["gwm-kernel", "gwm-types", "gwm-proto", "gwm-pg"]),
        ("gwm-authz", &["gwm-kernel", "gwm-types", "gwm-proto"]),
        ("gwm-query", &["gwm-kernel", "gwm-types", "gwm-proto", "gwm-pg"]),
        ("gwm-rapi-sim", &[]),
        ("gwm-testkit", &[]),
        ("gwm-integration-tests", &["gwm-events", "gwm-rapi-sim", "gwm-testkit"]),
        // Measures the code that a poll runs and that decides, so it needs both in its own process.
        (
            "gwm-bench",
            &[
                "gwm-authz",
                "gwm-cache-updater",
                "gwm-integration-tests",
                "gwm-proto",
                "gwm-rapi",
                "gwm-rapi-sim",
                "gwm-testkit",
                "gwm-types",
            ],
        ),
    ];
    for (name, allowed) in allowed {
        let found = ours(&all[name]);
        let more: Vec<_> = found.iter().filter(|d| !allowed.contains(d)).collect();
        assert!(more.is_empty(), "{name} depends on {more:?}");
    }
}

#[test]
fn only_the_bench_links_a_service() {
    for (name, found) in dependencies() {
        let linked: Vec<_> = SERVICES.into_iter().filter(|s| found.contains(*s)).collect();
        let expected: &[&str] = if name == "gwm-bench" { &["gwm-cache-updater"] } else { &[] };
        assert_eq!(linked, expected, "{name}");
    }
}

#[test]
fn no_service_depends_on_a_service_and_only_two_talk_to_ganeti() {
    let all = dependencies();
    for service in SERVICES {
        let found = ours(&all[service]);
        for other in SERVICES {
            assert!(!found.contains(other), "{service} depends on {other}");
        }
        for test_code in ["gwm-testkit", "gwm-rapi-sim", "gwm-integration-tests", "gwm-bench"] {
            assert!(!found.contains(test_code), "{service} is built with {test_code}");
        }
        let talks = ["gwm-cache-updater", "gwm-job-runner"].contains(&service);
        assert_eq!(found.contains("gwm-rapi"), talks, "{service} and the RAPI client");
    }
    for stateless in ["gwm-web-gateway", "gwm-vnc-proxy"] {
        for database in ["sqlx", "gwm-pg"] {
            assert!(!all[stateless].contains(database), "{stateless} has {database}");
        }
    }
}

#[test]
fn the_bus_and_the_database_have_one_door_each() {
    let all = dependencies();
    for (name, found) in &all {
        let is_service_or_lib =
            !["gwm-integration-tests", "gwm-testkit", "gwm-bench"].contains(&name.as_str());
        if found.contains("async-nats") {
            // The integration tests are an integrator too: with a client of their own.
            assert!(
                name == "gwm-events" || name == "gwm-integration-tests",
                "{name} has async-nats"
            );
        }
        if is_service_or_lib && found.contains("sqlx") {
            let may = ["gwm-pg", "gwm-events", "gwm-query"].contains(&name.as_str())
                || SERVICES[..3].contains(&name.as_str());
            assert!(may, "{name} has sqlx");
        }
    }
    // Within a service, SQL is in its store.
    for service in ["auth", "cache-updater", "job-runner"] {
        for file in sources(&project_root().join("services").join(service).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            let in_store = file.components().any(|part| part.as_os_str() == "store");
            let queries = text.contains("sqlx::query") || text.contains("query_as");
            assert!(in_store || !queries, "{} has SQL outside the store", file.display());
        }
    }
}

#[test]
fn domains_know_no_runtime_no_wire_and_no_database() {
    for service in ["auth", "cache-updater", "job-runner"] {
        for file in sources(&project_root().join("services").join(service).join("src/domain")) {
            // That a row can be read into a type is a property of the type; no query is in sight.
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.replace("use sqlx::FromRow;", "").replace("use sqlx::types::Json;", "");
            for word in ["use tokio", "use tonic", "use sqlx", "async_nats", "tokio::", "tonic::"] {
                assert!(!text.contains(word), "{}: {word}", file.display());
            }
        }
    }
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
