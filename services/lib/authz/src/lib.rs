//! Authorisation: the watch on auth's decisions, the in-process check, the verified principal.
