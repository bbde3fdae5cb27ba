//! Whether an instance has a console that gwm can open, where, and what to change if not.
//!
//! RAPI's own console call answers 500 for kvm with VNC in every Ganeti 3.0 and 3.1, so what it
//! would say is taken from the instance itself: hypervisor, bind address, port, primary node.

use serde_json::Value;

/// Ports below are no VNC server's; Ganeti gives 11000 to 14999.
const LOWEST_PORT: i32 = 5900;

/// Why a console can't be opened, and what to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsoleRefusal {
    /// Stable word.
    pub(crate) reason: &'static str,
    /// For the person.
    pub(crate) text: String,
}

fn refusal(reason: &'static str, text: impl Into<String>) -> ConsoleRefusal {
    ConsoleRefusal { reason, text: text.into() }
}

/// Whether the instance's configuration has a VNC console that can be reached; its bind address.
pub(crate) fn console_problem(
    hypervisor: &str,
    hvparams: &Value,
    enabled: bool,
) -> Result<String, ConsoleRefusal> {
    if !enabled {
        return Err(refusal(
            "console_disabled",
            "consoles are switched off for this cluster; an administrator can switch them on",
        ));
    }
    let text = |key: &str| hvparams.get(key).and_then(Value::as_str).unwrap_or_default();
    match hypervisor {
        "" => Err(refusal("console_unknown", "not known yet: the hypervisor was not read so far")),
        "fake" => Err(refusal(
            "console_none",
            "the fake hypervisor has no console: nothing really runs there",
        )),
        "kvm" | "xen-hvm" => {
            let bind = text("vnc_bind_address").trim();
            if bind.is_empty() && !text("spice_bind").is_empty() {
                return Err(refusal(
                    "console_spice",
                    "this instance has a SPICE console, which gwm does not open; for VNC unset the \
                     hypervisor parameter spice_bind and set vnc_bind_address to 0.0.0.0",
                ));
            }
            if bind.is_empty() {
                return Err(refusal(
                    "console_no_vnc",
                    "Ganeti's default: a serial console and no VNC. Set the hypervisor parameter \
                     vnc_bind_address to 0.0.0.0 and restart the instance",
                ));
            }
            if bind.starts_with('/') {
                return Err(refusal(
                    "console_socket",
                    "VNC listens on a socket file of the node; set the hypervisor parameter \
                     vnc_bind_address to 0.0.0.0 and restart the instance",
                ));
            }
            if bind == "localhost"
                || bind.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
            {
                return Err(refusal(
                    "console_loopback",
                    format!(
                        "VNC listens only on the node itself ({bind}); change the hypervisor \
                         parameter vnc_bind_address to 0.0.0.0 and restart the instance"
                    ),
                ));
            }
            Ok(bind.to_owned())
        }
        other => Err(refusal(
            "console_none",
            format!("instances of the hypervisor {other} have no VNC console"),
        )),
    }
}

/// Where a running instance's VNC server listens.
pub(crate) fn console_target(
    bind: &str,
    port: Option<i32>,
    node_ip: &str,
) -> Result<(String, u32), ConsoleRefusal> {
    let port = port.filter(|p| (LOWEST_PORT..=65535).contains(p)).ok_or_else(|| {
        refusal("console_no_port", "Ganeti names no usable port for this instance's VNC server")
    })?;
    let any = bind.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_unspecified());
    let host = if any { node_ip } else { bind };
    if host.parse::<std::net::IpAddr>().is_err() {
        return Err(refusal(
            "console_no_address",
            "the address of the instance's node is not known yet; try again after the next poll",
        ));
    }
    Ok((host.to_owned(), port.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_way_to_have_no_console_has_its_own_words() {
        let reason =
            |hypervisor, params| console_problem(hypervisor, &params, true).map_err(|r| r.reason);
        assert_eq!(reason("fake", json!({})), Err("console_none"));
        assert_eq!(reason("lxc", json!({})), Err("console_none"));
        assert_eq!(reason("kvm", json!({"vnc_bind_address": ""})), Err("console_no_vnc"));
        assert_eq!(reason("kvm", json!({"spice_bind": "0.0.0.0"})), Err("console_spice"));
        for loopback in ["127.0.0.1", "::1", "localhost"] {
            let params = json!({"vnc_bind_address": loopback});
            assert_eq!(reason("kvm", params), Err("console_loopback"));
        }
        let open = json!({"vnc_bind_address": "0.0.0.0"});
        assert_eq!(reason("kvm", open.clone()), Ok("0.0.0.0".to_owned()));
        assert_eq!(console_problem("kvm", &open, false).unwrap_err().reason, "console_disabled");
    }

    #[test]
    fn any_address_means_the_primary_node() {
        let target = console_target("0.0.0.0", Some(11_000), "10.0.0.7");
        assert_eq!(target, Ok(("10.0.0.7".to_owned(), 11_000)));
        assert_eq!(console_target("10.0.0.9", Some(11_000), "").unwrap().0, "10.0.0.9");
        assert_eq!(
            console_target("0.0.0.0", Some(22), "10.0.0.7").unwrap_err().reason,
            "console_no_port"
        );
        assert_eq!(
            console_target("0.0.0.0", Some(11_000), "").unwrap_err().reason,
            "console_no_address"
        );
        assert_eq!(
            console_target("node.evil", Some(11_000), "").unwrap_err().reason,
            "console_no_address"
        );
    }
}
