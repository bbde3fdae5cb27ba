//! The example is complete and true.

use std::path::Path;

#[test]
fn the_example_configuration_parses() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let (kernel, config) =
        gwm_kernel::load::<gwm_web_gateway::Config>("web-gateway-example", Some(&file)).unwrap();
    for peer in ["auth", "cache-updater", "job-runner"] {
        assert!(kernel.peers.contains_key(peer), "{peer}");
    }
    config.validate().unwrap();
    assert_eq!(config.http.listen.port(), 8080);
}

#[test]
fn a_url_that_is_none_is_named() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let (_, mut config) =
        gwm_kernel::load::<gwm_web_gateway::Config>("web-gateway-example", Some(&file)).unwrap();
    "localhost:8081".clone_into(&mut config.http.console_url);
    let error = config.validate().unwrap_err().to_string();
    assert!(error.contains("console_url"), "{error}");
}
