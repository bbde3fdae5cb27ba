//! Keyset paging: a page begins after the last row of the one before, however far down that is.

use sqlx::{Postgres, QueryBuilder};

use crate::cursor::{Cursor, Place};
use crate::{Error, Field, Kind, Table};

/// How a list is ordered.
#[derive(Debug, Clone, Copy)]
pub struct Sort {
    pub(crate) field: &'static Field,
    pub(crate) descending: bool,
}

impl Sort {
    /// Reads `name` or `-name`; empty: the table's own order.
    ///
    /// # Errors
    /// [`Error::Sort`] for a field that can't be sorted by.
    pub fn parse(table: &Table, text: &str) -> Result<Self, Error> {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        let name = if text.is_empty() { table.default_sort } else { name };
        match table.field(name).filter(|f| f.order.is_some()) {
            Some(field) => Ok(Self { field, descending }),
            None => Err(Error::Sort(format!(
                "this list can't be sorted by {name:?}: use {}",
                table.names(true)
            ))),
        }
    }

    /// The expression whose value, as text, is a row's place: select it for [`Cursor::after`].
    #[must_use]
    pub fn place_sql(&self) -> String {
        format!("({})::text", self.order())
    }

    fn order(&self) -> &'static str {
        self.field.order.expect("only sortable fields are made into a Sort")
    }

    fn cast(&self) -> &'static str {
        match self.field.kind {
            Kind::Text
            | Kind::Lower
            | Kind::Known(_)
            | Kind::Texts
            | Kind::Persona
            | Kind::Found { .. } => "::text collate \"C\"",
            Kind::Number | Kind::Size => "::bigint",
            Kind::Flag => "::boolean",
            Kind::Time { order } => order,
            Kind::Until => "::timestamptz",
        }
    }

    pub(crate) fn words(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.field.names[0])
    }
}

/// The page's size: 1 to 200, 0 means 50.
///
/// # Errors
/// [`Error::Limit`].
pub fn limit(asked: u32) -> Result<i64, Error> {
    match asked {
        0 => Ok(50),
        1..=200 => Ok(i64::from(asked)),
        _ => Err(Error::Limit),
    }
}

/// Appends ` and <after the cursor's row>`; nothing on the first page.
pub fn push_after(
    sql: &mut QueryBuilder<Postgres>,
    table: &Table,
    sort: &Sort,
    cursor: Option<&Cursor>,
) {
    let Some(Place { value, keys }) = cursor.map(|c| &c.place) else { return };
    // Follows from the comparison below, but Postgres sees it only where all of these are columns of
    // one table; without it the last page of an order by another table's column reads all before it.
    let from = if sort.descending { "<=" } else { ">=" };
    sql.push(format_args!(" and {} {from} ", sort.order()));
    sql.push_bind(value.clone()).push(sort.cast());
    sql.push(format_args!(" and ({}", sort.order()));
    for key in table.keys {
        sql.push(format_args!(", {}", key.sql));
    }
    sql.push(if sort.descending { ") < (" } else { ") > (" });
    sql.push_bind(value.clone()).push(sort.cast());
    for (key, value) in table.keys.iter().zip(keys) {
        sql.push(", ").push_bind(value.clone()).push(format_args!("::{}", key.cast));
    }
    sql.push(")");
}

/// Appends order and limit: one row more than the page, to know whether there is another.
pub fn push_order(sql: &mut QueryBuilder<Postgres>, table: &Table, sort: &Sort, limit: i64) {
    let direction = if sort.descending { " desc" } else { "" };
    sql.push(format_args!(" order by {}{direction}", sort.order()));
    for key in table.keys {
        sql.push(format_args!(", {}{direction}", key.sql));
    }
    // No parameter: a plan that is kept for all its executions must know that it is short.
    sql.push(format_args!(" limit {}", limit + 1));
}
