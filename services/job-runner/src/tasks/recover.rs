//! Submissions without an answer: found again by their op, or proven absent.

use std::time::Duration;

use gwm_rapi::{Client, GanetiJobId};
use tokio::time::Instant;

use super::runner::Runner;
use super::trouble::Trouble;
use crate::domain::{Failure, Op, OpState, Phase, Verdict, verdict, waiting};
use crate::store::{commit, job, op};

/// Between two searches for one op: at first this, then longer and longer.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(10);

impl Runner {
    /// Searches for each unknown submission that is due.
    pub(super) async fn recover(&mut self, client: &Client) -> Result<(), Trouble> {
        let unknown = {
            let mut connection = self.engine.store.connection().await?;
            op::unresolved(&mut connection, self.cluster, OpState::Unknown).await?
        };
        self.searches.retain(|op_id, _| unknown.iter().any(|(op, _)| op.op_id == *op_id));
        let wait = self.engine.config.ganeti.rapi_unknown_wait;
        for (op, unknown_for) in unknown {
            let (next, searches) =
                self.searches.get(&op.op_id).copied().unwrap_or((Instant::now(), 0));
            if Instant::now() < next {
                continue;
            }
            // How long it was unknown counts from before the search: what the search did not see
            // can only have come after that.
            let after = GanetiJobId(op.after_ganeti_job);
            let found = client.find_jobs_by_op(op.op_id.0, after).await?;
            let numbers: Vec<u64> = found.iter().map(|(id, _)| id.0).collect();
            let verdict = verdict(&numbers, unknown_for, wait);
            tracing::info!(op_id = %op.op_id, ?verdict, ?unknown_for, "searched for a submission");
            if verdict == Verdict::Wait {
                let pause = FIRST.saturating_mul(1 << searches.min(5)).min(LONGEST);
                let pause = pause.min(wait.saturating_sub(unknown_for)).max(FIRST / 5);
                self.searches.insert(op.op_id, (Instant::now() + pause, searches + 1));
                self.still_unknown(&op).await?;
            } else {
                self.resolve(&op, verdict).await?;
            }
        }
        Ok(())
    }

    /// A job that said the cluster can't be reached says again what it waits for.
    async fn still_unknown(&self, op: &Op) -> Result<(), Trouble> {
        let mut tx = self.engine.store.begin_fenced(&self.held).await?;
        if let Some(before) = job::fetch(&mut tx, op.job_id).await?
            && before.waiting_for.as_deref() != Some(waiting::UNKNOWN)
        {
            let mut after = before.clone();
            after.waiting_for = Some(waiting::UNKNOWN.to_owned());
            job::save(&mut tx, &before, &after).await?;
        }
        commit(tx).await?;
        Ok(())
    }

    async fn resolve(&mut self, op: &Op, verdict: Verdict) -> Result<(), Trouble> {
        let mut tx = self.engine.store.begin_fenced(&self.held).await?;
        let Some(before) = job::fetch(&mut tx, op.job_id).await? else { return Ok(()) };
        let mut after = before.clone();
        after.waiting_for = None;
        let moved = match verdict {
            Verdict::Adopt(number) => {
                after.phase = Phase::Submitted;
                after.ganeti_job = Some(number);
                op::Moved::submitted(number)
            }
            Verdict::NotSent | Verdict::Wait => {
                match failure(op) {
                    Some(failure) => {
                        after.phase = Phase::Failed;
                        after.failure = Some(failure);
                    }
                    None => after.phase = Phase::Claimed,
                }
                op::Moved { state: OpState::NotSent, ganeti_job: None, error: None }
            }
        };
        op::moved(&mut tx, op.op_id, &moved).await?;
        job::save(&mut tx, &before, &after).await?;
        commit(tx).await?;
        self.searches.remove(&op.op_id);
        if let Verdict::Adopt(number) = verdict {
            self.seen(number);
        }
        Ok(())
    }
}

/// RAPI answered 500 and made no job: it would do the same again.
fn failure(op: &Op) -> Option<Failure> {
    (op.error_code.as_deref() == Some("rapi_server_error")).then(|| {
        Failure::new(
            "rejected",
            op.error_message.clone().unwrap_or_default(),
            "RAPI's log on the cluster's master says more; check the parameters",
        )
    })
}
