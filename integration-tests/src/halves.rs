//! What a lasting stack keeps lies in two places, and one is worth nothing without the other: the keys
//! that open what the database holds, and the database that the streams tell of.

use std::path::Path;

use anyhow::Context;

use crate::files::write;

/// In each half: which start made it.
const ID: &str = "installation.id";

/// Lets the first start mark both halves as made together; afterwards refuses two that were not.
///
/// # Errors
/// One half is gone or from another start; the text says what to remove. Or a file can't be written.
pub fn belong_together(state: &Path, postgres: &Path) -> anyhow::Result<()> {
    let ours = Half::look(state, "secrets/auth-master.key")?;
    let theirs = Half::look(postgres, "data/PG_VERSION")?;
    match (ours.id, theirs.id) {
        (Some(one), Some(other)) if one == other => return Ok(()),
        // Nothing to lose yet, or from before there were ids.
        (one, other) if ours.used == theirs.used && (!ours.used || one == other) => {}
        _ => {
            let half = |path: &Path, used| {
                format!("{} ({})", path.display(), if used { "in use" } else { "empty" })
            };
            anyhow::bail!(
                "What the last start left is there only by half: the keys in {} and the database in \
                 {} do not belong together, so the one can't open the other. Nothing was started.\n\
                 Put the missing half back, or begin anew without both:\n\n    rm -rf {} {}",
                half(state, ours.used),
                half(postgres, theirs.used),
                state.display(),
                postgres.display(),
            );
        }
    }
    let id: String = (0..16).map(|_| format!("{:02x}", rand::random::<u8>())).collect();
    for half in [state, postgres] {
        std::fs::create_dir_all(half).with_context(|| format!("making {}", half.display()))?;
        write(&half.join(ID), &id)?;
    }
    Ok(())
}

struct Half {
    id: Option<String>,
    /// Whether something is in it that the other half needs.
    used: bool,
}

impl Half {
    fn look(directory: &Path, proof: &str) -> anyhow::Result<Self> {
        let file = directory.join(ID);
        let id = match std::fs::read_to_string(&file) {
            Ok(id) => Some(id),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).context(format!("reading {}", file.display())),
        };
        Ok(Self { id, used: directory.join(proof).exists() })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use gwm_testkit::Scratch;

    use super::*;

    /// Two halves; `true` for one in which a start left something.
    fn halves(state: bool, postgres: bool) -> (Scratch, PathBuf, PathBuf) {
        let scratch = Scratch::new("gwm-halves-").unwrap();
        let (one, other) = (scratch.path().join("stack"), scratch.path().join("postgres"));
        use_it(&one, "secrets/auth-master.key", state);
        use_it(&other, "data/PG_VERSION", postgres);
        (scratch, one, other)
    }

    fn use_it(half: &Path, proof: &str, used: bool) {
        let file = half.join(proof);
        if used {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
    }

    #[test]
    fn the_first_start_marks_both_and_the_next_ones_go_on() {
        let (_scratch, state, postgres) = halves(false, false);
        belong_together(&state, &postgres).unwrap();
        // A first start that was cut short is no reason to begin anew.
        belong_together(&state, &postgres).unwrap();
        use_it(&state, "secrets/auth-master.key", true);
        belong_together(&state, &postgres).unwrap();
        use_it(&postgres, "data/PG_VERSION", true);
        belong_together(&state, &postgres).unwrap();
    }

    #[test]
    fn what_was_made_before_there_were_ids_goes_on_too() {
        let (_scratch, state, postgres) = halves(true, true);
        belong_together(&state, &postgres).unwrap();
        belong_together(&state, &postgres).unwrap();
    }

    #[test]
    fn one_half_alone_is_refused_with_what_to_remove() {
        for (there, gone) in [("stack", "postgres"), ("postgres", "stack")] {
            let (scratch, state, postgres) = halves(false, false);
            belong_together(&state, &postgres).unwrap();
            use_it(&state, "secrets/auth-master.key", true);
            use_it(&postgres, "data/PG_VERSION", true);
            std::fs::remove_dir_all(scratch.path().join(gone)).unwrap();
            let text = belong_together(&state, &postgres).unwrap_err().to_string();
            for words in [
                format!("{} (in use)", scratch.path().join(there).display()),
                format!("{} (empty)", scratch.path().join(gone).display()),
                format!("rm -rf {} {}", state.display(), postgres.display()),
            ] {
                assert!(text.contains(&words), "wanted {words:?}: {text}");
            }
            // It stays refused: what was found is not taken for what was wanted.
            belong_together(&state, &postgres).unwrap_err();
        }
        for (state, postgres) in [(true, false), (false, true)] {
            let (_scratch, state, postgres) = halves(state, postgres);
            belong_together(&state, &postgres).unwrap_err();
        }
    }

    #[test]
    fn halves_of_two_starts_are_refused() {
        let (_one, state, first) = halves(false, false);
        let (_other, second, postgres) = halves(false, false);
        belong_together(&state, &first).unwrap();
        belong_together(&second, &postgres).unwrap();
        use_it(&state, "secrets/auth-master.key", true);
        use_it(&postgres, "data/PG_VERSION", true);
        belong_together(&state, &postgres).unwrap_err();
    }
}
