//! The table.

use std::fmt;
use std::time::{Duration, Instant};

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Row {
    what: String,
    ours: String,
    peer: String,
    ratio: String,
    bar: String,
    met: bool,
}

impl Report {
    /// How many times faster ours is than the peer, which must be at least `bar`.
    pub(crate) fn faster(&mut self, what: &str, ours: &Times, peer: &Times, bar: f64) {
        let ratio = peer.median().as_secs_f64() / ours.median().as_secs_f64();
        self.push(Row {
            what: what.to_owned(),
            ours: ours.to_string(),
            peer: peer.to_string(),
            ratio: format!("{ratio:.2}x"),
            bar: format!(">= {bar}x"),
            met: ratio >= bar,
        });
    }

    /// Said below the table.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn push(&mut self, row: Row) {
        // Who watches sees it at once; the table comes at the end.
        println!("  {}: {} (peer {}): {}", row.what, row.ours, row.peer, row.ratio);
        self.rows.push(row);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| what | ours | peer | ratio | bar | met |\n|---|---|---|---|---|---|")?;
        for Row { what, ours, peer, ratio, bar, met } in &self.rows {
            let met = if *met { "yes" } else { "NO" };
            writeln!(f, "| {what} | {ours} | {peer} | {ratio} | {bar} | {met} |")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "\n* {note}"))
    }
}

/// What rounds took.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Measures one round.
    pub(crate) async fn round<T>(&mut self, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let out = work.await;
        self.0.push(started.elapsed());
        out
    }

    /// The one in the middle.
    pub(crate) fn median(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.median().as_secs_f64() * 1000.0)
    }
}
