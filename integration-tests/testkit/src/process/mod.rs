//! Programs that end with us.
//!
//! A program is started under a small shell that reads a pipe from this process. When the pipe closes,
//! because the handle was dropped or because this process is gone, however it went, the shell stops the
//! program; a [`Scratch`] directory is removed the same way. The shell has a process group of its own, so Ctrl-C in a
//! terminal reaches only us, and we decide in which order things stop.

mod plan;
mod scratch;
mod supervised;

pub use plan::Plan;
pub use scratch::Scratch;
pub use supervised::Supervised;
