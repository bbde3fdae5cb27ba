//! The job runner alone: its real binary, real Postgres and NATS, the simulator as Ganeti, and
//! stand-ins for auth and cache-updater over real mTLS.

#[cfg(test)]
mod events;
#[cfg(test)]
mod fakes;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod owner_tags;
#[cfg(test)]
mod placement;
#[cfg(test)]
mod quotas;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod waited;
