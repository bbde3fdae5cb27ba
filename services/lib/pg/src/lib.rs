//! Postgres: pool, migrations, constraint mapping, leases, outbox and inbox.
