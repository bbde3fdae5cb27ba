//! Reading an object field by field, so that each fault is named with its path.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// A parameter that can't be used, by its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub(crate) struct Invalid {
    pub(crate) field: String,
    pub(crate) message: String,
}

/// An object being read; what nobody took is refused at the end.
#[derive(Debug)]
pub(crate) struct Fields {
    path: String,
    left: Map<String, Value>,
}

type Result<T> = std::result::Result<T, Invalid>;

impl Fields {
    pub(crate) fn new(path: impl Into<String>, given: Map<String, Value>) -> Self {
        Self { path: path.into(), left: given }
    }

    /// A fault of one field.
    pub(crate) fn invalid(&self, name: &str, message: impl Into<String>) -> Invalid {
        Invalid { field: format!("{}.{name}", self.path), message: message.into() }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, name: &str, longest: usize) -> Result<Option<String>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::String(text) = value else {
            return Err(self.invalid(name, "must be a text"));
        };
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > longest || text.chars().any(char::is_control) {
            let rule = format!("has at most {longest} characters and no control characters");
            return Err(self.invalid(name, rule));
        }
        Ok(Some(text))
    }

    /// A text of letters, digits and `also`, as Ganeti's identifiers are.
    pub(crate) fn word(&mut self, name: &str, also: &str) -> Result<Option<String>> {
        let Some(text) = self.text(name, 128)? else { return Ok(None) };
        if text.starts_with('-')
            || !text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
        {
            let rule = format!("has letters, digits and {also:?} only, and doesn't begin with -");
            return Err(self.invalid(name, rule));
        }
        Ok(Some(text))
    }

    pub(crate) fn integer(
        &mut self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match whole(&value).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let rule =
                    format!("must be a whole number from {} to {}", range.start(), range.end());
                Err(self.invalid(name, rule))
            }
        }
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.invalid(name, "must be true or false")),
        }
    }

    pub(crate) fn list(&mut self, name: &str, longest: usize) -> Result<Vec<Value>> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.len() <= longest => Ok(items),
            Some(_) => Err(self.invalid(name, format!("must be a list of at most {longest}"))),
        }
    }

    /// The objects of a list, each to be read and finished.
    pub(crate) fn objects(&mut self, name: &str, longest: usize) -> Result<Vec<Self>> {
        let path = format!("{}.{name}", self.path);
        let read = |(index, item)| {
            let Value::Object(map) = item else {
                return Err(Invalid {
                    field: format!("{path}[{index}]"),
                    message: "must be an object".to_owned(),
                });
            };
            Ok(Self::new(format!("{path}[{index}]"), map))
        };
        self.list(name, longest)?.into_iter().enumerate().map(read).collect()
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Self>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self::new(format!("{}.{name}", self.path), map))),
            Some(_) => Err(self.invalid(name, "must be an object")),
        }
    }

    /// Everything that is left, for objects whose keys are Ganeti's.
    pub(crate) fn drain(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.left)
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<()> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => {
                let shown: String = name.chars().take(64).collect();
                Err(self.invalid(&shown, "is no parameter of this"))
            }
        }
    }
}

/// Numbers come as floating point over protobuf: whole ones are taken, others are not.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole, not negative and below 2^53"
)]
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        let exact = number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number);
        exact.then_some(number as u64)
    })
}
