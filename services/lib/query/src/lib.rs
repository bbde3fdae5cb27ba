//! The query grammar of lists, its compilation to SQL, and keyset paging.
//!
//! One grammar everywhere; terms are joined by "and", which may be written:
//!
//! | written | means |
//! |---|---|
//! | `web` | found in the name, or in what else the list says (instances: tags, IP and MAC addresses) |
//! | `status:ERROR*` | the field matches, without regard to case; `*` is anything |
//! | `tag="a*"` | the field is exactly this, the star too |
//! | `-tag:test`, `tag!=test` | not; what is unknown is not equal to anything |
//! | `ram>4G`, `vcpus<=2` | sizes in M, G, T (plain: MiB), numbers |
//! | `created<7d`, `created>=2026-01-31` | ages (s, m, h, d, w, y: less is younger), or days and RFC 3339 moments in UTC |
//! | `os:none` | nothing is known of it; `os:"none"` is the word |
//! | `missing:yes` | yes or no |
//! | `"two words"` | in quotation marks blanks, parentheses and `or` are text; `\"` and `\\` are the characters themselves |
//! | `a or (b -c)` | `or` binds weaker than "and" |
//!
//! At most 1,000 characters, 50 terms, 32 levels, 8 stars a pattern. Each list declares its fields in a
//! [`Table`]; a word that is no field of it is an error that names the place, never a guess. Values
//! always travel as bind parameters.
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
mod complete;
mod cursor;
mod error;
mod lexer;
mod page;
mod parser;
mod print;
mod table;
mod value;

pub use compile::push_filter;
pub use complete::{About, Completion, Suggestion, complete, push_values, suggest_values};
pub use cursor::{Cursor, CursorKey};
pub use error::Error;
pub use page::{Sort, limit, push_after, push_order};
pub use parser::{Comparison, Expr, Term, Value, parse};
pub use print::quoted;
pub use table::{Field, Key, Kind, Table};
