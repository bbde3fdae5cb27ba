//! What a replica needs of the database before it can vouch for anybody.

use std::time::Duration;

use gwm_kernel::Condition;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::app::{Passwords, SignerSlot, bootstrap_admin, load_or_create};
use crate::domain::MasterKey;
use crate::error::{Error, Result, chain};
use crate::store::{Store, schema_missing};

const RETRY: Duration = Duration::from_millis(500);

/// Loads the signing key and makes the first administrator if one is configured; tries until the
/// database is there. A signing key that does not open ends the process.
pub(crate) async fn prepare(
    store: Store,
    master: MasterKey,
    signer: SignerSlot,
    passwords: Passwords,
    admin_password: Option<SecretString>,
    condition: Condition,
    soft: CancellationToken,
) -> anyhow::Result<()> {
    let once = || async {
        signer.fill(load_or_create(&store, &master).await?);
        if let Some(password) = &admin_password
            && bootstrap_admin(&store, &passwords, password).await?
        {
            tracing::info!("first administrator made, with the configured password");
        }
        Result::Ok(())
    };
    while let Err(error) = once().await {
        let wait = schema_missing(&error)
            || matches!(&error, Error::Database(e) if e.kind() != gwm_pg::Kind::Internal)
            || matches!(&error, Error::LoginBusy);
        if !wait {
            return Err(anyhow::anyhow!(chain(&error)));
        }
        condition.down(format!("waiting for the database: {}", chain(&error)));
        tokio::select! {
            () = soft.cancelled() => return Ok(()),
            () = tokio::time::sleep(RETRY) => {}
        }
    }
    condition.up();
    soft.cancelled().await;
    Ok(())
}
