//! Adopting instances: by CSV, by query or one by one, all through the same lines. First said line by line,
//! done only when confirmed, and then all or nothing.

use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{OwnerLine, SetOwnersRequest};
use gwm_proto::cache::{InstanceName, ListInstancesRequest, ResolveInstancesRequest};
use gwm_proto::common::{ObjectRef, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::AppState;
use crate::http::person::Person;
use crate::http::problem::Problem;

/// Lines of one run.
pub(crate) const MOST_LINES: usize = 10_000;
/// What so many lines take, forms included.
pub(crate) const LARGEST: usize = 4 << 20;
/// The role of an owner for whom none is named.
pub(crate) const ROLE: &str = "admin";
const HEAD: [&str; 4] = ["cluster", "instance", "owner", "role"];

/// A line as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Of the file, from 1.
    pub(crate) number: u64,
    pub(crate) cluster: String,
    /// Name or UUID.
    pub(crate) instance: String,
    pub(crate) owner: String,
    pub(crate) role: String,
    /// It has another number of cells than a line has.
    pub(crate) broken: bool,
}

/// What a line does, or why it does nothing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct AdoptLine {
    /// Number of the line in the file, from 1; of the selection otherwise.
    pub(crate) line: u64,
    pub(crate) cluster: String,
    /// The name; as it was written where there is no such instance.
    pub(crate) instance: String,
    pub(crate) uuid: Option<String>,
    pub(crate) owner: String,
    pub(crate) role: String,
    /// `set`, `same` (it is so already) or `refused`.
    pub(crate) outcome: String,
    /// Of a refused one: `bad_line`, `unknown_cluster`, `unknown_instance`, `no_owner`, `unknown_user`,
    /// `disabled_user`, `owned`, `twice`, `bad_role`.
    pub(crate) code: Option<String>,
    /// The reason in words.
    pub(crate) text: Option<String>,
}

/// What became of a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct AdoptRun {
    /// False when it was not confirmed, or a line was refused: then nothing was done.
    pub(crate) done: bool,
    /// Lines that change something.
    pub(crate) changed: usize,
    /// Lines that are refused.
    pub(crate) refused: usize,
    /// Of the audit records; null when nothing was done.
    pub(crate) run_id: Option<String>,
    pub(crate) lines: Vec<AdoptLine>,
}

fn wrong(text: impl Into<String>) -> Fault {
    Fault::invalid("csv", text.into())
}

/// Reads `cluster,instance,owner,role`; the first line may be just that, and the role may be left out.
pub(crate) fn read_csv(text: &str) -> Result<Vec<Line>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut lines = Vec::new();
    let (mut number, mut counted) = (1, 0);
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|error| wrong(format!("this is no CSV: {error}")))?;
        // The reader's own count lags behind where lines end in CR LF: a record begins at the rest of
        // the line end before it.
        let from = record.position().map_or(0, csv::Position::byte);
        let rest = text.get(usize::try_from(from).unwrap_or(0)..).unwrap_or_default();
        let begins = text.len() - rest.trim_start_matches(['\r', '\n']).len();
        number += text.as_bytes()[counted..begins].iter().filter(|b| **b == b'\n').count();
        counted = begins;
        let head = |n: usize| record.get(n).unwrap_or_default().eq_ignore_ascii_case(HEAD[n]);
        if at == 0 && head(0) && head(1) && head(2) {
            continue;
        }
        if record.iter().all(str::is_empty) {
            continue;
        }
        if lines.len() == MOST_LINES {
            let text = format!("the file has more than {MOST_LINES} lines: adopt in several parts");
            return Err(wrong(text));
        }
        let cell = |n: usize| record.get(n).unwrap_or_default().to_owned();
        let role = Some(cell(3)).filter(|r| !r.is_empty()).unwrap_or_else(|| ROLE.to_owned());
        lines.push(Line {
            number: u64::try_from(number).unwrap_or(u64::MAX),
            cluster: cell(0),
            instance: cell(1),
            owner: cell(2),
            role,
            broken: !(3..=4).contains(&record.len()),
        });
    }
    if lines.is_empty() {
        return Err(wrong("there are no lines: give cluster,instance,owner,role"));
    }
    Ok(lines)
}

/// The same lines as a file, by UUID where that is known: what is confirmed is what was looked at.
pub(crate) fn write_csv(lines: &[AdoptLine]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written: Result<(), csv::Error> = std::iter::once(HEAD)
        .chain(lines.iter().map(|l| {
            let instance = l.uuid.as_deref().unwrap_or(&l.instance);
            [l.cluster.as_str(), instance, l.owner.as_str(), l.role.as_str()]
        }))
        .try_for_each(|cells| writer.write_record(cells));
    written
        .ok()
        .and_then(|()| writer.into_inner().ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default()
}

/// All orphans that a query finds, for one owner.
pub(crate) async fn by_query(
    state: &AppState,
    person: &Person,
    q: &str,
    owner: &str,
    role: &str,
) -> Result<Vec<Line>, Problem> {
    let mut lines = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = PageRequest { q: q.to_owned(), limit: 200, cursor, ..Default::default() };
        let request = person.ask(ListInstancesRequest { page: Some(page) });
        let answer = state.clients.imports().list_orphans(request).await?.into_inner();
        for instance in answer.instances {
            lines.push(Line {
                number: lines.len() as u64 + 1,
                cluster: instance.cluster,
                instance: instance.uuid,
                owner: owner.to_owned(),
                role: role.to_owned(),
                broken: false,
            });
        }
        if lines.len() > MOST_LINES {
            let text = format!("this finds more than {MOST_LINES} orphans: adopt in several parts");
            return Err(Fault::invalid("q", text).into());
        }
        cursor = answer.page.unwrap_or_default().next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    if lines.is_empty() {
        return Err(Fault::invalid("q", "no orphan matches this").into());
    }
    Ok(lines)
}

/// Says of each line what it does, and does them if that is confirmed and none is refused.
pub(crate) async fn run(
    state: &AppState,
    person: &Person,
    lines: Vec<Line>,
    source: &str,
    confirm: bool,
) -> Result<AdoptRun, Problem> {
    state.authz.require_admin(&person.0)?;
    let names = lines
        .iter()
        .map(|l| InstanceName { cluster: clip(&l.cluster), instance: clip(&l.instance) })
        .collect();
    let request = person.ask(ResolveInstancesRequest { names });
    let found = state.clients.imports().resolve_instances(request).await?.into_inner().instances;
    let mut out: Vec<AdoptLine> = Vec::with_capacity(lines.len());
    let (mut asked, mut places) = (Vec::new(), Vec::new());
    for (line, found) in lines.into_iter().zip(found) {
        let known = (!found.uuid.is_empty()).then(|| found.uuid.clone());
        let refusal = if line.broken {
            Some(("bad_line", "a line is cluster,instance,owner,role".to_owned()))
        } else if found.cluster_id.is_empty() {
            Some(("unknown_cluster", format!("there is no cluster {}", clip(&line.cluster))))
        } else if known.is_none() {
            let text = format!("{} has no instance {}", line.cluster, clip(&line.instance));
            Some(("unknown_instance", text))
        } else if line.owner.is_empty() {
            Some(("no_owner", "no owner is given".to_owned()))
        } else {
            None
        };
        let name = if found.name.is_empty() { line.instance.clone() } else { found.name };
        if refusal.is_none() {
            places.push(out.len());
            asked.push(OwnerLine {
                instance: Some(ObjectRef {
                    kind: "instance".to_owned(),
                    cluster_id: found.cluster_id,
                    uuid: found.uuid,
                }),
                cluster: line.cluster.clone(),
                name: name.clone(),
                owner: clip(&line.owner),
                role: if line.role == "none" { String::new() } else { clip(&line.role) },
                remove_former_grants: false,
            });
        }
        let (code, text) = refusal.unzip();
        out.push(AdoptLine {
            line: line.number,
            cluster: line.cluster,
            instance: name,
            uuid: known,
            owner: line.owner,
            role: line.role,
            outcome: "refused".to_owned(),
            code: code.map(str::to_owned),
            text,
        });
    }
    let whole = places.len() == out.len();
    let (mut done, mut run_id) = (false, None);
    if !asked.is_empty() {
        let mut request = person.ask(SetOwnersRequest {
            lines: asked,
            only_orphans: true,
            dry_run: !confirm || !whole,
            source: source.to_owned(),
        });
        request.set_timeout(std::time::Duration::from_secs(60));
        let answer = state.clients.owners().set_owners(request).await?.into_inner();
        for (place, outcome) in places.into_iter().zip(answer.outcomes) {
            let line = &mut out[place];
            line.outcome = outcome.outcome;
            line.code = Some(outcome.code).filter(|c| !c.is_empty());
            line.text = Some(outcome.text).filter(|t| !t.is_empty());
        }
        done = answer.done && confirm && whole;
        run_id = Some(answer.run_id).filter(|r| !r.is_empty());
    }
    let count = |what: &str| out.iter().filter(|l| l.outcome == what).count();
    Ok(AdoptRun { done, changed: count("set"), refused: count("refused"), run_id, lines: out })
}

fn clip(text: &str) -> String {
    text.chars().take(100).collect()
}

/// What a person gave: exactly one of the three ways.
pub(crate) fn only_one(given: [bool; 3]) -> Result<(), Fault> {
    if given.into_iter().filter(|g| *g).count() == 1 {
        return Ok(());
    }
    let text = "give one of csv, q and instances";
    Err(Fault::new(ErrorCode::InvalidArgument, "invalid_argument", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_have_a_head_a_mark_quotes_and_empty_lines() {
        let text = "\u{feff}Cluster,Instance,Owner,Role\r\nfra1,web1,carla,power\r\n\r\n\"fra1\", web2 ,dora\r\nfra1\r\n";
        let lines = read_csv(text).unwrap();
        let cells: Vec<_> =
            lines.iter().map(|l| (l.number, &*l.instance, &*l.owner, &*l.role, l.broken)).collect();
        let wanted = [
            (2, "web1", "carla", "power", false),
            (4, "web2", "dora", "admin", false),
            (5, "", "", "admin", true),
        ];
        assert_eq!(cells, wanted);
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        for text in ["", "\n\n", "cluster,instance,owner,role\n"] {
            assert_eq!(read_csv(text).unwrap_err().field.as_deref(), Some("csv"));
        }
        assert_eq!(read_csv(&"a,b,c\n".repeat(MOST_LINES)).unwrap().len(), MOST_LINES);
        assert!(read_csv(&"a,b,c\n".repeat(MOST_LINES + 1)).is_err());
    }

    #[test]
    fn what_is_written_is_read_again_as_it_was_looked_at() {
        let line = AdoptLine {
            line: 7,
            cluster: "fra1".to_owned(),
            instance: "web, \"one\"".to_owned(),
            uuid: None,
            owner: "carla".to_owned(),
            role: "none".to_owned(),
            outcome: "set".to_owned(),
            code: None,
            text: None,
        };
        let known = AdoptLine { uuid: Some("u-1".to_owned()), ..line.clone() };
        let lines = read_csv(&write_csv(&[line, known])).unwrap();
        let cells: Vec<_> = lines.iter().map(|l| (&*l.instance, &*l.role)).collect();
        assert_eq!(cells, [("web, \"one\"", "none"), ("u-1", "none")]);
    }
}
