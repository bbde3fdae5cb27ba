//! The query grammar of lists, its compilation to SQL, and keyset paging.
//!
//! One grammar everywhere: bare words are searched in names, `field:value` compares (with `*`),
//! `ram>4G` orders, `-` negates, terms are joined by "and"; `or` and parentheses group. Each list
//! declares its fields in a [`Table`]; a word that is no field of it is an error that names the
//! place, never a guess. Values always travel as bind parameters.
//!
//! ```ignore
//! let filter = gwm_query::parse(&request.q)?;
//! let sort = gwm_query::Sort::parse(&TABLE, &request.sort)?;
//! let cursor = key.open(&TABLE, &sort, &request.q, &audience, &request.cursor)?;
//! let mut sql = QueryBuilder::new("select .. from instance i where ");
//! gwm_query::push_filter(&mut sql, &TABLE, &filter)?;
//! gwm_query::push_after(&mut sql, &TABLE, &sort, cursor.as_ref());
//! gwm_query::push_order(&mut sql, &TABLE, &sort, limit);
//! ```

mod compile;
mod cursor;
mod error;
mod lexer;
mod page;
mod parser;
mod table;
mod value;

pub use compile::push_filter;
pub use cursor::{Cursor, CursorKey};
pub use error::Error;
pub use page::{Sort, limit, push_after, push_order};
pub use parser::{Comparison, Expr, parse};
pub use table::{Field, Key, Kind, Table};
