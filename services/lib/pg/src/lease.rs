//! Leases: the right to work on something until a time, by the database's clock, with a fence.
//!
//! The lease alone only saves work; what keeps data safe is [`assert_held`] in the transaction of
//! each write. [`keep`] renews in the background and tells of the loss.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Error, Kind, Result};

/// How leases are taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeaseSettings {
    /// How long a lease lasts without being renewed; it is renewed at a third of that.
    #[serde(with = "humantime_serde")]
    pub duration: Duration,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self { duration: Duration::from_secs(10) }
    }
}

/// Who asks for leases: one per process.
#[derive(Debug, Clone)]
pub struct Holder {
    /// A name that no other process has, not even the next start of this one.
    pub id: String,
    /// Where others reach this process, for instance `https://10.0.0.7:7102`; may be empty.
    pub endpoint: String,
}

/// A lease that this process was given. Clones share the deadline.
#[derive(Debug, Clone)]
pub struct Held {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    holder: String,
    generation: i64,
    duration: Duration,
    deadline: watch::Sender<Instant>,
    lost: CancellationToken,
}

impl Held {
    /// The lease's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Grows with each new holder; writes carry it.
    pub fn generation(&self) -> i64 {
        self.shared.generation
    }

    /// What is left by this process's own clock: always less than by the database's, because the
    /// count began before the question was sent and a tenth is held back.
    pub fn remaining(&self) -> Duration {
        if self.shared.lost.is_cancelled() {
            return Duration::ZERO;
        }
        self.shared.deadline.borrow().saturating_duration_since(Instant::now())
    }

    /// Whether the lease is live by this process's own clock.
    pub fn is_live(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// Cancelled when [`keep`] finds the lease lost or its deadline passed, and when it is
    /// released. Work under the lease stops then.
    pub fn lost(&self) -> CancellationToken {
        self.shared.lost.clone()
    }

    fn extend(&self, asked_at: Instant) {
        self.shared.deadline.send_replace(deadline(asked_at, self.shared.duration));
    }
}

fn deadline(asked_at: Instant, duration: Duration) -> Instant {
    asked_at + duration - duration / 10
}

/// Who holds a lease now.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Current {
    /// See [`Holder::id`].
    pub holder: String,
    /// See [`Holder::endpoint`].
    pub holder_endpoint: String,
    /// See [`Held::generation`].
    pub generation: i64,
}

/// Takes the lease `name` if nobody holds it.
pub async fn try_acquire(
    pool: &PgPool,
    name: &str,
    holder: &Holder,
    settings: &LeaseSettings,
) -> Result<Option<Held>> {
    let mut connection = pool.acquire().await?;
    // After the wait for a connection, before the database can look at its clock.
    let asked_at = Instant::now();
    let generation: Option<i64> = sqlx::query_scalar(
        "insert into lease (name, holder, holder_endpoint, expires_at)
             values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
         on conflict (name) do update set holder = excluded.holder,
             holder_endpoint = excluded.holder_endpoint,
             generation = lease.generation + 1,
             expires_at = clock_timestamp() + make_interval(secs => $4)
             where lease.expires_at <= clock_timestamp()
         returning generation",
    )
    .bind(name)
    .bind(&holder.id)
    .bind(&holder.endpoint)
    .bind(settings.duration.as_secs_f64())
    .fetch_optional(&mut *connection)
    .await?;
    Ok(generation.map(|generation| Held {
        shared: Arc::new(Shared {
            name: name.to_owned(),
            holder: holder.id.clone(),
            generation,
            duration: settings.duration,
            deadline: watch::Sender::new(deadline(asked_at, settings.duration)),
            lost: CancellationToken::new(),
        }),
    }))
}

/// Extends a lease that is still held; [`Error::LeaseLost`] when it is not, even if nobody else
/// took it: the time between belonged to nobody.
pub async fn renew(pool: &PgPool, held: &Held) -> Result<()> {
    let mut connection = pool.acquire().await?;
    let asked_at = Instant::now();
    let renewed = sqlx::query(
        "update lease set expires_at = clock_timestamp() + make_interval(secs => $4)
         where name = $1 and holder = $2 and generation = $3 and expires_at > clock_timestamp()",
    )
    .bind(held.name())
    .bind(&held.shared.holder)
    .bind(held.generation())
    .bind(held.shared.duration.as_secs_f64())
    .execute(&mut *connection)
    .await?;
    if renewed.rows_affected() == 1 {
        held.extend(asked_at);
        Ok(())
    } else {
        held.shared.lost.cancel();
        Err(lost(held))
    }
}

/// Gives a lease back, so that the next holder need not wait for its end. No error when it is
/// lost already.
pub async fn release(pool: &PgPool, held: &Held) -> Result<()> {
    held.shared.lost.cancel();
    sqlx::query(
        "update lease set expires_at = clock_timestamp()
         where name = $1 and holder = $2 and generation = $3 and expires_at > clock_timestamp()",
    )
    .bind(held.name())
    .bind(&held.shared.holder)
    .bind(held.generation())
    .execute(pool)
    .await?;
    Ok(())
}

/// Who holds the lease `name` now, if anybody.
pub async fn holder(pool: &PgPool, name: &str) -> Result<Option<Current>> {
    Ok(sqlx::query_as(
        "select holder, holder_endpoint, generation from lease
         where name = $1 and expires_at > clock_timestamp()",
    )
    .bind(name)
    .fetch_optional(pool)
    .await?)
}

/// The fence: fails with [`Error::LeaseLost`] unless the lease is held, and keeps it from changing
/// hands until this transaction ends. Call it first in each transaction that writes under the
/// lease, and keep that transaction short: it holds up the renewal too.
pub async fn assert_held(connection: &mut PgConnection, held: &Held) -> Result<()> {
    let live: Option<bool> = sqlx::query_scalar(
        "select expires_at > clock_timestamp() from lease
         where name = $1 and holder = $2 and generation = $3 for share",
    )
    .bind(held.name())
    .bind(&held.shared.holder)
    .bind(held.generation())
    .fetch_optional(connection)
    .await?;
    if live == Some(true) { Ok(()) } else { Err(lost(held)) }
}

/// Renews `held` at a third of its duration until it is lost or `shutdown`, then releases it. Run
/// it beside the work, which watches [`Held::lost`].
pub async fn keep(pool: PgPool, held: Held, shutdown: CancellationToken) {
    let lost = held.lost();
    let mut pause = held.shared.duration / 3;
    loop {
        let deadline = *held.shared.deadline.borrow();
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = lost.cancelled() => return,
            () = tokio::time::sleep_until(deadline) => {
                tracing::warn!(lease = held.name(), "lease ran out");
                lost.cancel();
                return;
            }
            () = tokio::time::sleep(pause) => {}
        }
        // The answer may come later than the deadline; the work must not wait for it.
        let renewal = tokio::time::timeout_at(deadline, renew(&pool, &held));
        pause = match renewal.await {
            Ok(Ok(())) => held.shared.duration / 3,
            Ok(Err(error)) if error.kind() == Kind::Conflict => {
                tracing::warn!(lease = held.name(), "lease lost");
                return;
            }
            Ok(Err(error)) => {
                tracing::warn!(lease = held.name(), error = %error, "lease not renewed");
                held.shared.duration / 20
            }
            Err(_) => Duration::ZERO,
        };
    }
    if let Err(error) = release(&pool, &held).await {
        tracing::info!(lease = held.name(), error = %error, "lease not released, it will run out");
    }
}

fn lost(held: &Held) -> Error {
    Error::LeaseLost { name: held.name().to_owned() }
}
