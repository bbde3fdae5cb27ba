//! Which rights an answer was decided by.

/// The revision of the rights that an answer was decided by, at least. It travels with the answer, so
/// that whoever keeps it knows whether a right that was taken away since could still have counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decided(u64);

const DECIDED: &str = "gwm-rights-revision";

impl Decided {
    pub(crate) fn by(revision: u64) -> Self {
        Self(revision)
    }

    /// An answer that says so.
    pub fn answer<T>(self, message: T) -> tonic::Response<T> {
        let mut response = tonic::Response::new(message);
        response.metadata_mut().insert(DECIDED, self.0.into());
        response
    }

    /// What the headers of an answer say.
    #[must_use]
    pub fn of(headers: &http::HeaderMap) -> Option<Self> {
        headers.get(DECIDED)?.to_str().ok()?.parse().ok().map(Self)
    }

    /// Whether rights that hold since `revision` were known when this was decided.
    #[must_use]
    pub fn knew(self, revision: u64) -> bool {
        self.0 >= revision
    }
}
