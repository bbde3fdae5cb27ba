//! All routes and the layers around them.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use gwm_kernel::Fault;
use http::{Method, Uri};
use tower_http::compression::CompressionLayer;

use super::problem::Problem;
use super::state::AppState;
use super::{api, assets, edge, pages};

/// No request of ours is near this.
pub(crate) const LARGEST_BODY: usize = 256 << 10;

pub(crate) fn router(state: AppState) -> Router {
    let (api, document) = api::router();
    let api = api
        .route("/openapi.json", axum::routing::get(async move || axum::Json(document)))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method);
    Router::new()
        .nest("/api/v1", api)
        .merge(pages::router(state.clone()))
        .merge(assets::router())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CompressionLayer::new())
        .layer(from_fn(edge::tell_age))
        .layer(from_fn_with_state(state.clone(), edge::guard))
        .layer(from_fn(edge::identify))
        .with_state(state)
}

async fn no_such_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let mut fault = Fault::not_found("route");
    fault.message = format!("there is nothing at {path}; /api/v1/openapi.json lists what there is");
    Problem(fault)
}

async fn no_such_method(method: Method) -> (http::StatusCode, Problem) {
    let fault = Fault::invalid("", format!("{method} is not offered here"));
    (http::StatusCode::METHOD_NOT_ALLOWED, Problem(fault))
}
