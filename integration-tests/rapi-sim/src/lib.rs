//! Simulated Ganeti clusters speaking the Remote API over HTTPS.
