//! What the processes of a stack use, by what the kernel says.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context as _;

/// Ticks of the kernel's clock in a second, on every Linux there is.
const TICKS: f64 = 100.0;

/// CPU seconds and resident megabytes by name: a service's, or a database's.
#[derive(Debug, Default)]
pub(crate) struct Usage(HashMap<String, (f64, f64)>);

impl Usage {
    /// Of the stack whose files are under `root`.
    pub(crate) fn of(root: &Path) -> anyhow::Result<Self> {
        let root = root.to_string_lossy().into_owned();
        let mut all = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let path = entry?.path();
            let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap_or_default();
            let (stat, command) = (read("stat"), read("cmdline").replace('\0', " "));
            // After the name, which may hold anything, in parentheses.
            let Some((id, rest)) = stat.split_once(' ') else { continue };
            let Some((_, rest)) = rest.rsplit_once(')') else { continue };
            let fields: Vec<&str> = rest.split_whitespace().collect();
            let field = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
            let parent = fields.get(1).copied().unwrap_or_default().to_owned();
            all.push((id.to_owned(), parent, command, field(11) + field(12), field(21)));
        }
        let is_postmaster =
            |command: &str| command.contains(&root) && command.contains("/bin/postgres");
        let postmaster =
            all.iter().find(|(_, _, c, ..)| is_postmaster(c)).map(|(id, ..)| id.clone());
        let mut usage = Self::default();
        for (_, parent, command, ticks, pages) in &all {
            let name = if Some(parent) == postmaster.as_ref() {
                // "postgres: gwm gwm_cache 127.0.0.1(50000) idle", or a worker for all of them.
                let database = command.split_whitespace().find(|w| w.starts_with("gwm_"));
                database.unwrap_or("postgres").to_owned()
            } else if command.contains(&root) && command.contains("/gwm-") {
                let program = command.split_whitespace().next().unwrap_or_default();
                program.rsplit("/gwm-").next().unwrap_or_default().to_owned()
            } else {
                continue;
            };
            let sum = usage.0.entry(name).or_default();
            sum.0 += ticks / TICKS;
            sum.1 += pages * 4096.0 / 1e6;
        }
        Ok(usage)
    }

    /// CPU seconds so far.
    pub(crate) fn cpu(&self, name: &str) -> f64 {
        self.0.get(name).map_or(0.0, |(cpu, _)| *cpu)
    }

    /// Resident memory, in MB.
    pub(crate) fn memory(&self, name: &str) -> Option<f64> {
        self.0.get(name).map(|(_, memory)| *memory)
    }
}

/// CPU seconds so far of one process.
pub(crate) fn cpu_of(id: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("a process")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((field(11) + field(12)) / TICKS)
}
