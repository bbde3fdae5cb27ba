//! What the test kit promises to those who use it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![expect(clippy::disallowed_methods, reason = "the far ends of pipes run beside the tests")]

mod certificates;
mod helpers;
mod lab;
mod leftovers;
mod nats;
mod postgres;
mod viewer;
