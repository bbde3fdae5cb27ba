//! One HTTP exchange with RAPI: one connection, one request, one bounded answer.

mod answer;
mod exchange;
mod guard;
mod path;
mod resolver;

pub(crate) use exchange::{Answer, Call, Timing, exchange};
pub(crate) use path::{path_of, query_string};
pub(crate) use resolver::ResolveError;
