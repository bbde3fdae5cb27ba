//! Stories that a user would tell, faults, and rules of the whole: each on a stack of its own.
#![cfg(test)]
#![expect(clippy::print_stderr, reason = "tests say where they are; it shows when they fail")]

#[path = "suite/architecture.rs"]
mod architecture;
#[path = "suite/bootstrap.rs"]
mod bootstrap;
#[path = "suite/coverage/mod.rs"]
mod coverage;
#[path = "suite/faults.rs"]
mod faults;
#[path = "suite/faults_aged.rs"]
mod faults_aged;
#[path = "suite/faults_requests.rs"]
mod faults_requests;
#[path = "suite/plain_http.rs"]
mod plain_http;
#[path = "suite/rights_table.rs"]
mod rights_table;
#[path = "suite/shown.rs"]
mod shown;
#[path = "suite/stage.rs"]
mod stage;
#[path = "suite/story_access.rs"]
mod story_access;
#[path = "suite/story_api.rs"]
mod story_api;
#[path = "suite/story_bad_input.rs"]
mod story_bad_input;
#[path = "suite/story_groups.rs"]
mod story_groups;
#[path = "suite/story_keys.rs"]
mod story_keys;
#[path = "suite/story_moves.rs"]
mod story_moves;
#[path = "suite/story_objects.rs"]
mod story_objects;
#[path = "suite/story_oidc.rs"]
mod story_oidc;
#[path = "suite/story_operator.rs"]
mod story_operator;
#[path = "suite/story_owner.rs"]
mod story_owner;
#[path = "suite/story_owner_tags.rs"]
mod story_owner_tags;
#[path = "suite/story_people.rs"]
mod story_people;
#[path = "suite/story_personas.rs"]
mod story_personas;
#[path = "suite/story_placement.rs"]
mod story_placement;
#[path = "suite/story_quota.rs"]
mod story_quota;
#[path = "suite/story_selectors.rs"]
mod story_selectors;
#[path = "suite/story_sign_in.rs"]
mod story_sign_in;
#[path = "suite/trace.rs"]
mod trace;
