//! What all lists share: filter, columns, sort links, paging.

use askama::Template;
use askama::filters::HtmlSafe;

use super::text;

/// A column's head with its sort link.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/column_head.html")]
pub struct ColumnHead {
    /// Sentence case: `Memory`.
    pub label: String,
    /// The list sorted by this column (the other way round when it is sorted by it now); `None` when it can't be.
    pub sort_href: Option<String>,
    /// `ascending`, `descending` or empty.
    pub sorted: &'static str,
    /// CSS classes: `n` for numbers, `low`/`mid` to leave out on narrow screens.
    pub class: &'static str,
}

impl HtmlSafe for ColumnHead {}

/// A column that can be shown or left out.
#[derive(Debug, Clone)]
pub struct ColumnChoice {
    /// Name in the `columns` parameter.
    pub key: &'static str,
    /// As shown.
    pub label: &'static str,
    /// Shown now.
    pub shown: bool,
}

/// Around every list.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The list's page: `/instances`.
    pub path: &'static str,
    /// Kind of object in events: `instance`, `node`, `cluster`, `job`.
    pub kind: &'static str,
    /// What it lists, plural: `instances`.
    pub noun: &'static str,
    /// The filter as typed.
    pub q: String,
    /// What is wrong with the filter; empty when it is fine.
    pub q_error: String,
    /// Examples for the filter's placeholder.
    pub q_hint: &'static str,
    /// The `sort` parameter now; empty for the default.
    pub sort: String,
    /// Column heads in order, those left out not included.
    pub heads: Vec<ColumnHead>,
    /// The column picker; empty hides it.
    pub columns: Vec<ColumnChoice>,
    /// Rows on this page.
    pub shown: u64,
    /// Number of the first row shown, from 1; 0 when not known (paged by a link someone sent).
    pub first_row: u64,
    /// How many there are.
    pub total: u64,
    /// `total` is exact; else there are more than it says.
    pub total_exact: bool,
    /// Rows a page: 50, 100, 200.
    pub limit: u32,
    /// The first page, when this is not it.
    pub first_href: Option<String>,
    /// The next page, when there is one.
    pub next_href: Option<String>,
    /// The list could not be read: what failed. The rows are then empty.
    pub failed: String,
}

impl Listing {
    /// Whether a column is shown.
    pub fn has(&self, key: &str) -> bool {
        self.columns.iter().any(|c| c.key == key && c.shown)
    }

    /// `51–100 of 1,234 instances`.
    pub fn summary(&self) -> String {
        let total = if self.total_exact {
            text::count(self.total)
        } else {
            format!("more than {}", text::count(self.total))
        };
        if self.first_row == 0 || self.shown == self.total {
            let one = self.noun.strip_suffix('s').filter(|_| self.total == 1);
            return format!("{total} {}", one.unwrap_or(self.noun));
        }
        let last = self.first_row + self.shown.max(1) - 1;
        format!("{}–{} of {total} {}", text::count(self.first_row), text::count(last), self.noun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_where_one_is() {
        let mut list = Listing {
            path: "/instances",
            kind: "instance",
            noun: "instances",
            q: String::new(),
            q_error: String::new(),
            q_hint: "",
            sort: String::new(),
            heads: vec![],
            columns: vec![],
            shown: 50,
            first_row: 51,
            total: 1234,
            total_exact: true,
            limit: 50,
            first_href: None,
            next_href: None,
            failed: String::new(),
        };
        assert_eq!(list.summary(), "51–100 of 1,234 instances");
        list.total = 10_000;
        list.total_exact = false;
        assert_eq!(list.summary(), "51–100 of more than 10,000 instances");
        list.first_row = 0;
        assert_eq!(list.summary(), "more than 10,000 instances");
        (list.total, list.total_exact) = (1, true);
        assert_eq!(list.summary(), "1 instance");
    }
}
