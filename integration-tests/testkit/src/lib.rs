//! Postgres, NATS, certificates and waiting for tests.
