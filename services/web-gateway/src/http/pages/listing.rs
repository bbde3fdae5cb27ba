//! Lists on pages: the URL is the state.

use gwm_kernel::Fault;
use gwm_proto::common::{PageInfo, PageRequest};
use serde::{Deserialize, Serialize};

use super::common::sentence;
use crate::http::views::listing::{ColumnChoice, ColumnHead, Listing};

/// The query of a list page; what does not parse is as if it were not there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListState {
    pub(crate) q: String,
    pub(crate) sort: String,
    pub(crate) cursor: String,
    pub(crate) limit: String,
    /// Number of the first row, carried along by the links.
    pub(crate) row: String,
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) columns: Vec<String>,
    /// A column that says nothing to this person, whatever the address asks for; empty: none.
    #[serde(skip)]
    pub(crate) left_out: &'static str,
}

pub(crate) fn one_or_many<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Vec<String>, D::Error> {
    Vec::deserialize(from)
}

/// A column of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// Name in the `columns` parameter; empty: always there.
    pub(crate) key: &'static str,
    pub(crate) label: &'static str,
    /// The field to sort by; empty: it can't be.
    pub(crate) sort: &'static str,
    pub(crate) class: &'static str,
    /// Shown unless somebody chose otherwise.
    pub(crate) shown: bool,
}

/// One that is always there.
pub(crate) const fn fixed(label: &'static str, sort: &'static str, class: &'static str) -> Column {
    Column { key: "", label, sort, class, shown: true }
}

/// One that people may leave out.
pub(crate) const fn column(
    key: &'static str,
    label: &'static str,
    sort: &'static str,
    class: &'static str,
) -> Column {
    Column { key, label, sort, class, shown: true }
}

/// One that is left out unless somebody asks for it.
pub(crate) const fn extra(
    key: &'static str,
    label: &'static str,
    sort: &'static str,
    class: &'static str,
) -> Column {
    Column { key, label, sort, class, shown: false }
}

/// The class of what stands in the name's cell, without a head of its own.
pub(crate) const IN_NAME: &str = "in-name";

/// What a list page is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    pub(crate) path: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) noun: &'static str,
    pub(crate) q_hint: &'static str,
    /// The sort that holds when none is asked for.
    pub(crate) own_sort: &'static str,
    pub(crate) columns: &'static [Column],
}

impl ListState {
    pub(crate) fn limit(&self) -> u32 {
        match self.limit.as_str() {
            "100" => 100,
            "200" => 200,
            _ => 50,
        }
    }

    pub(crate) fn request(&self) -> PageRequest {
        PageRequest {
            q: self.q.clone(),
            sort: self.sort.clone(),
            limit: self.limit(),
            cursor: self.cursor.clone(),
        }
    }

    /// The list with filter, sort, columns and size, at its first page.
    pub(crate) fn whole_href(&self, about: &About) -> String {
        self.href(about, &self.sort, "", 0)
    }

    /// The same list from the API, as a file.
    fn export_href(&self, about: &About, format: &str) -> String {
        let mut pairs = vec![("format", format)];
        if !self.q.is_empty() {
            pairs.push(("q", &self.q));
        }
        if !self.sort.is_empty() {
            pairs.push(("sort", &self.sort));
        }
        let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
        format!("/api/v1{}?{query}", about.path)
    }

    fn href(&self, about: &About, sort: &str, cursor: &str, row: u64) -> String {
        #[derive(Serialize)]
        struct Out<'a>(Vec<(&'a str, &'a str)>);
        let (limit, row) = (self.limit().to_string(), row.to_string());
        let mut pairs = Vec::new();
        let mut put = |name, value| pairs.push((name, value));
        if !self.q.is_empty() {
            put("q", self.q.as_str());
        }
        if !sort.is_empty() {
            put("sort", sort);
        }
        if !cursor.is_empty() {
            put("cursor", cursor);
            put("row", row.as_str());
        }
        if limit != "50" {
            put("limit", limit.as_str());
        }
        for column in &self.columns {
            put("columns", column);
        }
        let query = serde_urlencoded::to_string(Out(pairs).0).unwrap_or_default();
        if query.is_empty() { about.path.to_owned() } else { format!("{}?{query}", about.path) }
    }

    fn shows(&self, column: &Column) -> bool {
        if column.key.is_empty() {
            return true;
        }
        if column.key == self.left_out {
            return false;
        }
        if self.columns.is_empty() {
            return column.shown;
        }
        self.columns.iter().any(|c| c == column.key)
    }

    /// All that stands around the rows.
    pub(crate) fn listing(&self, about: &About, shown: usize, page: Option<&PageInfo>) -> Listing {
        let page = page.cloned().unwrap_or_default();
        let first_row = match (self.cursor.is_empty(), shown) {
            (_, 0) => 0,
            (true, _) => 1,
            (false, _) => self.row.parse().unwrap_or(0),
        };
        let next_row = if first_row == 0 { 0 } else { first_row + shown as u64 };
        let asked = if self.sort.is_empty() { about.own_sort } else { &self.sort };
        let head = |column: &Column| {
            let (down, field) =
                asked.strip_prefix('-').map_or((false, asked), |field| (true, field));
            let now = !column.sort.is_empty() && field == column.sort;
            let next =
                if now && !down { format!("-{}", column.sort) } else { column.sort.to_owned() };
            ColumnHead {
                label: column.label.to_owned(),
                sort_href: (!column.sort.is_empty()).then(|| self.href(about, &next, "", 0)),
                sorted: match (now, down) {
                    (false, _) => "",
                    (true, false) => "ascending",
                    (true, true) => "descending",
                },
                class: column.class,
            }
        };
        let choice = |c: &Column| ColumnChoice { key: c.key, label: c.label, shown: self.shows(c) };
        Listing {
            path: about.path,
            kind: about.kind,
            noun: about.noun,
            q: self.q.clone(),
            q_error: String::new(),
            q_position: None,
            csv_href: self.export_href(about, "csv"),
            ndjson_href: self.export_href(about, "ndjson"),
            clear_href: Self { q: String::new(), ..self.clone() }.whole_href(about),
            back: self.whole_href(about),
            all_href: String::new(),
            views: Vec::new(),
            chosen: self.columns.clone(),
            q_hint: about.q_hint,
            sort: self.sort.clone(),
            heads: about
                .columns
                .iter()
                .filter(|c| c.class != IN_NAME && self.shows(c))
                .map(head)
                .collect(),
            columns: about
                .columns
                .iter()
                .filter(|c| !c.key.is_empty() && c.key != self.left_out)
                .map(choice)
                .collect(),
            shown: shown as u64,
            first_row,
            total: page.total,
            total_exact: page.total_exact,
            limit: self.limit(),
            first_href: (!self.cursor.is_empty()).then(|| self.href(about, &self.sort, "", 0)),
            next_href: (!page.next_cursor.is_empty())
                .then(|| self.href(about, &self.sort, &page.next_cursor, next_row)),
            failed: String::new(),
        }
    }

    /// The page of a list that could not be read: the filter says what is wrong with it, anything
    /// else stands where the rows would.
    pub(crate) fn failed(&self, about: &About, fault: &Fault) -> Listing {
        let mut listing = self.listing(about, 0, None);
        if fault.code == gwm_kernel::ErrorCode::InvalidArgument {
            listing.q_error = sentence(&fault.message);
            listing.q_position = fault.position;
        } else {
            listing.failed = sentence(&fault.message);
        }
        listing
    }
}
