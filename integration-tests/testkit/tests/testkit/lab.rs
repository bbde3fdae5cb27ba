//! Our viewer against QEMU's own VNC servers, in the real clusters that `make lab-up` builds.

use std::time::Duration;

use gwm_testkit::paths::project_root;
use gwm_testkit::vnc::VncClient;
use gwm_testkit::wait_for;
use tokio::net::TcpStream;
use tokio::process::Command;

const SOON: Duration = Duration::from_secs(30);

async fn lab(arguments: &[&str]) -> String {
    let script = project_root().join("integration-tests/lab/lab.sh");
    let output = Command::new(script).args(arguments).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Connects to the console of `vnc1`, where Ganeti's own tools say it is.
async fn console(cluster: &str) -> TcpStream {
    let instance = format!("vnc1.{cluster}.lab.test");
    let list = ["gnt-instance", "list", "--no-headers", "-o", "pnode,network_port", &instance];
    let told = lab(&[["node", cluster, "1"].as_slice(), &list].concat()).await;
    let [node, port] = told.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{told}") };
    let info = lab(&["info", "--text"]).await;
    let address = info
        .lines()
        .find_map(|line| line.strip_prefix(node)?.split_whitespace().next())
        .unwrap_or_else(|| panic!("{node} in {info}"));
    TcpStream::connect(format!("{address}:{port}")).await.unwrap()
}

/// Waits until the guest's greeting is on the screen: more than one colour.
async fn sees_something(cluster: &str, password: Option<&str>) -> u8 {
    wait_for("a picture", SOON, async || {
        let mut viewer = VncClient::connect(console(cluster).await, password).await.unwrap();
        assert_eq!(viewer.name(), format!("QEMU (vnc1.{cluster}.lab.test)"));
        let colours = viewer.frame().await.unwrap().colours();
        if colours > 1 { Ok(viewer.security()) } else { Err(format!("{colours} colours")) }
    })
    .await
}

#[tokio::test]
async fn qemu_shows_its_picture_to_those_who_know_the_password() {
    assert_eq!(sees_something("alpha", Some("lab-vnc1")).await, 2);
    for wrong in [Some("wrong"), None] {
        VncClient::connect(console("alpha").await, wrong).await.unwrap_err();
    }
}

#[tokio::test]
async fn qemu_without_a_password_shows_it_to_anybody() {
    assert_eq!(sees_something("beta", None).await, 1);
}
