"""Adds COUNT made-up diskless instances to the configuration:  fill.py COUNT DOMAIN
Runs on the master while its daemons rest. A job costs 1.8 s for each; this makes 1000 in a second."""

import copy
import json
import os
import random
import sys
import time
import uuid

PATH = "/var/lib/ganeti/config.data"
count, domain = int(sys.argv[1]), sys.argv[2]
with open(PATH) as file:
    config = json.load(file)
instances = config["instances"]
pattern = next(i for i in instances.values() if not i["disks"] and i["hypervisor"] == "fake")
nodes = sorted((node["name"], key) for key, node in config["nodes"].items() if not node["offline"])
names = {i["name"] for i in instances.values()}
random.seed(1)
running = {}
for number in range(count):
    name = f"fill{number:05d}.{domain}"
    if name in names:
        continue
    node_name, node = nodes[number % len(nodes)]
    memory, cpus = random.choice([512, 1024, 2048, 4096]), random.choice([1, 2, 4])
    up = random.random() > 0.1
    then = time.time() - random.random() * 3e7
    new = copy.deepcopy(pattern)
    new.update(
        name=name, uuid=str(uuid.uuid4()), primary_node=node, ctime=then, mtime=then, serial_no=random.randint(1, 9),
        admin_state="up" if up else "down", admin_state_source="admin",
        tags=[f"env:{random.choice(['prod', 'test', 'dev'])}", f"team:{number % 7}"],
        beparams={"minmem": memory, "maxmem": memory, "vcpus": cpus},
    )
    for index, nic in enumerate(new["nics"]):
        nic.update(mac="aa:00:01:%02x:%02x:%02x" % (number >> 8 & 255, number & 255, index), uuid=str(uuid.uuid4()),
                   network=None, ip=None)
    instances[new["uuid"]] = new
    if up:
        running.setdefault(node_name, []).append(f"{name} {memory} {cpus}\n")
config["serial_no"] += 1
owner = os.stat(PATH)
with open(PATH + ".new", "w") as file:
    json.dump(config, file)
os.chown(PATH + ".new", owner.st_uid, owner.st_gid)
os.chmod(PATH + ".new", 0o640)
os.rename(PATH + ".new", PATH)
for node_name, lines in running.items():
    with open(f"/var/lib/ganeti/edit-running-{node_name}", "w") as file:
        file.writelines(lines)
