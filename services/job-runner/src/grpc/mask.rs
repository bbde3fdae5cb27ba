//! What is left of a job for those who may not see where instances run: whole fields go, no text is searched for names.
//! Each message is written out field by field, so a new field does not compile before it is said here what becomes of it.

use gwm_events::types::placement::error_message;
use gwm_proto::jobs as wire;

pub(super) fn job(j: wire::Job) -> wire::Job {
    let foreign = j.origin == "ganeti";
    // A job of others' may be about a node; one that is an instance's alone has its UUID.
    let named = !foreign || j.object.as_ref().is_some_and(|o| !o.uuid.is_empty());
    wire::Job {
        object_name: if named { j.object_name } else { String::new() },
        steps: j.steps.into_iter().map(|s| step(s, foreign)).collect(),
        error: j.error.map(|e| error(e, foreign)),
        details_hidden: true,
        job_id: j.job_id,
        kind: j.kind,
        cluster: j.cluster,
        object: j.object,
        state: j.state,
        ganeti_jobs: j.ganeti_jobs,
        requested_by: j.requested_by,
        requested_by_id: j.requested_by_id,
        acting_as: j.acting_as,
        created_at: j.created_at,
        started_at: j.started_at,
        ended_at: j.ended_at,
        // In our own words.
        waiting_for: j.waiting_for,
        stale: j.stale,
        revision: j.revision,
        origin: j.origin,
    }
}

fn step(s: wire::Step, foreign: bool) -> wire::Step {
    wire::Step {
        name: if foreign { opcode(&s.name).to_owned() } else { s.name },
        state: s.state,
        ganeti_job: s.ganeti_job,
        ganeti_status: s.ganeti_status,
    }
}

/// Ganeti's line for an opcode without its argument: `NODE_EVACUATE` of `NODE_EVACUATE(node1)`.
fn opcode(line: &str) -> &str {
    let word = line.split_once('(').map_or(line, |(word, _)| word);
    let is_opcode = word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if is_opcode { word } else { "" }
}

fn error(e: wire::JobError, foreign: bool) -> wire::JobError {
    wire::JobError {
        // Of others' jobs Ganeti's words are not even kept.
        message: if foreign { e.message } else { error_message(&e.code, &e.message) },
        code: e.code,
        hint: e.hint,
    }
}

#[cfg(test)]
mod tests {
    use gwm_proto::common::ObjectRef;

    use super::*;

    fn a_job(origin: &str, uuid: &str) -> wire::Job {
        wire::Job {
            job_id: "j".to_owned(),
            kind: "node_evacuate".to_owned(),
            object: Some(ObjectRef {
                kind: "instance".to_owned(),
                cluster_id: "c".to_owned(),
                uuid: uuid.to_owned(),
            }),
            object_name: "name".to_owned(),
            steps: vec![
                wire::Step {
                    name: "NODE_EVACUATE(HIDDEN)".to_owned(),
                    ganeti_status: "running".to_owned(),
                    ..wire::Step::default()
                },
                wire::Step { name: "HIDDEN node".to_owned(), ..wire::Step::default() },
            ],
            error: Some(wire::JobError {
                code: "ganeti_error".to_owned(),
                message: "HIDDEN is full".to_owned(),
                hint: "our words".to_owned(),
            }),
            waiting_for: "a lock in Ganeti".to_owned(),
            origin: origin.to_owned(),
            ..wire::Job::default()
        }
    }

    #[test]
    fn of_others_jobs_opcodes_stay_without_what_they_work_on() {
        let mut before = a_job("ganeti", "");
        before.error = None;
        let seen = job(before);
        let text = format!("{seen:?}");
        assert!(!text.contains("HIDDEN") && !text.contains("\"name\""), "{text}");
        assert_eq!(seen.steps[0].name, "NODE_EVACUATE");
        assert_eq!(seen.steps[0].ganeti_status, "running");
        assert!(seen.details_hidden);
        // One that is an instance's alone keeps its name.
        assert_eq!(job(a_job("ganeti", "uuid")).object_name, "name");
    }

    #[test]
    fn of_our_own_jobs_ganetis_words_go_and_ours_stay() {
        let mut before = a_job("gwm", "");
        before.steps.truncate(1);
        before.steps[0].name = "startup".to_owned();
        let seen = job(before);
        let text = format!("{seen:?}");
        assert!(!text.contains("HIDDEN"), "{text}");
        assert_eq!((seen.object_name.as_str(), seen.steps[0].name.as_str()), ("name", "startup"));
        assert_eq!(seen.waiting_for, "a lock in Ganeti");
        let error = seen.error.unwrap();
        assert_eq!((error.code.as_str(), error.hint.as_str()), ("ganeti_error", "our words"));
    }
}
