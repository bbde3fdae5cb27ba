//! What instances have in common decides who may do what, so whatever changes that is listed, with what keeps people from
//! giving themselves rights by it. A route, a form or an RPC that is new is missing in the list until somebody has said.

use std::collections::BTreeMap;
use std::path::Path;

use gwm_testkit::paths::project_root;
use serde_json::Value;

/// RPCs that begin so change nothing.
const READS: [&str; 8] =
    ["Get", "List", "Complete", "Search", "Explain", "Check", "BatchCheck", "Watch"];
const WORDS: [&str; 5] = ["nothing", "rights", "moves", "makes", "services"];

fn here(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/coverage");
    std::fs::read_to_string(root.join(file)).unwrap()
}

/// The list: what can be asked for, and its word.
pub(crate) fn listed() -> BTreeMap<String, String> {
    let text = here("moves.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (what, word) = line.rsplit_once(": ").unwrap();
            assert!(WORDS.contains(&word), "{line}");
            (what.to_owned(), word.to_owned())
        })
        .collect()
}

fn routes() -> Vec<String> {
    let document = project_root().join("services/web-gateway/openapi.json");
    let document: Value =
        serde_json::from_str(&std::fs::read_to_string(document).unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys().map(|m| m.to_uppercase());
            methods.filter(|m| m != "GET").map(move |method| format!("{method} {path}"))
        })
        .collect()
}

fn forms() -> Vec<String> {
    let table = project_root().join("services/web-gateway/src/http/pages/mod.rs");
    let table = std::fs::read_to_string(table).unwrap();
    let routes = table.split(".route(").skip(1);
    let posts = routes.filter(|route| {
        let route = route.split("\n        .").next().unwrap_or(route);
        route.contains("post(")
    });
    posts
        .map(|route| format!("FORM {}", route.split(',').next().unwrap().trim().trim_matches('"')))
        .collect()
}

fn rpcs() -> Vec<String> {
    let table = here("rpcs.txt");
    let names = table.lines().filter(|l| l.starts_with('/')).map(|l| l.split(':').next().unwrap());
    let changes = |name: &&str| {
        let verb = name.rsplit('/').next().unwrap();
        !READS.iter().any(|read| verb.starts_with(read))
    };
    names.filter(changes).map(|name| format!("RPC {name}")).collect()
}

#[test]
fn of_all_that_changes_something_it_is_said_whether_rights_may_depend_on_it() {
    let listed = listed();
    let there: Vec<String> = [routes(), forms(), rpcs()].concat();
    assert!(there.len() > 150, "{}", there.len());
    let missing: Vec<_> = there.iter().filter(|what| !listed.contains_key(*what)).collect();
    assert!(
        missing.is_empty(),
        "say in coverage/moves.txt what becomes of rights by {missing:#?}, and let story_moves.rs ask for it"
    );
    let gone: Vec<_> = listed.keys().filter(|what| !there.contains(what)).collect();
    assert!(gone.is_empty(), "not there any more: {gone:#?}");
}
