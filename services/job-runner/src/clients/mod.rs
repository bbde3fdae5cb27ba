//! Narrow adapters to the other services.

mod auth;
mod cache;

pub(crate) use auth::{Auth, Released, Reservation, Settlement};
pub(crate) use cache::{Cache, ClusterState, Found, Looked, Target};
