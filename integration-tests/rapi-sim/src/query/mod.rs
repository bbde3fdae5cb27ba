//! `/2/query`: chosen fields, filtered.

mod answer;
mod cell;
mod filter;

pub(crate) use answer::{answer, definitions};
pub(crate) use filter::Filter;
