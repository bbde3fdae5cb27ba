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

/// A saved view of the person's.
#[derive(Debug, Clone)]
pub struct ViewTab {
    /// Its id.
    pub id: String,
    /// Given by the person.
    pub name: String,
    /// The list as it was saved.
    pub href: String,
    /// Shown now.
    pub current: bool,
    /// The list opens with it.
    pub is_default: bool,
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
    /// Where in it, in characters from 1.
    pub q_position: Option<u32>,
    /// All that is filtered, as a file.
    pub csv_href: String,
    /// Likewise.
    pub ndjson_href: String,
    /// The list without the filter.
    pub clear_href: String,
    /// The list as it is now, at its first page.
    pub back: String,
    /// The bare list, whatever it opens with; empty: it has no saved views.
    pub all_href: String,
    /// The person's saved views of it.
    pub views: Vec<ViewTab>,
    /// The columns as they were asked for; empty for the list's own.
    pub chosen: Vec<String>,
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

    /// The list's name in saved views and for suggestions.
    pub fn name(&self) -> &'static str {
        self.path.trim_start_matches('/')
    }

    /// The bare list, even when a view opens it.
    pub fn all_or_path(&self) -> &str {
        if self.all_href.is_empty() { self.path } else { &self.all_href }
    }

    /// Without the filter; still not what the list opens with.
    pub fn clear_or_path(&self) -> &str {
        if self.clear_href == self.path { self.all_or_path() } else { &self.clear_href }
    }

    /// A saved view shows now.
    pub fn view_shown(&self) -> bool {
        self.views.iter().any(|v| v.current)
    }

    /// The filter before, at and after the place that is wrong.
    pub fn marked(&self) -> Option<(String, String, String)> {
        let from = usize::try_from(self.q_position?).ok()?.checked_sub(1)?;
        let letters: Vec<char> = self.q.chars().collect();
        // What nobody can read is not repeated in full.
        if letters.len() > 300 {
            return None;
        }
        let from = from.min(letters.len());
        let blank = letters[from..].iter().position(|c| c.is_whitespace());
        let to = blank.map_or(letters.len(), |n| from + n.max(1));
        let text = |part: &[char]| part.iter().collect::<String>();
        let wrong = if from == to { "␣".to_owned() } else { text(&letters[from..to]) };
        Some((text(&letters[..from]), wrong, text(&letters[to..])))
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
            q_position: None,
            csv_href: String::new(),
            ndjson_href: String::new(),
            clear_href: String::new(),
            back: String::new(),
            all_href: String::new(),
            views: vec![],
            chosen: vec![],
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
        assert_eq!(list.marked(), None);
        let marked = |q: &str, position| {
            let list = Listing { q: q.to_owned(), q_position: Some(position), ..list.clone() };
            list.marked().map(|(a, b, c)| format!("{a}[{b}]{c}"))
        };
        assert_eq!(marked("a ram>4X b", 7).as_deref(), Some("a ram>[4X] b"));
        assert_eq!(marked("tag:", 5).as_deref(), Some("tag:[␣]"));
        assert_eq!(marked("ä (b", 3).as_deref(), Some("ä [(b]"));
        assert_eq!(marked("a", 99).as_deref(), Some("a[␣]"));
    }
}
