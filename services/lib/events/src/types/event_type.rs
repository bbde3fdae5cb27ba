//! What a type of event is.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Class;
use crate::envelope::{SCHEMA_PREFIX, TYPE_PREFIX};

/// An object that events are about.
pub trait Object: Serialize + DeserializeOwned + JsonSchema {
    /// The word in subjects and types.
    const KIND: &'static str;
    /// The class of its events.
    const CLASS: Class;

    /// The class of this one's events: always [`Self::CLASS`], but for streams.
    fn class(&self) -> Class {
        Self::CLASS
    }
    /// The slug of its cluster; none if it belongs to none.
    fn cluster(&self) -> Option<&str>;
    /// Ganeti's UUID or gwm's id.
    fn id(&self) -> String;
    /// Events with the same key are published in their order.
    fn order_key(&self) -> String {
        self.id()
    }
    /// What people call it.
    fn name(&self) -> &str;
    /// Grows with each change.
    fn revision(&self) -> u64;
    /// A full one as it is after `event`, for the examples.
    fn example(event: &str) -> Self;
}

/// A type of event about a `T`.
#[derive(Debug)]
pub struct EventType<T> {
    /// The object's word.
    pub kind: &'static str,
    /// What happened, in the past tense.
    pub event: &'static str,
    /// A sentence for integrators.
    pub about: &'static str,
    object: PhantomData<fn() -> T>,
}

// By hand: derived, they would ask the same of `T`.
impl<T> Clone for EventType<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for EventType<T> {}

impl<T: Object> EventType<T> {
    pub(crate) const fn new(event: &'static str, about: &'static str) -> Self {
        Self { kind: T::KIND, event, about, object: PhantomData }
    }

    /// `org.ganeti.gwm.<kind>.<event>.v1`.
    pub fn name(self) -> String {
        format!("{TYPE_PREFIX}{}.{}.v1", self.kind, self.event)
    }

    /// The name of the JSON Schema of its `data`: one schema an object.
    pub fn schema_name(self) -> String {
        format!("{SCHEMA_PREFIX}{}.v1", self.kind)
    }
}
