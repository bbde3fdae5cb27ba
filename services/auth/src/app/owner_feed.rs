//! Telling followers who owns what: what they miss, then each change, in the order of its number.

use std::time::Duration;

use gwm_proto::auth::{OwnerCopy, WatchOwnersResponse};
use tokio::sync::watch;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::error::{Result, chain};
use crate::store::{Store, commit, owner};

/// A notification that is lost costs this; a heartbeat comes as often.
const POLL: Duration = Duration::from_secs(1);
/// Owners in one message.
const PART: usize = 1000;

/// Moves at each change of an owner.
pub(crate) type OwnerNews = watch::Receiver<i64>;

/// Looks for new numbers until `soft`; then whoever follows is let go.
pub(crate) async fn follow_owners(
    store: Store,
    told: watch::Sender<i64>,
    soft: CancellationToken,
) -> anyhow::Result<()> {
    let look = async {
        loop {
            let Ok(mut listener) = store.listen_owners().await else {
                tokio::time::sleep(POLL).await;
                continue;
            };
            loop {
                match newest(&store).await {
                    Ok(value) => {
                        told.send_if_modified(|known| std::mem::replace(known, value) != value);
                    }
                    Err(error) => {
                        tracing::debug!(error = chain(&error), "owners can't be looked at");
                        break;
                    }
                }
                if let Ok(Err(_)) = tokio::time::timeout(POLL, listener.recv()).await {
                    break;
                }
            }
            tokio::time::sleep(POLL / 4).await;
        }
    };
    tokio::select! {
        () = look => {}
        () = soft.cancelled() => {}
    }
    Ok(())
}

async fn newest(store: &Store) -> Result<i64> {
    let mut tx = store.begin_snapshot().await?;
    let numbers = owner::numbers(&mut tx).await?;
    commit(tx).await?;
    Ok(numbers.value)
}

/// The messages for one follower, which knows all up to `known` of `lineage`. Ends with the process,
/// and when the database can't be read: the follower then comes back.
pub(crate) fn owner_feed(
    store: Store,
    mut news: OwnerNews,
    mut known: i64,
    mut lineage: Option<Uuid>,
) -> impl Stream<Item = Result<WatchOwnersResponse>> + Send {
    async_stream::try_stream! {
        loop {
            let (messages, numbers) = since(&store, known, lineage).await?;
            for message in messages {
                yield message;
            }
            (known, lineage) = (numbers.value, Some(numbers.lineage));
            // What was read just now may be newer than what this was woken for.
            loop {
                match tokio::time::timeout(POLL, news.changed()).await {
                    Ok(Ok(())) if *news.borrow_and_update() == known => {}
                    Ok(Ok(())) => break,
                    Ok(Err(_)) => return,
                    Err(_) => yield heartbeat(known, numbers.lineage),
                }
            }
        }
    }
}

fn heartbeat(known: i64, lineage: Uuid) -> WatchOwnersResponse {
    WatchOwnersResponse {
        revision: number(known),
        lineage: lineage.to_string(),
        owners: Vec::new(),
        whole: false,
        last: true,
    }
}

/// What a follower misses, in parts; all, if its number says nothing here.
async fn since(
    store: &Store,
    known: i64,
    lineage: Option<Uuid>,
) -> Result<(Vec<WatchOwnersResponse>, owner::Numbers)> {
    let mut tx = store.begin_snapshot().await?;
    let numbers = owner::numbers(&mut tx).await?;
    let whole =
        lineage != Some(numbers.lineage) || known > numbers.value || known < numbers.horizon;
    let rows = owner::since(&mut tx, (!whole).then_some(known)).await?;
    commit(tx).await?;
    let message = |owners: Vec<OwnerCopy>, last: bool| WatchOwnersResponse {
        revision: number(numbers.value),
        lineage: numbers.lineage.to_string(),
        owners,
        whole,
        last,
    };
    let copies: Vec<OwnerCopy> = rows
        .iter()
        .map(|row| OwnerCopy {
            cluster_id: row.cluster_id.to_string(),
            uuid: row.instance_uuid.to_string(),
            owner: row.owner().unwrap_or_default(),
            owner_id: row.owner_id.map(|id| id.to_string()).unwrap_or_default(),
        })
        .collect();
    let mut messages: Vec<_> =
        copies.chunks(PART).map(|part| message(part.to_vec(), false)).collect();
    match messages.last_mut() {
        Some(last) => last.last = true,
        None => messages.push(message(Vec::new(), true)),
    }
    Ok((messages, numbers))
}

/// Numbers count up from 0.
fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
