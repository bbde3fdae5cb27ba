use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::Error;

/// Removes `$1` when standard input ends; again and again while a program that is just being stopped
/// still writes there.
const KEEPER: &str = r#"cat >/dev/null
n=0
while [ "$n" -lt 100 ]; do
  rm -rf "$1" 2>/dev/null
  [ -e "$1" ] || exit 0
  sleep 0.1
  n=$((n + 1))
done"#;

/// A directory that is gone when this process is, however it went.
#[derive(Debug)]
pub struct Scratch {
    keeper: Child,
    directory: PathBuf,
}

impl Scratch {
    /// A new directory `/var/tmp/<prefix>...`. Not below the project or `TMPDIR`: the user `postgres` may not
    /// be able to go there.
    pub fn new(prefix: &str) -> Result<Self, Error> {
        let directory = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in("/var/tmp")
            .map(TempDir::keep)
            .map_err(Error::file("/var/tmp"))?;
        let keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Spawn { name: "keeper".to_owned(), source })?;
        Ok(Self { keeper, directory })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
