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
    /// An answer that was read before.
    #[must_use]
    pub fn new(call: &'static str, body: Bytes) -> Self {
        Self { call, body }
    }

    /// Goes through it object by object.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        Walk { bulk: self, at: 0, begun: false }
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

/// A way through a bulk answer on which an object that is expected costs a comparison: who
/// recognises its text needs neither its end nor its key looked for.
#[derive(Debug)]
pub struct Walk<'a> {
    bulk: &'a Bulk,
    at: usize,
    begun: bool,
}

impl<'a> Walk<'a> {
    /// Goes to the next object; `false` at the end of the list, which is the end of the answer.
    pub fn advance(&mut self) -> Result<bool, Error> {
        let before = std::mem::replace(&mut self.begun, true);
        match (before, self.token()) {
            (true, Some(b']')) => self.end(),
            (true, Some(b',')) => {
                self.at += 1;
                self.object()
            }
            (false, Some(b'[')) => {
                self.at += 1;
                if self.token() == Some(b']') { self.end() } else { self.object() }
            }
            (true | false, _) => Err(self.malformed()),
        }
    }

    /// Where the object begins in the body.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// The `length` bytes from there.
    #[must_use]
    pub fn peek(&self, length: usize) -> Option<&'a [u8]> {
        self.bulk.body.get(self.at..self.at.checked_add(length)?)
    }

    /// Goes on after these bytes, which were recognised as the whole object.
    pub fn accept(&mut self, length: usize) {
        self.at += length;
    }

    /// Reads to the object's end: its UUID and name.
    pub fn take(&mut self) -> Result<(Cow<'a, str>, Cow<'a, str>), Error> {
        let rest = self.bulk.body.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Key<'a>>();
        let Some(Ok(key)) = values.next() else { return Err(self.malformed()) };
        self.at += values.byte_offset();
        Ok((key.uuid, key.name))
    }

    /// The next byte that is no white space.
    fn token(&mut self) -> Option<u8> {
        let rest = self.bulk.body.get(self.at..)?;
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let skipped = rest.iter().position(|byte| !blank(byte))?;
        self.at += skipped;
        rest.get(skipped).copied()
    }

    fn object(&mut self) -> Result<bool, Error> {
        if self.token() == Some(b'{') { Ok(true) } else { Err(self.malformed()) }
    }

    fn end(&mut self) -> Result<bool, Error> {
        self.at += 1;
        if self.token().is_some() { Err(self.malformed()) } else { Ok(false) }
    }

    /// What is wrong with the answer, in the words of a parse from its beginning.
    fn malformed(&self) -> Error {
        self.bulk.objects().err().unwrap_or_else(|| {
            let detail = format!("not a list of objects, at byte {}", self.at);
            Error::new(self.bulk.call, true, ErrorKind::Protocol { detail })
        })
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
