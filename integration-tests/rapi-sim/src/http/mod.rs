//! RAPI over HTTP: one request per connection, Ganeti's own error bodies.

mod auth;
mod connection;
mod console;
mod jobs;
mod reads;
mod reply;
mod request;
mod resources;
mod route;
mod submit;
mod validate;

pub(crate) use connection::serve;
pub(crate) use console::describe as console_of;
pub(crate) use reply::Reply;
pub(crate) use request::{Request, parse_query};
