//! What can be wrong with a list request; each text says what to write instead.

/// A query, sort, limit or cursor that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The query's text.
    #[error("{message} (at character {position} of the query)")]
    Query {
        /// Counts from 1, in characters.
        position: usize,
        /// For the person.
        message: String,
    },
    /// The sort field.
    #[error("{0}")]
    Sort(String),
    /// The page's size.
    #[error("limit must be from 1 to 200")]
    Limit,
    /// The cursor: forged, cut, or of another list, query, order or person.
    #[error("this cursor does not belong to this list: start again without a cursor")]
    Cursor,
}

impl Error {
    /// The request's field that is at fault.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Query { .. } => "q",
            Self::Sort(_) => "sort",
            Self::Limit => "limit",
            Self::Cursor => "cursor",
        }
    }

    /// Where in that field, from 1.
    #[must_use]
    pub fn position(&self) -> Option<u32> {
        match self {
            Self::Query { position, .. } => u32::try_from(*position).ok(),
            Self::Sort(_) | Self::Limit | Self::Cursor => None,
        }
    }

    pub(crate) fn query(position: usize, message: impl Into<String>) -> Self {
        Self::Query { position, message: message.into() }
    }
}
