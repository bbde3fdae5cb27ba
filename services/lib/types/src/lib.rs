//! Ids, validated names, permissions. No I/O, no async.
