//! Cursors: where a page ended, sealed so that only one of ours is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{Error, Sort, Table};

const TAG: usize = 32;
/// Longer texts are no cursor of ours.
const LONGEST: usize = 4096;

/// Signs cursors; all replicas of a service have the same.
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

/// Where a page ended, and the total counted on the first one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub(crate) place: Place,
    /// Rows in all, as counted on the first page.
    pub total: u64,
    /// Whether that is exact.
    pub total_exact: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) value: String,
    pub(crate) keys: Vec<String>,
}

impl Cursor {
    /// The place after a row: what [`Sort::place_sql`] yielded for it, and its keys in order.
    #[must_use]
    pub fn after(value: String, keys: Vec<String>, total: u64, total_exact: bool) -> Self {
        Self { place: Place { value, keys }, total, total_exact }
    }
}

impl CursorKey {
    /// Derives the key from a secret of the service's.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        let mut mac = mac(secret);
        mac.update(b"gwm cursor key v1");
        Self(mac.finalize().into_bytes().into())
    }

    /// Seals a cursor to its list, order, query and person.
    #[must_use]
    pub fn seal(
        &self,
        table: &Table,
        sort: &Sort,
        query: &str,
        audience: &str,
        cursor: &Cursor,
    ) -> String {
        let body = serde_json::to_vec(cursor).expect("texts and numbers encode");
        let mut out = self.tag(table, sort, query, audience, &body).to_vec();
        out.extend(body);
        URL_SAFE_NO_PAD.encode(out)
    }

    /// Opens one; none when the text is empty: the first page.
    ///
    /// # Errors
    /// [`Error::Cursor`] unless it was sealed by this key to the same list, order, query and person.
    pub fn open(
        &self,
        table: &Table,
        sort: &Sort,
        query: &str,
        audience: &str,
        text: &str,
    ) -> Result<Option<Cursor>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > LONGEST {
            return Err(Error::Cursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Cursor)?;
        let (tag, body) = bytes.split_at_checked(TAG).ok_or(Error::Cursor)?;
        self.input(table, sort, query, audience, body)
            .verify_slice(tag)
            .map_err(|_| Error::Cursor)?;
        let cursor: Cursor = serde_json::from_slice(body).map_err(|_| Error::Cursor)?;
        if cursor.place.keys.len() != table.keys.len() {
            return Err(Error::Cursor);
        }
        Ok(Some(cursor))
    }

    fn tag(
        &self,
        table: &Table,
        sort: &Sort,
        query: &str,
        audience: &str,
        body: &[u8],
    ) -> [u8; TAG] {
        self.input(table, sort, query, audience, body).finalize().into_bytes().into()
    }

    fn input(
        &self,
        table: &Table,
        sort: &Sort,
        query: &str,
        audience: &str,
        body: &[u8],
    ) -> Hmac<Sha256> {
        let mut mac = mac(&self.0);
        // Each part with its length, so that no two sets of parts read alike.
        let sort = sort.words();
        for part in
            [table.name.as_bytes(), sort.as_bytes(), query.as_bytes(), audience.as_bytes(), body]
        {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length")
}

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey")
    }
}
