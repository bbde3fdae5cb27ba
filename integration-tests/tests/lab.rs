//! Stories on real Ganeti: the clusters that `make lab-up` builds. They run with `LAB=1` and with
//! `CI=true`; otherwise each says that it was left out.
#![expect(clippy::print_stderr, reason = "tests say where they are; it shows when they fail")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

#[path = "lab/acts.rs"]
mod acts;
#[path = "lab/adoption.rs"]
mod adoption;
#[path = "lab/bad_input.rs"]
mod bad_input;
#[path = "browser/driver.rs"]
#[expect(dead_code, reason = "the tests of pages need more of it")]
mod driver;
#[path = "lab/fields.rs"]
mod fields;
#[path = "lab/ganeti.rs"]
mod ganeti;
#[path = "lab/hook.rs"]
mod hook;
#[path = "lab/kills.rs"]
mod kills;
#[path = "lab/objects.rs"]
mod objects;
#[path = "lab/outages.rs"]
mod outages;
#[path = "lab/owner_tags.rs"]
mod owner_tags;
#[path = "lab/replicas.rs"]
mod replicas;
#[path = "lab/stage.rs"]
mod stage;
#[path = "lab/story.rs"]
mod story;
#[path = "lab/told.rs"]
mod told;
#[path = "lab/witness.rs"]
mod witness;
