//! The client of one cluster, with the write credential: in memory only, fetched anew now and then
//! and after it was refused.

use std::time::Duration;

use gwm_rapi::{Client, Limits};
use gwm_types::ClusterId;
use tokio::time::Instant;

use super::Engine;
use super::trouble::Trouble;

/// A refusal sooner than this after another is no coincidence.
const REFUSED_AGAIN: Duration = Duration::from_secs(60);

/// Lazily made; forgotten when it no longer works.
#[derive(Debug, Default)]
pub(super) struct Connection {
    live: Option<Live>,
    /// Which of the endpoints is tried next.
    turn: usize,
    /// When the credential was refused last.
    refused_at: Option<Instant>,
}

#[derive(Debug)]
struct Live {
    client: Client,
    fetched_at: Instant,
}

impl Connection {
    /// The client; asks cache-updater when there is none or it is old, and makes sure that the
    /// cluster which answers is the one that was meant.
    pub(super) async fn client(
        &mut self,
        engine: &Engine,
        cluster: ClusterId,
    ) -> Result<Client, Trouble> {
        let refresh = engine.config.ganeti.credential_refresh;
        if let Some(live) = &self.live
            && live.fetched_at.elapsed() < refresh
        {
            return Ok(live.client.clone());
        }
        let access = match engine.cache.write_access(cluster).await.map_err(Trouble::from) {
            Ok(access) => access,
            // What works is kept while cache-updater is away.
            Err(Trouble::Credential(fault)) => {
                return match &mut self.live {
                    Some(live) => {
                        live.fetched_at = Instant::now() + Duration::from_secs(10) - refresh;
                        Ok(live.client.clone())
                    }
                    None => Err(Trouble::Credential(fault)),
                };
            }
            Err(trouble) => return Err(trouble),
        };
        self.live = None;
        let credentials = access.credentials.ok_or(Trouble::ReadOnly)?;
        let endpoint = match access.endpoints.len() {
            0 => return Err(Trouble::Unreachable("the cluster has no address".to_owned())),
            n => access.endpoints[self.turn % n].clone(),
        };
        let ganeti = &engine.config.ganeti;
        let limits = Limits {
            connect: ganeti.connect_timeout,
            read: ganeti.read_timeout,
            bulk_read: ganeti.read_timeout,
            ..Limits::default()
        };
        let client = Client::new(endpoint, &access.trust, Some(credentials), limits)
            .map_err(|error| Trouble::Unreachable(error.to_string()))?;
        let info = client.info().await?;
        if !access.ganeti_uuid.is_empty()
            && !info.uuid.to_string().eq_ignore_ascii_case(&access.ganeti_uuid)
        {
            return Err(Trouble::Unreachable(format!(
                "another cluster answers at its address: {} instead of {}",
                info.uuid, access.ganeti_uuid
            )));
        }
        self.live = Some(Live { client: client.clone(), fetched_at: Instant::now() });
        Ok(client)
    }

    /// It does not answer: the next endpoint is tried next time, with what is configured by then.
    pub(super) fn unreachable(&mut self) {
        self.turn = self.turn.wrapping_add(1);
        self.live = None;
    }

    /// The credential was refused. Yields whether one fetched since the last time was refused as
    /// well: reading may work with it all the while.
    pub(super) fn refused(&mut self) -> bool {
        self.live = None;
        let before = self.refused_at.replace(Instant::now());
        before.is_some_and(|at| at.elapsed() < REFUSED_AGAIN)
    }

    /// A change was accepted with it.
    pub(super) fn accepted(&mut self) {
        self.refused_at = None;
    }
}
