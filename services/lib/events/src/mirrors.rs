//! The mirrors that integrators read: a copy of each public stream in the account REPLAY, with the
//! same name and the same sequence numbers.
//!
//! The publisher of a class makes its mirror through an import of the other account's API
//! (see [`server_config`](crate::server_config)), so that nobody needs a key for that account.
//! A mirror holds nothing of its own: where it can't be updated it is made anew, and is soon full.

use std::collections::HashMap;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, External, Info, Source, StorageType};

use crate::{Class, Error, Nats, Result, streams};

/// Where services find the API of the account REPLAY.
pub(crate) const REPLAY_API: &str = "replay.js";
/// Where mirrors find the API of the account GWM, as far as they need it.
pub(crate) const ORIGIN_API: &str = "origin.js";
/// Where messages go from there to the mirrors.
pub(crate) const DELIVERY: &str = "replay.mirror";

/// When the stream was made that a mirror copies.
const ORIGIN: &str = "gwm-origin";

/// Creates the mirrors of `classes` that are missing, and mends those that are not as they should
/// be. The streams must be there. The relay does so by itself.
pub async fn ensure_mirrors(nats: &Nats, classes: &[Class]) -> Result<()> {
    nats.check()?;
    for &class in classes {
        ensure_mirror(nats, class).await?;
    }
    Ok(())
}

async fn ensure_mirror(nats: &Nats, class: Class) -> Result<()> {
    let origin = streams::find(nats.jetstream(), class)
        .await?
        .ok_or_else(|| Error::Unavailable(format!("no stream {}", class.stream())))?;
    let wanted = wanted(class, nats.replicas(), &origin);
    let replay = nats.replay();
    match streams::find(replay, class).await? {
        None => create(replay, class, wanted).await,
        Some(found) if same(&wanted, &found.config) => Ok(()),
        Some(found) if same_source(&wanted, &found.config) => {
            let config = Config {
                description: wanted.description,
                max_age: wanted.max_age,
                num_replicas: wanted.num_replicas,
                ..found.config
            };
            replay
                .update_stream(config)
                .await
                .map_err(|error| streams::refused("update the mirror", class, &error))?;
            tracing::info!(stream = class.stream(), "mirror updated");
            Ok(())
        }
        Some(_) => {
            // The sequences of a stream that was made anew began again, behind the mirror's: it
            // would wait for ever.
            replay.delete_stream(class.stream()).await.map_err(|e| Error::unavailable(&e))?;
            create(replay, class, wanted).await
        }
    }
}

async fn create(replay: &Context, class: Class, wanted: Config) -> Result<()> {
    replay
        .create_stream(wanted)
        .await
        .map_err(|error| streams::refused("create the mirror", class, &error))?;
    tracing::info!(stream = class.stream(), "mirror created");
    Ok(())
}

fn wanted(class: Class, replicas: usize, origin: &Info) -> Config {
    let settings = streams::stream_settings(class);
    Config {
        name: settings.name.clone(),
        description: Some(format!("copy for integrators: {}", settings.about)),
        max_age: settings.max_age,
        storage: StorageType::File,
        num_replicas: replicas,
        deny_delete: true,
        deny_purge: true,
        mirror: Some(Source {
            name: settings.name.clone(),
            external: Some(External {
                api_prefix: ORIGIN_API.to_owned(),
                delivery_prefix: Some(DELIVERY.to_owned()),
            }),
            ..Source::default()
        }),
        metadata: HashMap::from([(ORIGIN.to_owned(), origin.created.to_rfc3339())]),
        ..Config::default()
    }
}

fn same(wanted: &Config, found: &Config) -> bool {
    same_source(wanted, found)
        && wanted.description == found.description
        && wanted.max_age == found.max_age
        && wanted.num_replicas == found.num_replicas
}

fn same_source(wanted: &Config, found: &Config) -> bool {
    wanted.mirror == found.mirror && wanted.metadata.get(ORIGIN) == found.metadata.get(ORIGIN)
}
