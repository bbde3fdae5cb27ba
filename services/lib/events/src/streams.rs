//! The streams, as deploy/nats/streams.toml says. Created and updated, never deleted.

use std::sync::OnceLock;
use std::time::Duration;

use async_nats::jetstream::context::{
    CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind,
};
use async_nats::jetstream::stream::{Config, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use serde::Deserialize;

use crate::{Class, Error, Nats, Result};

const STREAMS: &str = include_str!("../../../../deploy/nats/streams.toml");

/// The file's content.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Streams {
    #[serde(with = "humantime_serde")]
    duplicate_window: Duration,
    stream: Vec<StreamSettings>,
}

/// One stream.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSettings {
    /// The class that it keeps.
    pub class: Class,
    /// Its name.
    pub name: String,
    /// What it takes in.
    pub subjects: Vec<String>,
    /// How long it keeps a message.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
    /// What it is for.
    pub about: String,
}

fn streams() -> &'static Streams {
    static PARSED: OnceLock<Streams> = OnceLock::new();
    PARSED.get_or_init(|| toml::from_str(STREAMS).expect("streams.toml is checked by a test"))
}

/// The settings of a class's stream.
pub fn stream_settings(class: Class) -> &'static StreamSettings {
    streams()
        .stream
        .iter()
        .find(|stream| stream.class == class)
        .expect("a test checks that each class has a stream")
}

fn wanted(class: Class, replicas: usize) -> Config {
    let settings = stream_settings(class);
    Config {
        name: settings.name.clone(),
        description: Some(settings.about.clone()),
        subjects: settings.subjects.clone(),
        max_age: settings.max_age,
        duplicate_window: streams().duplicate_window,
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: replicas,
        max_message_size: 1 << 20,
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        ..Config::default()
    }
}

/// What we set ourselves; the rest is the server's.
fn same(wanted: &Config, found: &Config) -> bool {
    wanted.description == found.description
        && wanted.subjects == found.subjects
        && wanted.max_age == found.max_age
        && wanted.duplicate_window == found.duplicate_window
        && wanted.num_replicas == found.num_replicas
        && wanted.max_message_size == found.max_message_size
        && wanted.allow_direct == found.allow_direct
}

/// Creates the streams of `classes` that are missing and updates those that differ from
/// deploy/nats/streams.toml. A service calls it for the classes that it publishes and for
/// [`Class::Dead`]; the relay and the consumers do so by themselves.
pub async fn ensure_streams(nats: &Nats, classes: &[Class]) -> Result<()> {
    nats.check()?;
    for &class in classes {
        ensure_stream(nats, class).await?;
    }
    Ok(())
}

async fn ensure_stream(nats: &Nats, class: Class) -> Result<()> {
    let wanted = wanted(class, nats.replicas());
    let Some(found) = find(nats.jetstream(), class).await? else {
        return match nats.jetstream().create_stream(wanted).await {
            Ok(_) => {
                tracing::info!(stream = class.stream(), "stream created");
                Ok(())
            }
            Err(error) => Err(refused("create the stream", class, &error)),
        };
    };
    if same(&wanted, &found.config) {
        return Ok(());
    }
    // What we don't set stays as an operator set it, for instance a limit on bytes.
    let config = Config {
        description: wanted.description,
        subjects: wanted.subjects,
        max_age: wanted.max_age,
        duplicate_window: wanted.duplicate_window,
        num_replicas: wanted.num_replicas,
        max_message_size: wanted.max_message_size,
        allow_direct: wanted.allow_direct,
        ..found.config
    };
    nats.jetstream()
        .update_stream(config)
        .await
        .map_err(|error| refused("update the stream", class, &error))?;
    tracing::info!(stream = class.stream(), "stream updated");
    Ok(())
}

/// The state of a class's stream; none if there is no such stream.
pub(crate) async fn find(context: &Context, class: Class) -> Result<Option<Info>> {
    match context.get_stream(class.stream()).await {
        Ok(stream) => Ok(Some(stream.cached_info().clone())),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(Error::unavailable(&error)),
    }
}

fn is_not_found(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(error)
        if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

pub(crate) fn refused(verb: &str, class: Class, error: &CreateStreamError) -> Error {
    if let CreateStreamErrorKind::JetStream(why) = error.kind() {
        let what = format!("to {verb} {}", class.stream());
        return Error::Refused { what, why: why.to_string() };
    }
    Error::unavailable(error)
}

/// When the stream was made, as text: another value means that its sequences began again.
#[cfg(feature = "outbox")]
pub(crate) fn created_at(info: &Info) -> String {
    info.created.to_rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_stream_in_the_file() {
        assert_eq!(streams().stream.len(), Class::ALL.len());
        assert!(streams().duplicate_window >= Duration::from_secs(600));
        for class in Class::ALL {
            let settings = stream_settings(class);
            assert_eq!(settings.name, class.stream());
            if class.is_public() {
                assert_eq!(settings.subjects, [format!("gwm.v1.{class}.>")]);
            } else {
                assert_eq!(settings.subjects, [format!("gwm.{class}.>")]);
            }
        }
    }
}
