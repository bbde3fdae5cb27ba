//! Client for Ganeti's Remote API.
