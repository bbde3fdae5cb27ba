//! Users, sessions, tokens, grants, console tickets.
