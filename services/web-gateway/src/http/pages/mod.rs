//! The pages: one file each.

use axum::Router;

use super::AppState;

pub(crate) fn router() -> Router<AppState> {
    Router::new()
}
