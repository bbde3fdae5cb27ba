#!/usr/bin/python3
"""What reads of a whole cluster cost Ganeti, on the lab: which of them may be done how often.

    lab.sh up && lab.sh fill alpha 1000 && cost.py [alpha|beta] [ROUNDS]

The reads take turns, so that a busy machine is unfair to none. Prints the median seconds and the bytes of
each, and each as a share of the bulk read. Asserts nothing.
"""

import base64
import http.client
import json
import ssl
import statistics
import sys
import time

HOSTS = {"alpha": "10.98.1.10", "beta": "10.98.2.10"}
CONFIGURATION = [
    "name", "uuid", "pnode", "snodes", "admin_state", "os", "disk_template", "nic.macs", "nic.ips",
    "nic.links", "disk.sizes", "hvparams", "beparams", "tags", "serial_no", "mtime",
]
JOB = ["id", "status", "summary", "ops", "received_ts", "start_ts", "end_ts"]


def ask(host, method, path, body=None):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # The lab's own, on this machine.
    connection = http.client.HTTPSConnection(host, 5080, context=context, timeout=120)
    user = base64.b64encode(b"viewer:viewer-secret").decode()
    headers = {"Authorization": "Basic " + user, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body)
    began = time.monotonic()
    connection.request(method, path, data, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:200]!r}")
    return time.monotonic() - began, text


def main():
    cluster = sys.argv[1] if len(sys.argv) > 1 else "alpha"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    host = HOSTS[cluster]
    instances = len(json.loads(ask(host, "GET", "/2/instances")[1]))
    ids = [int(job["id"]) for job in json.loads(ask(host, "GET", "/2/jobs")[1])]
    last = max(ids, default=0)
    query = "/2/query/instance"
    reads = [
        ("bulk instances", "GET", "/2/instances?bulk=1", None),
        ("query: status only", "PUT", query, {"fields": ["uuid", "status", "oper_state"]}),
        ("query: configuration only", "PUT", query, {"fields": CONFIGURATION}),
        ("query: serial and mtime", "PUT", query, {"fields": ["uuid", "serial_no", "mtime", "pnode"]}),
        ("job list: all of it", "PUT", "/2/query/job", {"fields": JOB}),
        ("job list: last 20 numbers", "PUT", "/2/query/job", {"fields": JOB, "qfilter": ["|", [">", "id", last - 20]]}),
        ("one instance", "GET", None, None),
        ("info", "GET", "/2/info", None),
    ]
    name = json.loads(ask(host, "GET", "/2/instances")[1])[0]["id"]
    took = {label: [] for label, *_ in reads}
    size = {}
    for _ in range(rounds):
        for label, method, path, body in reads:
            seconds, text = ask(host, method, path or f"/2/instances/{name}", body)
            took[label].append(seconds)
            size[label] = len(text)
    bulk = statistics.median(took["bulk instances"])
    print(f"{cluster}: {instances} instances, {len(ids)} jobs in the queue, {rounds} rounds")
    print("| read | median s | bytes | of bulk |\n|---|---|---|---|")
    for label, *_ in reads:
        median = statistics.median(took[label])
        print(f"| {label} | {median:.3f} | {size[label]} | {median / bulk:.2f} |")


if __name__ == "__main__":
    main()
