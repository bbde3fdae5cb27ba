//! Where the built browser files are: logical name to content-hashed URL.

use std::collections::BTreeMap;
use std::sync::OnceLock;

static MANIFEST: OnceLock<BTreeMap<String, String>> = OnceLock::new();

/// Takes over `assets/dist/manifest.json`; called once at start. Later calls change nothing.
///
/// # Errors
/// When the text is not a JSON object of strings.
pub fn install(manifest_json: &str) -> Result<(), serde_json::Error> {
    let parsed: BTreeMap<String, String> = serde_json::from_str(manifest_json)?;
    MANIFEST.get_or_init(|| parsed);
    Ok(())
}

/// The URL of an asset, `/assets/app-3f2a….js` for `app.js`; the bare name while no manifest is installed.
pub fn url(name: &str) -> String {
    let served = MANIFEST.get().and_then(|m| m.get(name)).map_or(name, String::as_str);
    format!("/assets/{served}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_hashed_urls_and_unknown_names_stay() {
        install(r#"{"app.js":"app-0123456789.js"}"#).unwrap();
        assert_eq!(url("app.js"), "/assets/app-0123456789.js");
        assert_eq!(url("other.css"), "/assets/other.css");
        assert!(install("[]").is_err());
    }
}
