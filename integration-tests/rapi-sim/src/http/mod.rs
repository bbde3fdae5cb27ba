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

pub use connection::serve;
pub use console::describe as console_of;
pub use reply::Reply;
pub use request::{Request, parse_query};
