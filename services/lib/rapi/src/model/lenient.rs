//! Decoding that forgives what Ganeti's releases differ in.

use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// `null` becomes the default: lists and maps are null where Ganeti has nothing to say.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An object with names, or null for the default. A derived struct alone would take a list too, its values
/// in the order of the fields.
pub(crate) fn named_or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    struct Named<T>(PhantomData<T>);

    impl<'de, T: Default + Deserialize<'de>> Visitor<'de> for Named<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object or null")
        }

        fn visit_unit<E>(self) -> Result<T, E> {
            Ok(T::default())
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(Named(PhantomData))
}

/// Seconds with a fraction, as in `ctime`; 0 and null mean "not known".
pub(crate) fn float_time<'de, D>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error>
where
    D: Deserializer<'de>,
{
    let seconds: Option<f64> = Option::deserialize(deserializer)?;
    Ok(seconds.filter(|seconds| *seconds > 0.0).and_then(time_of_seconds))
}

/// `[seconds, microseconds]`, as in a job's timestamps; null means "not yet".
pub(crate) fn pair_time<'de, D>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error>
where
    D: Deserializer<'de>,
{
    let pair: Option<(i64, u32)> = Option::deserialize(deserializer)?;
    Ok(pair.and_then(time_of_pair))
}

pub(crate) fn time_of_pair((seconds, micros): (i64, u32)) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, micros.checked_mul(1000)?)
}

fn time_of_seconds(seconds: f64) -> Option<DateTime<Utc>> {
    // Beyond 2^53 microseconds a float has no fraction left; such a time is nonsense anyway.
    let micros = (seconds * 1e6).round();
    if !(0.0..9.0e15).contains(&micros) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    DateTime::from_timestamp_micros(micros as i64)
}

/// A number or text as text: Ganeti gives a VNC display as either.
pub(crate) fn text_or_number<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let value: Option<serde_json::Value> = Option::deserialize(deserializer)?;
    Ok(value.and_then(|value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => None,
    }))
}
