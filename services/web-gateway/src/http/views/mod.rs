//! What each page needs to be drawn: plain structs, one file a page, each bound to its template.
//!
//! Nothing here asks a service or decides anything. Handlers fill these structs; templates read them.
//! Units are in the field names or their docs; `None` means "Ganeti doesn't say now".

pub mod access;
pub mod aged;
pub mod assets;
pub mod audit;
pub mod clusters;
pub mod console;
pub mod explain;
pub mod form;
pub mod groups;
pub mod held;
pub mod hook;
pub mod imports;
pub mod instances;
pub mod invites;
pub mod jobs;
pub mod listing;
pub mod me;
pub mod nodes;
pub mod objects;
pub mod outside;
pub mod overview;
pub mod parts;
pub mod quotas;
pub mod roles;
pub mod search;
pub mod second_factor;
pub mod shell;
pub mod sign_in;
pub mod text;
pub mod ui;
pub mod users;
