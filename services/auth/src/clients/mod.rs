//! Who else is asked.

mod directory;
mod provider;

pub(crate) use directory::Directories;
pub(crate) use provider::{NotFinished, Providers};
