//! The gRPC contracts between the services.
//!
//! One package for each service that owns data; messages that more than one uses are in
//! [`gwm::common::v1`]. The modules nest as the packages do, because the generated code refers to
//! its neighbours by path.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::doc_markdown,
    clippy::wildcard_enum_match_arm,
    clippy::semicolon_if_nothing_returned,
    clippy::large_futures,
    clippy::str_to_string,
    clippy::unused_async,
    clippy::needless_pass_by_value,
    reason = "the crate is generated code"
)]

/// Mirrors the packages.
pub mod gwm {
    pub mod common {
        pub mod v1 {
            tonic::include_proto!("gwm.common.v1");
        }
    }
    pub mod auth {
        pub mod v1 {
            tonic::include_proto!("gwm.auth.v1");
        }
    }
    pub mod cache {
        pub mod v1 {
            tonic::include_proto!("gwm.cache.v1");
        }
    }
    pub mod jobs {
        pub mod v1 {
            tonic::include_proto!("gwm.jobs.v1");
        }
    }
    pub mod console {
        pub mod v1 {
            tonic::include_proto!("gwm.console.v1");
        }
    }
}

pub use gwm::auth::v1 as auth;
pub use gwm::cache::v1 as cache;
pub use gwm::common::v1 as common;
pub use gwm::console::v1 as console;
pub use gwm::jobs::v1 as jobs;

/// The descriptors of all packages: for tests that walk every RPC.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
