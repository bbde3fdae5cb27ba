//! Quotas: what is limited, what a limit comes from, and what a job would exceed.

use serde::Serialize;
use uuid::Uuid;

/// The whole fleet as a place, and everybody as a persona.
pub(crate) const ALL: Uuid = Uuid::nil();

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Resource {
    MemoryMib,
    Vcpus,
    DiskMib,
    Instances,
    OpenJobs,
}

impl Resource {
    pub(crate) const ALL: [Self; 5] =
        [Self::MemoryMib, Self::Vcpus, Self::DiskMib, Self::Instances, Self::OpenJobs];

    /// The word in APIs, and the column.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::MemoryMib => "memory_mib",
            Self::Vcpus => "vcpus",
            Self::DiskMib => "disk_mib",
            Self::Instances => "instances",
            Self::OpenJobs => "open_jobs",
        }
    }

    /// For a sentence.
    fn noun(self) -> &'static str {
        match self {
            Self::MemoryMib => "memory",
            Self::Vcpus => "vCPUs",
            Self::DiskMib => "disk",
            Self::Instances => "instances",
            Self::OpenJobs => "open jobs",
        }
    }

    /// An amount for a sentence.
    fn shown(self, amount: i64) -> String {
        match self {
            Self::MemoryMib | Self::DiskMib => format!("{amount} MiB"),
            Self::Vcpus | Self::Instances | Self::OpenJobs => amount.to_string(),
        }
    }
}

/// An amount of each resource, in the order of [`Resource::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amounts(pub(crate) [i64; 5]);

impl Amounts {
    pub(crate) fn of(&self, resource: Resource) -> i64 {
        self.0[resource as usize]
    }

    pub(crate) fn plus(mut self, other: Self) -> Self {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
        self
    }
}

/// What was chosen for one resource, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Choice {
    #[default]
    Inherit,
    Unlimited,
    Value(i64),
}

impl Choice {
    pub(crate) fn stored(value: Option<i64>) -> Self {
        match value {
            None => Self::Inherit,
            Some(value) if value < 0 => Self::Unlimited,
            Some(value) => Self::Value(value),
        }
    }

    pub(crate) fn column(self) -> Option<i64> {
        match self {
            Self::Inherit => None,
            Self::Unlimited => Some(-1),
            Self::Value(value) => Some(value),
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Inherit => "inherit",
            Self::Unlimited => "unlimited",
            Self::Value(_) => "value",
        }
    }

    /// A limit, if it is one.
    pub(crate) fn value(self) -> Option<i64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Inherit | Self::Unlimited => None,
        }
    }
}

/// Choices for each resource, in the order of [`Resource::ALL`].
pub(crate) type Choices = [Choice; 5];

/// The limit in force, and where it comes from.
pub(crate) fn in_force(own: Choice, default: Choice) -> (Option<i64>, &'static str) {
    match (own, default) {
        (Choice::Inherit, Choice::Inherit) => (None, "none"),
        (Choice::Inherit, default) => (default.value(), "default"),
        (own, _) => (own.value(), "override"),
    }
}

/// Limits in force in one place.
pub(crate) type Limits = [Option<i64>; 5];

pub(crate) fn limits(own: &Choices, default: &Choices) -> Limits {
    let mut limits = [None; 5];
    for (limit, (own, default)) in limits.iter_mut().zip(own.iter().zip(default)) {
        *limit = in_force(*own, *default).0;
    }
    limits
}

/// One limit that would be exceeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Missing {
    pub(crate) resource: Resource,
    /// `cluster`, `fleet`, or `instance`: the most that one may have.
    pub(crate) place: &'static str,
    pub(crate) limit: i64,
    pub(crate) used: i64,
    pub(crate) asked: i64,
    pub(crate) missing: i64,
}

/// What of a place's limits a job would exceed. What it does not make grow is never in its way, also when a limit was
/// lowered below what is used.
pub(crate) fn exceeded(
    place: &'static str,
    limits: &Limits,
    before: &Amounts,
    after: &Amounts,
) -> Vec<Missing> {
    Resource::ALL
        .into_iter()
        .zip(limits)
        .filter_map(|(resource, limit)| {
            let (limit, used, after) = ((*limit)?, before.of(resource), after.of(resource));
            (after > used && after > limit).then(|| Missing {
                resource,
                place,
                limit,
                used,
                asked: after - used,
                missing: after - limit,
            })
        })
        .collect()
}

/// The sentence for the person.
pub(crate) fn sentence(persona: &str, cluster: &str, missing: &[Missing]) -> String {
    let parts: Vec<String> = missing
        .iter()
        .map(|one| {
            let (noun, shown) = (one.resource.noun(), |amount| one.resource.shown(amount));
            let (asked, limit) = (shown(one.asked), shown(one.limit));
            if one.place == "instance" {
                return format!("{noun} {asked}, and one instance on {cluster} may have {limit}");
            }
            let place = if one.place == "fleet" { "all clusters" } else { cluster };
            let (used, short) = (shown(one.used), shown(one.missing));
            format!(
                "{noun} on {place}: {asked} asked for, {used} of {limit} in use, {short} missing"
            )
        })
        .collect();
    format!("this is more than {persona} may use: {}", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_is_inherited_and_unlimited_is_said() {
        assert_eq!(Choice::stored(None), Choice::Inherit);
        assert_eq!(Choice::stored(Some(-1)), Choice::Unlimited);
        assert_eq!(Choice::stored(Some(0)), Choice::Value(0));
        for choice in [Choice::Inherit, Choice::Unlimited, Choice::Value(7)] {
            assert_eq!(Choice::stored(choice.column()), choice);
        }
        assert_eq!(in_force(Choice::Inherit, Choice::Value(5)), (Some(5), "default"));
        assert_eq!(in_force(Choice::Unlimited, Choice::Value(5)), (None, "override"));
        assert_eq!(in_force(Choice::Value(0), Choice::Unlimited), (Some(0), "override"));
        assert_eq!(in_force(Choice::Inherit, Choice::Inherit), (None, "none"));
    }

    #[test]
    fn only_what_grows_is_refused_and_what_is_missing_is_named() {
        let limits = [Some(1000), None, Some(10), Some(2), None];
        let before = Amounts([800, 4, 50, 2, 0]);
        let after = Amounts([1100, 99, 50, 2, 1]);
        let missing = exceeded("cluster", &limits, &before, &after);
        let wanted = Missing {
            resource: Resource::MemoryMib,
            place: "cluster",
            limit: 1000,
            used: 800,
            asked: 300,
            missing: 100,
        };
        assert_eq!(missing, [wanted], "disk is over its limit already, but does not grow");
        assert_eq!(
            sentence("group/shop", "fra1", &missing),
            "this is more than group/shop may use: memory on fra1: 300 MiB asked for, 800 MiB of \
             1000 MiB in use, 100 MiB missing"
        );
        let zero = exceeded("fleet", &[Some(0); 5], &Amounts::default(), &Amounts([0, 1, 0, 0, 0]));
        assert_eq!(zero.len(), 1, "nothing of nothing is no growth");
    }
}
