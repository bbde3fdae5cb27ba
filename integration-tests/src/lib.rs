//! The whole suite as processes: stories, faults, architecture.
