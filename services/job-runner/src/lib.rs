//! Carries out what people ask of Ganeti, exactly once.
