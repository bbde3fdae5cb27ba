//! Bulk lists without building what hasn't changed.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind};

/// A complete bulk answer. Its objects are slices of the body: hash them, and parse only those that changed.
#[derive(Clone, Debug)]
pub struct Bulk {
    call: &'static str,
    body: Bytes,
}

/// One object of a bulk answer.
#[derive(Clone, Debug)]
pub struct RawObject<'a> {
    /// Its identity.
    pub uuid: Cow<'a, str>,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its JSON, exactly as Ganeti wrote it.
    pub raw: &'a RawValue,
}

#[derive(Deserialize)]
struct Key<'a> {
    #[serde(borrow)]
    uuid: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

impl Bulk {
    pub(crate) fn new(call: &'static str, body: Bytes) -> Self {
        Self { call, body }
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The objects' JSON in Ganeti's order. Fails unless the body is one whole list: half a list is no list.
    pub fn slices(&self) -> Result<Vec<&RawValue>, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.wrong(&error))
    }

    /// The objects with their keys. Fails if any of them has none: a list with gaps is no list either.
    pub fn objects(&self) -> Result<Vec<RawObject<'_>>, Error> {
        self.slices()?.into_iter().map(|raw| self.identify(raw)).collect()
    }

    /// Reads the key of one slice.
    pub fn identify<'a>(&self, raw: &'a RawValue) -> Result<RawObject<'a>, Error> {
        let key: Key<'a> = serde_json::from_str(raw.get()).map_err(|error| self.wrong(&error))?;
        Ok(RawObject { uuid: key.uuid, name: key.name, raw })
    }

    /// All objects, parsed.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.wrong(&error))
    }

    fn wrong(&self, error: &serde_json::Error) -> Error {
        Error::new(self.call, true, ErrorKind::Protocol { detail: json_words(error) })
    }
}

impl RawObject<'_> {
    /// Parses it as [`crate::Instance`], [`crate::Node`], ...
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.raw.get()).map_err(|error| {
            Error::new("bulk object", true, ErrorKind::Protocol { detail: json_words(&error) })
        })
    }
}

/// What was wrong with an answer, without quoting it: it may hold what must not be logged.
pub(crate) fn json_words(error: &serde_json::Error) -> String {
    let place = format!("line {} column {}", error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Eof => format!("the JSON ends too early, at {place}"),
        serde_json::error::Category::Data => {
            format!("JSON of another shape than expected, at {place}")
        }
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            format!("not JSON, at {place}")
        }
    }
}
