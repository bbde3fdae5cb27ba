//! Parameter sets whose keys differ between hypervisors and releases.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON object kept as Ganeti wrote it and parsed only when asked: most objects of a bulk answer haven't changed.
#[derive(Clone, Default)]
pub struct Params(Option<Box<RawValue>>);

impl Params {
    /// The JSON text; `{}` where Ganeti gave nothing.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.as_deref().map_or("{}", RawValue::get)
    }

    /// All parameters. Empty when it isn't an object.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, serde_json::Value> {
        serde_json::from_str(self.as_json()).unwrap_or_default()
    }

    /// One parameter.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<serde_json::Value> {
        self.to_map().remove(key).filter(|value| !value.is_null())
    }

    /// One parameter that is a text and not empty.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// One parameter that is a yes or no.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.to_map().is_empty()
    }
}

/// An answer and its text.
#[derive(Debug)]
pub(crate) struct Said<T> {
    pub(crate) value: T,
    pub(crate) text: Params,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let value = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(Self { value, text: Params(Some(raw)) })
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?))
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(raw) => raw.serialize(serializer),
            None => serializer.collect_map(std::iter::empty::<(&str, ())>()),
        }
    }
}

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}
