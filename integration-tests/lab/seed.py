#!/usr/bin/python3
"""Gives a lab cluster its first instances, by real Ganeti jobs over RAPI.
usage: seed.py RAPI-URL USER:PASSWORD CLUSTER DOMAIN"""

import base64
import json
import ssl
import sys
import time
import urllib.error
import urllib.request

url, login, cluster, domain = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE  # Ganeti's own certificate names nobody; these are our own namespaces
headers = {
    "Authorization": "Basic " + base64.b64encode(login.encode()).decode(),
    "Content-Type": "application/json",
}


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, context=context, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{cluster}: {method} {path}: {error.code} {error.read().decode()}")


def wait(jobs):
    """Waits for Ganeti jobs, {number: what it does}; ends this program if one fails."""
    end = time.monotonic() + 300
    while jobs and time.monotonic() < end:
        for number in list(jobs):
            job = call("GET", f"/2/jobs/{number}")
            if job["status"] in ("error", "canceled"):
                sys.exit(f"{cluster}: {jobs[number]}: {job['opresult']}")
            if job["status"] == "success":
                del jobs[number]
        time.sleep(0.2)
    if jobs:
        sys.exit(f"{cluster}: still waiting for {list(jobs.values())}")


def node(number):
    return f"node{number}.{cluster}.{domain}"


def create(name, on, hypervisor="fake", disks=(), nics=({},), memory=256, cpus=1, start=True, tags=(), osparams=None):
    body = {
        "__version__": 1, "mode": "create", "instance_name": f"{name}.{cluster}.{domain}", "pnode": node(on),
        "os_type": "noop+default", "disk_template": "sharedfile" if disks else "diskless",
        "disks": [{"size": mib} for mib in disks], "nics": list(nics), "hypervisor": hypervisor,
        "beparams": {"minmem": memory, "maxmem": memory, "vcpus": cpus}, "start": start, "tags": list(tags),
        "osparams": osparams or {}, "name_check": False, "ip_check": False,
    }
    return call("POST", "/2/instances", body), f"create {name}"


# Nothing goes to rack2, the group of the third node: an instance alone in a group has nowhere to go when its
# node fails, and hail, which looks ahead to the failure of any node, would then place nothing at all.
wait({call("POST", "/2/networks", {"network_name": "lan", "network": "192.0.2.0/24", "gateway": "192.0.2.1",
                                   "tags": ["demo"]}): "network"})
connect = {"group_name": "default", "network_mode": "bridged", "network_link": "br0"}
wait({call("PUT", "/2/networks/lan/connect", connect): "connect network"})
wait(dict([
    create("web1", 1, nics=[{"network": "lan", "ip": "pool"}], tags=["env:prod", "team:web"]),
    create("web2", 2, disks=[64], nics=[{"network": "lan", "ip": "192.0.2.40"}], memory=512, cpus=2, tags=["env:prod", "team:web"]),
    create("db1", 2, disks=[64, 128], memory=1024, cpus=4, start=False, tags=["env:test"]),
    create("archive1", 1, start=False),
    create("crashed1", 1),
    create("router1", 1, nics=[{}, {"mode": "bridged", "link": "br0"}]),
    create("vnc1", 1, "kvm", [16], memory=128, osparams={"motd": f"Hello from vnc1 on {cluster}"}, tags=["console"]),
    create("vnc2", 2, "kvm", [16], memory=128, osparams={"motd": f"Hello from vnc2 on {cluster}"}, tags=["console"]),
]))
offline = call("PUT", f"/2/instances/archive1.{cluster}.{domain}/modify", {"offline": True})
tags = call("PUT", "/2/tags?tag=site:lab")
node_tags = call("PUT", f"/2/nodes/{node(2)}/tags?tag=rack:1")
wait({offline: "archive1 offline", tags: "cluster tag", node_tags: "node tag"})
