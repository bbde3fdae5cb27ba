//! What was asked of a cluster, for assertions.

use std::collections::VecDeque;

use serde::Serialize;

/// Longest part of a body that is kept.
const BODY: usize = 4096;
/// Requests kept.
const KEPT: usize = 50_000;

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    /// Counts from 1.
    pub number: u64,
    /// Seconds since 1970.
    pub at: f64,
    /// Connection on which it came; each carries one request.
    pub connection: u64,
    /// Connections open at that moment.
    pub open: usize,
    /// Method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query string.
    pub query: String,
    /// User name given, right or wrong.
    pub user: Option<String>,
    /// Beginning of the body.
    pub body: String,
    /// Status answered; 0 when no answer was given.
    pub status: u16,
}

/// The latest requests.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    records: VecDeque<RequestRecord>,
    count: u64,
    /// Connections accepted so far.
    pub connections: u64,
    /// Connections open now.
    pub open: usize,
    /// Most connections ever open at once.
    pub most_open: usize,
}

impl RequestLog {
    /// Notes a connection; answers its number.
    pub(crate) fn connected(&mut self) -> u64 {
        self.connections += 1;
        self.open += 1;
        self.most_open = self.most_open.max(self.open);
        self.connections
    }

    /// Notes the end of a connection.
    pub(crate) fn disconnected(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Notes a request; answers its number.
    pub(crate) fn push(&mut self, mut record: RequestRecord) -> u64 {
        self.count += 1;
        record.number = self.count;
        record.open = self.open;
        if record.body.len() > BODY {
            let cut = (0..=BODY).rev().find(|at| record.body.is_char_boundary(*at)).unwrap_or(0);
            record.body.truncate(cut);
        }
        self.records.push_back(record);
        if self.records.len() > KEPT {
            self.records.pop_front();
        }
        self.count
    }

    /// Notes what was answered.
    pub(crate) fn answered(&mut self, number: u64, status: u16) {
        if let Some(record) = self.records.iter_mut().rev().find(|r| r.number == number) {
            record.status = status;
        }
    }

    /// All requests kept, oldest first.
    #[must_use]
    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }

    /// Forgets the requests, not the counts.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
    }
}
