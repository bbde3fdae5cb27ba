//! Where things are: the project, its tools, scratch space.

use std::env;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::Error;

/// The project's top directory.
#[must_use]
pub fn project_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two levels below the top")
        .to_path_buf()
}

/// A program by name: the project's own copy under `.local/tools/bin`, else the one on `PATH`.
pub fn program(name: &str) -> Result<PathBuf, Error> {
    let own = project_root().join(".local/tools/bin");
    let path = env::var_os("PATH").unwrap_or_default();
    find(name, std::iter::once(own.clone()).chain(env::split_paths(&path))).ok_or_else(|| {
        Error::ProgramMissing {
            program: name.to_owned(),
            looked: format!("{} and PATH", own.display()),
        }
    })
}

/// Debian keeps Postgres' server programs off `PATH`: the newest version's directory.
pub fn postgres_bin() -> Result<PathBuf, Error> {
    let base = Path::new("/usr/lib/postgresql");
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = std::fs::read_dir(base)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(version);
    if let Some(path) = newest {
        return Ok(path.join("bin"));
    }
    let initdb = program("initdb")?;
    let real = initdb.canonicalize().map_err(Error::file(&initdb))?;
    Ok(real.parent().expect("a program lies in a directory").to_path_buf())
}

/// Whether this process runs as root (Postgres refuses to).
#[must_use]
pub fn is_root() -> bool {
    effective_user().0 == 0
}

pub(crate) fn effective_user() -> (u32, u32) {
    let own = std::fs::metadata("/proc/self").expect("/proc is mounted");
    (own.uid(), own.gid())
}

/// User and group number of an account of this machine.
pub(crate) fn account(name: &str) -> Result<(u32, u32), Error> {
    let file = "/etc/passwd";
    let text = std::fs::read_to_string(file).map_err(Error::file(file))?;
    text.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))
        .and_then(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))
        .ok_or_else(|| Error::NotReady(format!("this machine has no user {name}")))
}

fn find(name: &str, directories: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    directories.map(|directory| directory.join(name)).find(|path| path.is_file())
}
