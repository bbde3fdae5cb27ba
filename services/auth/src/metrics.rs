//! What is counted, each in one place.

/// A login that ended so: `succeeded`, `refused`, `throttled`, `busy`.
pub(crate) fn login(outcome: &'static str) {
    metrics::counter!("gwm_auth_logins_total", "outcome" => outcome).increment(1);
}

/// An act that this person may not do.
pub(crate) fn denied(action: &'static str) {
    metrics::counter!("gwm_authz_denied_total", "action" => action).increment(1);
}

/// A ticket that was asked to be redeemed: `redeemed`, `invalid`, `session_ended`, `right_lost`.
pub(crate) fn ticket(outcome: &'static str) {
    metrics::counter!("gwm_auth_tickets_total", "outcome" => outcome).increment(1);
}

/// How many follow the changes here.
pub(crate) fn watchers(count: usize) {
    // A count of connections is far below what a double holds exactly.
    metrics::gauge!("gwm_auth_watchers").set(u32::try_from(count).map_or(f64::MAX, f64::from));
}

/// A watcher that did not take its messages and was cut.
pub(crate) fn watcher_cut() {
    metrics::counter!("gwm_auth_watchers_cut_total").increment(1);
}
