//! Who else is asked.

mod directory;

pub(crate) use directory::Directories;
