//! The pages in a real Chromium: what people do, and what each page must be for everybody.
#![cfg(test)]

#[path = "browser/accessible.rs"]
mod accessible;
#[path = "browser/add_cluster.rs"]
mod add_cluster;
#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/edit_cluster.rs"]
mod edit_cluster;
#[path = "browser/finding.rs"]
mod finding;
#[path = "browser/keyboard.rs"]
mod keyboard;
#[path = "browser/login_ended.rs"]
mod login_ended;
#[path = "browser/look.rs"]
mod look;
#[path = "browser/main_job.rs"]
mod main_job;
#[path = "browser/newcomer.rs"]
mod newcomer;
#[path = "browser/scriptless.rs"]
mod scriptless;
#[path = "browser/set.rs"]
mod set;
