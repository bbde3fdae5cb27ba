//! Conditional writes: the number of touched rows says whether the condition held.

use sqlx::postgres::PgQueryResult;

use crate::{Error, Result};

/// Checks how many rows a write touched.
pub trait EnsureAffected {
    /// Fails with [`Error::RowsAffected`] unless exactly `expected` rows were touched. Zero means
    /// that the row is gone or that its generation moved on: reload to tell which.
    fn ensure_affected(self, expected: u64) -> Result<()>;
}

impl EnsureAffected for PgQueryResult {
    fn ensure_affected(self, expected: u64) -> Result<()> {
        let actual = self.rows_affected();
        if actual == expected { Ok(()) } else { Err(Error::RowsAffected { expected, actual }) }
    }
}
