//! Client for Ganeti's Remote API (RAPI).
//!
//! Knows Ganeti and nothing of us. Holds these promises:
//!
//! * Credentials leave only over a connection whose certificate is the pinned one, or verified by a given CA.
//! * One request a connection, no redirects, no retries, every answer bounded in size and time.
//! * A name never becomes another call, whatever characters it has.
//! * Each call that makes a job carries a [`Reason`] and a [`Deadline`], and each [`Error`] says by its [`Class`]
//!   whether Ganeti may have got the request.
//! * Answers survive unknown and missing fields; bulk answers can be read as raw slices ([`Bulk`]).

mod bulk;
mod calls;
mod client;
mod credentials;
mod deadline;
mod endpoint;
mod error;
mod limits;
mod model;
mod probe;
mod query;
mod reason;
mod transport;
mod trust;

pub use bulk::{Bulk, RawObject, Walk};
pub use calls::{Access, CancelOutcome, RebootKind, ShutdownOptions, StartupOptions};
pub use client::{Client, Submission, UntrustedCredentials};
pub use credentials::{Credentials, CredentialsError, REALM, ha1};
pub use deadline::Deadline;
pub use endpoint::{DEFAULT_PORT, Endpoint, EndpointError};
pub use error::{Class, Error, ErrorKind, Phase};
pub use limits::Limits;
pub use model::{
    BeParams, CONSOLE_PORT_BASE, ClusterInfo, Console, ConsoleKind, CreateInstance, CreateMode,
    Features, GanetiJobId, Group, Instance, Job, JobStatus, LogEntry, Network, NetworkGroup,
    NewBeParams, NewDisk, NewNic, NicParams, Node, Op, OpError, OpResult, Params, ReasonEntry,
};
pub use probe::{
    CertificateInfo, CredentialReport, OLDEST_VERSION, ProbeOutcome, ProbeRequest, Problem, probe,
    version_numbers,
};
pub use query::{Cell, CellStatus, Filter, Resource};
pub use reason::{MAX_REASON, Reason, ReasonError, job_of_reason, op_of_reason};
pub use trust::{CaBundle, CaError, Fingerprint, FingerprintError, Trust};
