//! Finding out what differs in a bulk answer. Nothing else of it is parsed or copied.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use gwm_rapi::{Bulk, Walk};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};
use crate::store::Known;

/// The objects of a bulk answer: which are there, and those that differ from what is known.
#[derive(Debug)]
pub(crate) struct Slices {
    /// When it was asked for, on the clock of [`Instant`].
    pub(crate) asked_at: Instant,
    bulk: Bulk,
    /// All of them, in Ganeti's order.
    pub(crate) seen: Vec<Seen>,
    /// Those whose text is to be parsed.
    pub(crate) changed: Vec<Slice>,
    /// Numbers in `seen` of those that were not where and what they were in the last answer.
    pub(crate) taken: Vec<usize>,
    /// Whether there was one of which nobody knew.
    pub(crate) incomplete: bool,
}

/// That an object is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) uuid: Uuid,
    /// Of its text, in bytes.
    pub(crate) length: usize,
}

/// One object, not parsed yet.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) hash: i64,
    /// Where its text is in the answer.
    place: Range<usize>,
}

/// What one kind of object looked like in the last answer.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    pub(crate) known: Arc<HashMap<Uuid, Known>>,
    /// Their order then. Ganeti's is stable, so what stands where it stood is compared and not parsed.
    pub(crate) order: Arc<Vec<Uuid>>,
}

impl Slices {
    /// Hashes every object; those that are not known just so are the changed ones.
    pub(crate) fn of(bulk: Bulk, asked_at: Instant, sight: &Sight) -> Result<Self> {
        let mut found = Found::default();
        let mut walk = bulk.walk();
        let mut next = 0;
        while walk.advance()? {
            let expected = sight.order.get(next).and_then(|uuid| sight.known.get(uuid));
            if let Some(known) = expected
                && let Some(slice) = recognised(&walk, known)
            {
                walk.accept(known.length);
                found.push(slice, Some(known), known.length);
                next += 1;
            } else {
                let begin = walk.position();
                let (uuid, name) = walk.take()?;
                let place = begin..walk.position();
                let uuid = Uuid::try_parse(&uuid).map_err(|_| {
                    let text = "Ganeti's answer holds an object whose UUID is none";
                    Error::Answer(text.to_owned())
                })?;
                let text = bulk.body().get(place.clone()).unwrap_or_default();
                let hash = xxh3_64(text).cast_signed();
                let known = sight.known.get(&uuid);
                let length = place.len();
                let name = name.into_owned();
                found.taken.push(found.seen.len());
                found.renamed |= known.is_none_or(|k| k.name != name);
                found.push(Slice { uuid, name, hash, place }, known, length);
                next = known.and_then(|k| k.place).map_or(next, |place| place + 1);
            }
        }
        found.check(sight)?;
        let Found { seen, changed, taken, incomplete, .. } = found;
        Ok(Self { asked_at, bulk, seen, changed, taken, incomplete })
    }

    /// An object's text.
    pub(crate) fn text(&self, slice: &Slice) -> &[u8] {
        self.bulk.body().get(slice.place.clone()).unwrap_or_default()
    }

    /// What is known and not there.
    pub(crate) fn lacking<'a>(
        &self,
        known: &'a HashMap<Uuid, Known>,
    ) -> impl Iterator<Item = Uuid> + 'a + use<'a> {
        // All there and each where it was: the usual case, and no set is needed.
        let whole = self.taken.is_empty() && self.seen.len() == known.len();
        let present: HashSet<Uuid> =
            if whole { HashSet::new() } else { self.seen.iter().map(|s| s.uuid).collect() };
        known.keys().filter(move |uuid| !whole && !present.contains(*uuid)).copied()
    }
}

/// The object at hand, if it is what is expected there, byte for byte.
fn recognised(walk: &Walk<'_>, known: &Known) -> Option<Slice> {
    let text = walk.peek(known.length).filter(|text| !text.is_empty())?;
    let hash = xxh3_64(text).cast_signed();
    let place = walk.position()..walk.position() + known.length;
    // Its name is needed only where it is written again.
    let name = if known.is_settled() { String::new() } else { known.name.clone() };
    (hash == known.raw_hash).then_some(Slice { uuid: known.uuid, name, hash, place })
}

#[derive(Default)]
struct Found {
    seen: Vec<Seen>,
    changed: Vec<Slice>,
    taken: Vec<usize>,
    incomplete: bool,
    /// Whether a name came up that the object did not have.
    renamed: bool,
}

impl Found {
    fn push(&mut self, slice: Slice, known: Option<&Known>, length: usize) {
        self.seen.push(Seen { uuid: slice.uuid, length });
        self.incomplete |= known.is_none_or(|k| k.incomplete);
        if known.is_none_or(|k| k.raw_hash != slice.hash || !k.is_settled()) {
            self.changed.push(slice);
        }
    }

    /// One object twice, or two of one name, is no inventory: Ganeti has neither.
    fn check(&self, sight: &Sight) -> Result<()> {
        // What stood where it was expected can't have stood there twice.
        if self.taken.is_empty() {
            return Ok(());
        }
        let mut uuids = HashSet::with_capacity(self.seen.len());
        if let Some(twice) = self.seen.iter().find(|s| !uuids.insert(s.uuid)) {
            let text = format!("Ganeti's answer holds the object {} twice", twice.uuid);
            return Err(Error::Answer(text));
        }
        if !self.renamed {
            return Ok(());
        }
        let fresh: HashMap<Uuid, &str> =
            self.changed.iter().map(|s| (s.uuid, s.name.as_str())).collect();
        let mut names = HashSet::with_capacity(self.seen.len());
        for seen in &self.seen {
            let known = || sight.known.get(&seen.uuid).map(|k| k.name.as_str());
            let name = fresh.get(&seen.uuid).copied().or_else(known).unwrap_or_default();
            if !names.insert(name) {
                let text = format!("Ganeti's answer holds two objects called {name}");
                return Err(Error::Answer(text));
            }
        }
        Ok(())
    }
}
