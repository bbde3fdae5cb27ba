//! The example is complete and true.

use std::path::Path;

#[test]
fn the_example_configuration_parses() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let (kernel, config) =
        gwm_kernel::load::<gwm_vnc_proxy::Config>("vnc-proxy-example", Some(&file)).unwrap();
    assert!(kernel.peers.contains_key("auth"));
    assert_eq!(config.console.max_open, 5000);
    assert_eq!(config.http.listen.port(), 8081);
}
