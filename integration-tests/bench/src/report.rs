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

    /// Ours against a peer's by another measure than time.
    pub(crate) fn ratio(
        &mut self,
        what: &str,
        ours: String,
        peer: String,
        ratio: f64,
        bar: &str,
        met: bool,
    ) {
        let ratio = format!("{ratio:.2}x");
        self.push(Row { what: what.to_owned(), ours, peer, ratio, bar: bar.to_owned(), met });
    }

    /// A figure that has a limit and no peer.
    pub(crate) fn limit(&mut self, what: &str, ours: String, bar: &str, met: bool) {
        let none = || "-".to_owned();
        let what = what.to_owned();
        self.push(Row { what, ours, peer: none(), ratio: none(), bar: bar.to_owned(), met });
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

    /// Adds one that was measured elsewhere.
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Seconds that so many in a hundred did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).copied().unwrap_or_default().as_secs_f64()
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
