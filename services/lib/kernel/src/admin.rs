//! The admin port: `/livez`, `/readyz`, `/metrics`. Nothing else, so that it may be exposed.

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::Health;

pub(crate) fn router(health: Health, metrics: PrometheusHandle) -> Router {
    let metrics_text = move || {
        let metrics = metrics.clone();
        async move {
            metrics.run_upkeep();
            metrics.render()
        }
    };
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(health)
        .route("/metrics", get(metrics_text))
}

async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    let missing = health.missing();
    if missing.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let text = missing.iter().map(|(name, why)| format!("{name}: {why}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, text)
}
