//! Believable clusters, made from a seed.

mod build;
mod demo;
mod history;

pub use build::build;
pub use demo::demo;
pub use history::history;
