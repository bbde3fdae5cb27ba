//! The query grammar of lists and its compilation to SQL.
