//! When an object is gone (rule 1 of "never delete on doubt"), as pure functions.
//!
//! Only complete answers come in here: each whole, and from the cluster that was meant. Failed,
//! partial and foreign answers never do, so they prove nothing. Times are those of one holder of
//! the poll lease; a new holder begins without proof.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use uuid::Uuid;

/// Two complete answers must be this far apart to prove an absence.
pub(crate) const PROOF: Duration = Duration::from_secs(10);
/// Complete answers must agree for this long when much would go at once.
pub(crate) const MASS_PROOF: Duration = Duration::from_secs(600);
/// More than this many at once ..
const MASS_COUNT: usize = 10;
/// .. and more than one in this many is too much to believe.
const MASS_SHARE: usize = 10;

/// What has been absent since when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Absences {
    since: BTreeMap<Uuid, Duration>,
}

/// What one complete answer means for the objects known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Proven gone.
    pub(crate) gone: Vec<Uuid>,
    /// Absent for the first time, or still without proof; worth a read by name.
    pub(crate) doubtful: Vec<Uuid>,
    /// Absent, but with too many others.
    pub(crate) missing: Vec<Uuid>,
}

impl Verdict {
    /// Takes somebody's word for it that these are gone; only for what this answer lacks too.
    pub(crate) fn confirm(&mut self, word: &BTreeSet<Uuid>) {
        let (gone, missing) = self.missing.iter().partition(|uuid| word.contains(uuid));
        self.missing = missing;
        self.gone.extend::<Vec<Uuid>>(gone);
    }
}

impl Absences {
    /// Takes in a complete answer that was asked for at `at`.
    ///
    /// `known` objects are held, of which it lacks those in `lacking`; of these the `excused` were read
    /// by name after this answer was asked for, so it says nothing about them.
    pub(crate) fn judge(
        &mut self,
        known: usize,
        lacking: &BTreeSet<Uuid>,
        excused: &BTreeSet<Uuid>,
        at: Duration,
    ) -> Verdict {
        self.since.retain(|uuid, _| lacking.contains(uuid));
        let absent: Vec<Uuid> = lacking.difference(excused).copied().collect();
        let mass = is_mass(absent.len(), known);
        let mut verdict = Verdict::default();
        for uuid in absent {
            let first = *self.since.entry(uuid).or_insert(at);
            let age = at.saturating_sub(first);
            if age >= if mass { MASS_PROOF } else { PROOF } {
                verdict.gone.push(uuid);
            } else if mass {
                verdict.missing.push(uuid);
            } else {
                verdict.doubtful.push(uuid);
            }
        }
        for uuid in &verdict.gone {
            self.since.remove(uuid);
        }
        verdict
    }

    /// A read by name showed the object.
    pub(crate) fn seen(&mut self, uuid: Uuid) {
        self.since.remove(&uuid);
    }

    /// A read by name answered 404 or another UUID: whether that proves that the object is gone.
    /// It does when the object was absent from a complete answer too, or when Ganeti's own job
    /// removed it.
    pub(crate) fn refuted_by_name(&mut self, uuid: Uuid, removed_by_job: bool) -> bool {
        let absent = self.since.contains_key(&uuid);
        let gone = absent || removed_by_job;
        if gone {
            self.since.remove(&uuid);
        }
        gone
    }
}

/// Whether so many of so many would be too much at once.
fn is_mass(absent: usize, known: usize) -> bool {
    absent > MASS_COUNT && absent * MASS_SHARE > known
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(numbers: impl IntoIterator<Item = u128>) -> BTreeSet<Uuid> {
        numbers.into_iter().map(Uuid::from_u128).collect()
    }

    /// As the poller does it: what is known and not present is lacking.
    fn judge(
        absences: &mut Absences,
        known: &BTreeSet<Uuid>,
        present: &BTreeSet<Uuid>,
        excused: &BTreeSet<Uuid>,
        at: Duration,
    ) -> Verdict {
        let lacking = known.difference(present).copied().collect();
        absences.judge(known.len(), &lacking, excused, at)
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn two_complete_answers_ten_seconds_apart_prove_it_and_less_does_not() {
        let (known, none) = (ids([1, 2]), BTreeSet::new());
        let mut absences = Absences::default();
        assert_eq!(
            judge(&mut absences, &known, &ids([1]), &none, s(100)).doubtful,
            [Uuid::from_u128(2)]
        );
        assert!(judge(&mut absences, &known, &ids([1]), &none, s(109)).gone.is_empty());
        assert_eq!(
            judge(&mut absences, &known, &ids([1]), &none, s(110)).gone,
            [Uuid::from_u128(2)]
        );
    }

    #[test]
    fn one_sight_in_between_starts_the_proof_anew() {
        let (known, none) = (ids([1, 2]), BTreeSet::new());
        let mut absences = Absences::default();
        judge(&mut absences, &known, &ids([1]), &none, s(0));
        judge(&mut absences, &known, &ids([1, 2]), &none, s(5));
        assert!(judge(&mut absences, &known, &ids([1]), &none, s(20)).gone.is_empty());
    }

    #[test]
    fn a_name_that_is_unknown_proves_it_only_together_with_an_absence_or_a_job() {
        let mut absences = Absences::default();
        let one = Uuid::from_u128(1);
        assert!(!absences.refuted_by_name(one, false));
        assert!(absences.refuted_by_name(one, true));
        judge(&mut absences, &ids([1]), &BTreeSet::new(), &BTreeSet::new(), s(0));
        assert!(absences.refuted_by_name(one, false));
    }

    #[test]
    fn many_at_once_are_missing_until_ten_minutes_agree() {
        let (known, none) = (ids(0..100), BTreeSet::new());
        let mut absences = Absences::default();
        for at in [0, 30, 300, 599] {
            let verdict = judge(&mut absences, &known, &none, &none, s(at));
            assert_eq!((verdict.missing.len(), verdict.gone.len()), (100, 0), "at {at}");
        }
        assert_eq!(judge(&mut absences, &known, &none, &none, s(600)).gone.len(), 100);
    }

    #[test]
    fn what_was_read_by_name_since_is_excused() {
        let (known, none) = (ids([1]), BTreeSet::new());
        let mut absences = Absences::default();
        for at in [0, 30, 60] {
            assert_eq!(judge(&mut absences, &known, &none, &known, s(at)), Verdict::default());
        }
    }

    /// What a cluster answers: the truth, or one of the ways to be wrong.
    #[derive(Debug, Clone)]
    enum Answer {
        True,
        /// Looks complete, but lacks some; 0 is an empty list.
        Lying(u64),
        Failed,
        Foreign,
    }

    #[derive(Debug, Clone)]
    struct Step {
        wait: u64,
        toggle: Option<u128>,
        answer: Answer,
    }

    fn step() -> impl Strategy<Value = Step> {
        let answer = prop_oneof![
            4 => Just(Answer::True),
            1 => any::<u64>().prop_map(Answer::Lying),
            1 => Just(Answer::Lying(0)),
            1 => Just(Answer::Failed),
            1 => Just(Answer::Foreign),
        ];
        (1..40_u64, proptest::option::of(0..30_u128), answer)
            .prop_map(|(wait, toggle, answer)| Step { wait, toggle, answer })
    }

    proptest! {
        /// No glitch loses an object that exists, nothing brings back one that does not, and what
        /// is really gone goes.
        #[test]
        fn the_rules_agree_with_a_naive_model(steps in proptest::collection::vec(step(), 1..60)) {
            let mut world = ids(0..25);
            let mut known: BTreeSet<Uuid> = BTreeSet::new();
            let mut absences = Absences::default();
            let (mut at, mut fresh) = (0, 1000);
            let mut lied = false;
            // Naive: for each object, since when all complete answers lacked it.
            let mut lacking: BTreeMap<Uuid, u64> = BTreeMap::new();
            for step in steps {
                at += step.wait;
                if let Some(n) = step.toggle {
                    let id = Uuid::from_u128(n);
                    if !world.remove(&id) {
                        // Whatever is made is new: Ganeti gives no UUID twice.
                        fresh += 1;
                        world.insert(Uuid::from_u128(fresh));
                    }
                }
                let answer = match step.answer {
                    Answer::Failed | Answer::Foreign => continue,
                    // One glitch at a time: two lies in a row can't be told from the truth.
                    Answer::Lying(mask) if !lied => {
                        lied = true;
                        world.iter().enumerate()
                            .filter(|(n, _)| mask >> (n % 64) & 1 == 1)
                            .map(|(_, id)| *id)
                            .collect()
                    }
                    Answer::True | Answer::Lying(_) => {
                        lied = false;
                        world.clone()
                    }
                };
                let before = known.clone();
                let verdict = judge(&mut absences, &known, &answer, &BTreeSet::new(), s(at));
                for gone in &verdict.gone {
                    prop_assert!(!world.contains(gone), "lost an object that exists");
                    known.remove(gone);
                }
                known.extend(&answer);
                prop_assert!(known.difference(&before).all(|id| world.contains(id)));
                for id in &before {
                    if answer.contains(id) {
                        lacking.remove(id);
                    } else {
                        lacking.entry(*id).or_insert(at);
                    }
                }
                let lacks = before.difference(&answer).count();
                let needed = if is_mass(lacks, before.len()) { 600 } else { 10 };
                for id in before.difference(&answer) {
                    let proven = at - lacking[id] >= needed;
                    prop_assert_eq!(!known.contains(id), proven);
                    if proven {
                        lacking.remove(id);
                    }
                }
            }
        }
    }
}
