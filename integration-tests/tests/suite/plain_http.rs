//! Plain HTTP from another machine: refused, unless a proxy in front does TLS.
//!
//! The other machine is a network namespace with one end of a virtual cable. It is held by a process and has no
//! name, so that the kernel takes it down with that process, whatever happens to the test.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use gwm_integration_tests::{Options, Part, Stack, binary_directory};
use gwm_testkit::{Plan, ReservedPort, Scratch, Supervised, wait_for};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::stage::PATIENCE;

const SENTENCE: &str = "plain HTTP is answered only on this machine";
/// What people would type; nothing resolves it, curl is told.
const NAME: &str = "gwm.example.com";
/// Of the range for measuring networks: nobody's.
const HERE: Ipv4Addr = Ipv4Addr::new(198, 19, 79, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(198, 19, 79, 2);

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_from_another_machine_is_refused() {
    let options = Options::test("plain-http");
    let password = options.admin_password.clone();
    let login = json!({ "username": "admin", "password": password }).to_string();
    let stack = Stack::start(options).await.unwrap_or_else(|error| panic!("{error:#}"));
    let scratch = Scratch::new("gwm-plain-http-").unwrap();
    let Some(elsewhere) = Elsewhere::new(&scratch).await else { return };
    let logins = async || {
        let metrics = reqwest::get(format!("{}/metrics", stack.admin_url(Part::Auth, 0))).await;
        let text = metrics.unwrap().text().await.unwrap();
        let lines = text.lines().filter(|line| line.starts_with("gwm_auth_logins_total"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };

    let (open, _gateway) = gateway(&stack, &scratch, "open", false).await;
    let before = logins().await;
    for path in ["/login", "/", "/api/v1/openapi.json", "/assets/none.css"] {
        elsewhere.ask(open, path, None).await.refused();
    }
    let session = elsewhere.ask(open, "/api/v1/session", Some(&login)).await;
    session.refused();
    assert!(!session.head.to_lowercase().contains("set-cookie"), "{}", session.head);
    let form = format!("username=admin&password={}", password.replace(' ', "+"));
    let session = elsewhere.ask(open, "/login", Some(&form)).await;
    session.refused();
    assert!(!session.head.to_lowercase().contains("set-cookie"), "{}", session.head);
    assert_eq!(logins().await, before, "it reached auth");

    // The same, behind a proxy that does TLS.
    let (behind, _gateway) = gateway(&stack, &scratch, "behind", true).await;
    let page = elsewhere.ask(behind, "/login", None).await;
    assert!(page.status() == 200 && page.body.contains("Sign in"), "{page:?}");
    let session = elsewhere.ask(behind, "/api/v1/session", Some(&login)).await;
    assert_eq!(session.status(), 204, "{session:?}");
    assert!(session.head.to_lowercase().contains("set-cookie: __host-gwm-session="), "{session:?}");
    assert_ne!(logins().await, before, "a login is not counted: this test proves nothing");
}

/// One more gateway of the stack, which listens on all addresses.
async fn gateway(stack: &Stack, scratch: &Scratch, name: &str, proxy: bool) -> (u16, Supervised) {
    let [http, admin] = [(); 2].map(|()| ReservedPort::any().unwrap().release());
    let program = binary_directory().unwrap().join("gwm-web-gateway");
    let config = stack.root().join("config/web-gateway.toml");
    let gateway = Plan::new(&format!("gateway-{name}"), program, scratch.path())
        .arg("--config")
        .arg(config)
        .env("GWM_WEB_GATEWAY__ADMIN", format!("127.0.0.1:{admin}"))
        .env("GWM_WEB_GATEWAY__HTTP__LISTEN", format!("0.0.0.0:{http}"))
        .env("GWM_WEB_GATEWAY__HTTP__PUBLIC_URL", format!("http://{NAME}:{http}"))
        .env("GWM_WEB_GATEWAY__HTTP__BEHIND_TLS_PROXY", proxy.to_string())
        .start()
        .unwrap();
    wait_for("the gateway", PATIENCE, async || {
        let answer = reqwest::get(format!("http://127.0.0.1:{admin}/readyz")).await;
        let ready = answer.and_then(reqwest::Response::error_for_status);
        ready.map(|_| ()).map_err(|error| format!("{error}\n{}", gateway.log_tail(5)))
    })
    .await;
    (http, gateway)
}

/// Somewhere else, from where this machine is reached at another address than loopback's.
struct Elsewhere {
    /// Holds the namespace; without root there is none, and this machine asks itself.
    holder: Option<Supervised>,
    /// Where this machine is reached from there.
    here: IpAddr,
}

impl Elsewhere {
    async fn new(scratch: &Scratch) -> Option<Self> {
        if !is_root().await {
            let own = own_address();
            match own {
                Some(address) => eprintln!("NOT ROOT: asked at this machine's own {address}"),
                None => eprintln!("NOT ROOT and no address but loopback: NOTHING WAS TESTED HERE"),
            }
            return own.map(|here| Self { holder: None, here });
        }
        let holder = Plan::new("elsewhere", "unshare", scratch.path());
        let holder = holder.args(["--net", "sleep", "infinity"]).start().unwrap();
        let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
        let process = wait_for("a namespace", PATIENCE, async || {
            let process = holder.pid().ok_or("not started")?;
            let theirs = std::fs::read_link(format!("/proc/{process}/ns/net"));
            let apart = theirs.map_err(|error| error.to_string())? != ours;
            if apart { Ok(process.to_string()) } else { Err("still here".to_owned()) }
        })
        .await;
        // A name of its own: tests of two runs don't meet.
        let cable = format!("gwmt{process}");
        let inside = ["nsenter", "--net", "--target", &process, "ip"];
        run(&[
            "ip", "link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &process,
        ])
        .await;
        run(&["ip", "addr", "add", &format!("{HERE}/30"), "dev", &cable]).await;
        run(&["ip", "link", "set", &cable, "up"]).await;
        let there = format!("{THERE}/30");
        run(&[&inside[..], &["addr", "add", &there, "dev", "eth0"]].concat()).await;
        run(&[&inside[..], &["link", "set", "eth0", "up"]].concat()).await;
        Some(Self { holder: Some(holder), here: IpAddr::V4(HERE) })
    }

    /// A request as curl makes it there; with a body it is a POST.
    async fn ask(&self, port: u16, path: &str, body: Option<&str>) -> Said {
        let mut command = match &self.holder {
            Some(holder) => {
                let mut command = Command::new("nsenter");
                command.args(["--net", "--target", &holder.pid().unwrap().to_string(), "curl"]);
                command
            }
            None => Command::new("curl"),
        };
        let origin = format!("http://{NAME}:{port}");
        let to =
            if self.here.is_ipv6() { format!("[{}]", self.here) } else { self.here.to_string() };
        command.args([
            "--silent",
            "--show-error",
            "--include",
            "--noproxy",
            "*",
            "--max-time",
            "30",
        ]);
        command.args(["--resolve", &format!("{NAME}:{port}:{to}"), "--header"]);
        command.arg(format!("Origin: {origin}"));
        if let Some(body) = body {
            let json = if body.starts_with('{') { "json" } else { "x-www-form-urlencoded" };
            command.args([
                "--data",
                body,
                "--header",
                &format!("Content-Type: application/{json}"),
            ]);
        }
        let text = output(command.arg(format!("{origin}{path}"))).await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
        Said { head: head.to_owned(), body: body.to_owned() }
    }
}

/// What curl was answered.
#[derive(Debug)]
struct Said {
    head: String,
    body: String,
}

impl Said {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// Refused with the sentence that says what to do, and with its request id.
    fn refused(&self) {
        assert_eq!(self.status(), 403, "{self:?}");
        let problem: Value = serde_json::from_str(&self.body).unwrap_or_default();
        assert_eq!(problem["code"], "plain_http_refused", "{self:?}");
        let detail = problem["detail"].as_str().unwrap_or_default().to_lowercase();
        assert!(detail.contains(&SENTENCE.to_lowercase()), "{self:?}");
        let id = problem["request_id"].as_str().unwrap_or_default();
        assert!(!id.is_empty() && self.head.contains(&format!("x-request-id: {id}")), "{self:?}");
    }
}

async fn is_root() -> bool {
    output(Command::new("id").arg("-u")).await.trim() == "0"
}

/// The address that this machine would reach others from; nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback())
}

async fn run(command: &[&str]) {
    let _text = output(Command::new(command[0]).args(&command[1..])).await;
}

async fn output(command: &mut Command) -> String {
    let output = command.kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
