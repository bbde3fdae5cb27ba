//! `/2/query`: chosen fields, filtered.

mod answer;
mod cell;
mod filter;
mod python;

pub(crate) use answer::{answer, definitions, unknown_entity};
pub(crate) use filter::Filter;
