//! The job runner alone: its real binary, real Postgres and NATS, the simulator as Ganeti, and
//! stand-ins for auth and cache-updater over real mTLS.

mod events;
mod fakes;
mod faults;
mod guards;
mod kinds;
mod kills;
mod lists;
mod stage;
