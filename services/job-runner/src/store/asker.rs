//! Whose own jobs, in SQL.

use sqlx::{Postgres, QueryBuilder};

use crate::seen::Asker;

impl Asker {
    /// Appends that a job is one of their own.
    pub(super) fn push(self, sql: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Person(user) => sql.push("requested_by_id = ").push_bind(user.0),
            Self::Token(token) => sql.push("token_id = ").push_bind(token.0),
        };
    }
}
