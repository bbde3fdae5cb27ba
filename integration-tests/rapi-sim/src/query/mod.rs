//! `/2/query`: chosen fields, filtered.

mod answer;
mod cell;
mod filter;

pub use answer::{answer, definitions};
pub use filter::Filter;
