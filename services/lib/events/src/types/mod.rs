//! The event types of the contract: one file a class, each with its objects and its types.

pub mod access;
pub mod audit;
pub mod console;
mod event_type;
pub mod inventory;
pub mod jobs;
mod objects;
pub mod placement;
mod registry;

pub use event_type::{EventType, Object};
pub use registry::{Registered, registered};
