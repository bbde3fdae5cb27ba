//! Lists: the query every list takes, a page as JSON, or all of it as NDJSON or CSV.

use std::future::Future;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::Stream;
use gwm_kernel::Fault;
use gwm_proto::common::{PageInfo, PageRequest};
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::problem::Problem;

const STREAM_PAGE: u32 = 200;
/// What the grammar takes; more is not even passed on.
const LONGEST_QUERY: usize = 1000;

/// What every list takes.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListQuery {
    /// The filter, e.g. `cluster:fra1 status:running ram>4G -tag:test`.
    pub(crate) q: String,
    /// A field, `-` before it for descending.
    pub(crate) sort: String,
    /// 1 to 200; 50 if absent.
    pub(crate) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(crate) cursor: String,
    /// `csv` or `ndjson`: the whole filtered list as a file, as `Accept` would; for links.
    pub(crate) format: String,
}

impl ListQuery {
    /// # Errors
    /// A limit out of range, or texts of unreasonable length.
    pub(crate) fn page(&self) -> Result<PageRequest, Fault> {
        let limit = self.limit.unwrap_or(50);
        if !(1..=200).contains(&limit) {
            return Err(Fault::invalid("limit", "limit must be 1 to 200"));
        }
        if self.q.chars().nth(LONGEST_QUERY).is_some() {
            let mut fault =
                Fault::invalid("q", format!("a query has at most {LONGEST_QUERY} characters"));
            fault.position = u32::try_from(LONGEST_QUERY + 1).ok();
            return Err(fault);
        }
        if self.cursor.len() > 2048 || self.sort.len() > 64 {
            return Err(Fault::invalid("cursor", "this cursor was not made by gwm"));
        }
        Ok(PageRequest {
            q: self.q.clone(),
            sort: self.sort.clone(),
            limit,
            cursor: self.cursor.clone(),
        })
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The rows.
    pub(crate) items: Vec<T>,
    /// Ask with it for the next page; null on the last.
    pub(crate) next_cursor: Option<String>,
    /// How many there are in all, counted up to 10,000.
    pub(crate) total: u64,
    /// False when there are more than `total`.
    pub(crate) total_exact: bool,
    /// First page only: start a consumer of events after this sequence of the class's stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stream_sequence: Option<u64>,
}

impl<T> Page<T> {
    pub(crate) fn new(items: Vec<T>, page: Option<PageInfo>) -> Self {
        let page = page.unwrap_or_default();
        Self {
            items,
            next_cursor: Some(page.next_cursor).filter(|c| !c.is_empty()),
            total: page.total,
            total_exact: page.total_exact,
            stream_sequence: page.stream_sequence,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Ndjson,
    Csv,
}

impl ListQuery {
    fn format(&self, headers: &HeaderMap) -> Result<Format, Fault> {
        match self.format.as_str() {
            "" => Ok(accepted(headers)),
            "csv" => Ok(Format::Csv),
            "ndjson" => Ok(Format::Ndjson),
            _ => Err(Fault::invalid("format", "format is csv or ndjson")),
        }
    }
}

fn accepted(headers: &HeaderMap) -> Format {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if accept.contains("application/x-ndjson") {
        Format::Ndjson
    } else if accept.contains("text/csv") {
        Format::Csv
    } else {
        Format::Json
    }
}

/// Answers one page as JSON, or the whole filtered list as a stream, as `Accept` asks.
///
/// # Errors
/// What the first page's read answers. A stream that breaks later ends without its last line,
/// `{"end":true,…}`: that is how a reader tells half a list from a whole one.
pub(crate) async fn answer<T, F, Fut>(
    headers: &HeaderMap,
    query: &ListQuery,
    columns: &'static [&'static str],
    fetch: F,
) -> Result<Response, Problem>
where
    T: Serialize + Send + Sync + 'static,
    F: Fn(PageRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Page<T>, Problem>> + Send,
{
    let mut request = query.page()?;
    let format = query.format(headers)?;
    if format == Format::Json {
        return Ok(axum::Json(fetch(request).await?).into_response());
    }
    request.limit = STREAM_PAGE;
    let first = fetch(request.clone()).await?;
    let media = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Json | Format::Ndjson => "application/x-ndjson",
    };
    let body = Body::from_stream(lines(first, request, format, columns, fetch));
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    if !query.format.is_empty() {
        let name = if format == Format::Csv { "gwm-list.csv" } else { "gwm-list.ndjson" };
        let saved = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
        response.headers_mut().insert(header::CONTENT_DISPOSITION, saved.expect("names are ASCII"));
    }
    Ok(response)
}

fn lines<T, F, Fut>(
    first: Page<T>,
    mut request: PageRequest,
    format: Format,
    columns: &'static [&'static str],
    fetch: F,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static
where
    T: Serialize + Send + Sync + 'static,
    F: Fn(PageRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Page<T>, Problem>> + Send,
{
    async_stream::try_stream! {
        let mut count = 0_u64;
        let mut page = first;
        if format == Format::Csv {
            yield Bytes::from(columns.join(",") + "\r\n");
        }
        loop {
            count += page.items.len() as u64;
            let mut text = String::new();
            for item in &page.items {
                match format {
                    Format::Csv => text += &csv_line(item, columns)?,
                    Format::Json | Format::Ndjson => {
                        text += &serde_json::to_string(item)?;
                        text.push('\n');
                    }
                }
            }
            yield Bytes::from(text);
            let Some(cursor) = page.next_cursor else { break };
            request.cursor = cursor;
            page = fetch(request.clone())
                .await
                .map_err(|Problem(fault)| std::io::Error::other(fault.message))?;
        }
        if format == Format::Ndjson {
            yield Bytes::from(format!("{{\"end\":true,\"count\":{count}}}\n"));
        }
    }
}

fn csv_line<T: Serialize>(item: &T, columns: &[&str]) -> Result<String, std::io::Error> {
    let value = serde_json::to_value(item)?;
    let cells: Vec<String> = columns.iter().map(|c| csv_cell(value.get(c))).collect();
    Ok(cells.join(",") + "\r\n")
}

fn csv_cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        Some(other) => other.to_string(),
    };
    // A spreadsheet would run a cell that begins like this.
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err()
    {
        format!("'{text}")
    } else {
        text
    };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn csv_cells_are_quoted_and_never_formulas() {
        let cell = |v: Value| csv_cell(Some(&v));
        assert_eq!(cell(json!("a,\"b\"")), "\"a,\"\"b\"\"\"");
        assert_eq!(cell(json!("=cmd()")), "'=cmd()");
        assert_eq!(cell(json!(-5)), "-5");
        assert_eq!(cell(json!(["a", "b"])), "a b");
        assert_eq!(csv_cell(None), "");
    }

    #[test]
    fn a_query_of_ten_kilobytes_is_refused_at_its_place() {
        let query = ListQuery { q: "a".repeat(10_240), ..Default::default() };
        let fault = query.page().unwrap_err();
        assert_eq!((fault.field.as_deref(), fault.position), (Some("q"), Some(1001)));
        let query = ListQuery { q: "ä".repeat(1000), ..Default::default() };
        assert!(query.page().is_ok());
    }

    #[test]
    fn limits_out_of_range_name_the_field() {
        for limit in [0, 201, u32::MAX] {
            let query = ListQuery { limit: Some(limit), ..Default::default() };
            assert_eq!(query.page().unwrap_err().field.as_deref(), Some("limit"));
        }
    }
}
