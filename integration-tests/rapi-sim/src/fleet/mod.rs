//! Believable clusters, made from a seed.

mod build;
mod demo;
mod history;

pub(crate) use build::build;
pub use demo::demo;
pub(crate) use history::history;
