//! Style sheets, scripts, icons: built into the binary, named by their content, cached for ever.

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::Embed;

use super::{AppState, views};

#[derive(Embed)]
#[folder = "assets/dist"]
struct Assets;

pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/assets/{*path}", get(asset))
        .route("/favicon.ico", get(async || StatusCode::NOT_FOUND))
}

/// Makes the built files' names known to the templates.
///
/// # Errors
/// The assets were not built: `make assets`.
pub(crate) fn install() -> anyhow::Result<()> {
    let manifest = Assets::get("manifest.json")
        .ok_or_else(|| anyhow::anyhow!("the assets were not built before the gateway"))?;
    Ok(views::assets::install(std::str::from_utf8(&manifest.data)?)?)
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let accepts = |coding: &str| {
        headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .any(|v| v.split(',').any(|c| c.trim().starts_with(coding)))
    };
    let compressed = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(coding))
        .find_map(|(coding, end)| Some((coding, Assets::get(&format!("{path}{end}"))?)));
    let (coding, file) = match compressed {
        Some((coding, file)) => (Some(coding), file),
        None => match Assets::get(&path) {
            Some(file) => (None, file),
            None => return StatusCode::NOT_FOUND.into_response(),
        },
    };
    let mut response = file.data.into_owned().into_response();
    let out = response.headers_mut();
    let media = mime_of(&path);
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    out.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

fn mime_of(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
