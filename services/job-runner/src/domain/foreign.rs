//! Ganeti jobs that this gwm did not submit.

use chrono::{DateTime, Utc};
use gwm_events::types::inventory::GanetiJob;
use gwm_types::{ClusterId, InstanceUuid, JobId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// One of them, as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct ForeignJob {
    pub(crate) job_id: JobId,
    pub(crate) cluster_id: ClusterId,
    pub(crate) cluster_slug: String,
    /// `instance_shutdown`.
    pub(crate) kind: String,
    /// `instance`, `node`, or empty for the cluster.
    pub(crate) object_kind: String,
    pub(crate) instance_uuid: Option<InstanceUuid>,
    pub(crate) object_name: String,
    /// Ganeti's line for each opcode.
    pub(crate) summary: Vec<String>,
    /// One of the five states.
    pub(crate) state: String,
    pub(crate) ganeti_job: u64,
    pub(crate) ganeti_status: String,
    pub(crate) error: Option<(String, String)>,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
}

/// The id is made out of cluster and number, so that nothing makes two of one job.
pub(crate) fn id_of(cluster: ClusterId, number: u64) -> JobId {
    let digest = Sha256::digest(format!("ganeti-job {cluster} {number}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    JobId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Ganeti's word as one of the five states.
fn state_of(status: &str) -> &'static str {
    match status {
        "queued" | "waiting" => "queued",
        "success" => "succeeded",
        "canceled" => "canceled",
        // What Ganeti has forgotten did not end well as far as anybody can say.
        "error" | "unknown" => "failed",
        _ => "running",
    }
}

impl ForeignJob {
    /// What an event tells; none when it can't be read.
    pub(crate) fn of(told: &GanetiJob, observed_at: DateTime<Utc>) -> Option<Self> {
        let cluster_id: ClusterId = told.cluster_id.parse().ok()?;
        let first = told.objects.first();
        let error = match (told.status.as_str(), &told.error) {
            ("unknown", _) => Some((
                "ganeti_forgot".to_owned(),
                "Ganeti knows nothing of this job any more, so how it ended is not known."
                    .to_owned(),
            )),
            ("error", class) => {
                let class = class.as_deref().unwrap_or("no class of error");
                let text = format!(
                    "Ganeti says: {class}. Its text may hold secrets, so gwm does not keep it: gnt-job info {} on \
                     the master shows it.",
                    told.number
                );
                Some(("ganeti_error".to_owned(), text))
            }
            _ => None,
        };
        let op_code = told.op_code.strip_prefix("OP_").unwrap_or(&told.op_code);
        let instance = told.objects.iter().find(|o| o.kind == "instance");
        // A right on one of several instances is none on the job, whose lines name the others too. What
        // nobody knows of is in the lines only.
        let names_only = |name: &str| {
            let mut arguments = told.summary.iter().filter_map(|line| line.split_once('('));
            arguments.all(|(_, rest)| rest.strip_suffix(')') == Some(name))
        };
        let only = instance.filter(|o| told.objects.len() == 1 && names_only(&o.name));
        Some(Self {
            job_id: id_of(cluster_id, told.number),
            cluster_id,
            cluster_slug: told.cluster.clone(),
            kind: if op_code.is_empty() { "unknown".to_owned() } else { op_code.to_lowercase() },
            object_kind: first.map(|o| o.kind.clone()).unwrap_or_default(),
            instance_uuid: only
                .and_then(|o| o.uuid.as_deref())
                .and_then(|uuid| Uuid::parse_str(uuid).ok())
                .map(InstanceUuid),
            object_name: first.map(|o| o.name.clone()).unwrap_or_default(),
            summary: told.summary.clone(),
            state: state_of(&told.status).to_owned(),
            ganeti_job: told.number,
            ganeti_status: told.status.clone(),
            error,
            revision: i64::try_from(told.revision).unwrap_or(i64::MAX),
            // Lists are ordered by it: no clock that is ahead puts a job above all others.
            created_at: told.received_at.map_or(observed_at, |at| at.min(observed_at)),
            started_at: told.started_at,
            ended_at: told.ended_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use gwm_events::types::Object;
    use gwm_events::types::inventory::GanetiJobObject;

    use super::*;

    #[test]
    fn ids_are_the_clusters_and_the_numbers_own() {
        let (one, two) = (ClusterId(Uuid::from_u128(1)), ClusterId(Uuid::from_u128(2)));
        assert_eq!(id_of(one, 7), id_of(one, 7));
        assert_ne!(id_of(one, 7), id_of(one, 8));
        assert_ne!(id_of(one, 7), id_of(two, 7));
    }

    #[test]
    fn a_job_is_an_instances_own_only_if_no_line_names_anything_else() {
        let uuid = "00000000-0000-4000-8000-000000000001";
        let of = |summary: &[&str]| {
            let told = GanetiJob {
                summary: summary.iter().map(|&line| line.to_owned()).collect(),
                objects: vec![GanetiJobObject {
                    kind: "instance".to_owned(),
                    name: "web1".to_owned(),
                    uuid: Some(uuid.to_owned()),
                }],
                cluster_id: uuid.to_owned(),
                ..GanetiJob::example("started")
            };
            ForeignJob::of(&told, DateTime::UNIX_EPOCH).unwrap().instance_uuid.is_some()
        };
        assert!(of(&["INSTANCE_SHUTDOWN(web1)"]));
        assert!(of(&["TAGS_SET", "INSTANCE_STARTUP(web1)"]));
        assert!(!of(&["INSTANCE_SHUTDOWN(web1)", "INSTANCE_CREATE(others)"]));
        assert!(!of(&["INSTANCE_SHUTDOWN(web1)", "TAGS_SET(web11)"]));
    }

    #[test]
    fn every_word_of_ganetis_is_one_of_the_five_states() {
        for (word, state) in [
            ("queued", "queued"),
            ("waiting", "queued"),
            ("running", "running"),
            ("canceling", "running"),
            ("success", "succeeded"),
            ("error", "failed"),
            ("canceled", "canceled"),
            ("unknown", "failed"),
            ("something new", "running"),
        ] {
            assert_eq!(state_of(word), state, "{word}");
        }
    }
}
