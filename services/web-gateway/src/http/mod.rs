//! Pages and the JSON API.

mod api;
mod assets;
mod edge;
mod model;
mod pages;
pub(crate) mod person;
mod problem;
mod router;
mod state;
pub mod views;

pub(crate) use assets::install as install_assets;
pub(crate) use router::router;
pub(crate) use state::AppState;
