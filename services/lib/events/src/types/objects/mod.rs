//! What each object is called, and a full one of each for the examples.

mod inventory;
mod people;

use chrono::{DateTime, TimeZone, Utc};

const INSTANCE_UUID: &str = "8a8f1c2e-5c1b-4d3c-9d7e-2f4f0a9b6c11";
const NODE_UUID: &str = "c7a4c4c7-3e0a-4a4e-8f63-1d1fb6d0c9aa";
const USER_ID: &str = "019309a4-0000-7000-8000-00000000a001";
const CLUSTER_ID: &str = "019309a4-0000-7000-8000-00000000c001";

/// The moment at which all examples happen.
pub(crate) fn example_time() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 2, 9, 30, 0).single().expect("a time that exists")
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}
