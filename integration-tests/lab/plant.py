"""Adds DRBD and plain (LVM) instances to the configuration:  plant.py DOMAIN
Runs on the master while its daemons rest. Neither kind of disk can be made here, but Ganeti reads, lists
and refuses such instances from its configuration alone."""

import copy
import json
import os
import sys
import time
import uuid

PATH = "/var/lib/ganeti/config.data"
VOLUME_GROUP = "xenvg"
domain = sys.argv[1]
with open(PATH) as file:
    config = json.load(file)
instances, disks = config["instances"], config["disks"]
pattern = next(i for i in instances.values() if i["nics"] and i["hypervisor"] == "fake")
nodes = [key for _, key in sorted((node["name"], key) for key, node in config["nodes"].items())]
now = time.time()
running = {}


def new_id():
    return str(uuid.uuid4())


def volume(on, name, size):
    return {"dev_type": "plain", "logical_id": [VOLUME_GROUP, name], "children": [], "nodes": on, "iv_name": "",
            "size": size, "mode": "rw", "params": {}, "uuid": new_id(), "serial_no": 1, "ctime": now, "mtime": now}


def used_minors(node):
    pairs = [disk["logical_id"] for disk in disks.values() if disk["dev_type"] == "drbd"]
    return {minor for a, b, _, on_a, on_b, _ in pairs for at, minor in ((a, on_a), (b, on_b)) if at == node}


def free(first, taken):
    while first in taken:
        first += 1
    return first


def plain_disk(index, primary, _secondary, size):
    disk = volume([primary], f"{new_id()}.disk{index}", size)
    disk["iv_name"] = f"disk/{index}"
    return disk


def drbd_disk(index, primary, secondary, size):
    both, name = [primary, secondary], new_id()
    config["cluster"]["highest_used_port"] = port = config["cluster"].get("highest_used_port", 11000) + 1
    return {"dev_type": "drbd", "iv_name": f"disk/{index}", "size": size, "mode": "rw", "params": {}, "nodes": both,
            "logical_id": [primary, secondary, port, free(0, used_minors(primary)), free(0, used_minors(secondary)), "0" * 40],
            "children": [volume(both, f"{name}.disk{index}_data", size), volume(both, f"{name}.disk{index}_meta", 128)],
            "uuid": new_id(), "serial_no": 1, "ctime": now, "mtime": now}


def plant(name, make_disk, primary, secondary, sizes, up, hypervisor="fake"):
    full = f"{name}.{domain}"
    if any(i["name"] == full for i in instances.values()):
        return
    new = copy.deepcopy(pattern)
    new.update(name=full, uuid=new_id(), primary_node=primary, hypervisor=hypervisor, admin_state="up" if up else "down",
               admin_state_source="admin", disks_active=False, ctime=now, mtime=now, serial_no=1, tags=["planted"], disks=[],
               beparams={"minmem": 512, "maxmem": 512, "vcpus": 2})
    for nic in new["nics"]:
        nic.update(mac="aa:00:02:%02x:%02x:%02x" % tuple(uuid.uuid4().bytes[:3]), uuid=new_id(), network=None, ip=None)
    for index, size in enumerate(sizes):
        disk = make_disk(index, primary, secondary, size)
        disks[disk["uuid"]] = disk
        new["disks"].append(disk["uuid"])
    instances[new["uuid"]] = new
    if up:
        running.setdefault(config["nodes"][primary]["name"], []).append(f"{full} 512 2\n")


plant("drbd1", drbd_disk, nodes[0], nodes[1], [1024, 2048], up=True)
plant("drbd2", drbd_disk, nodes[1], nodes[0], [1024], up=False)
plant("drbd3", drbd_disk, nodes[0], nodes[1], [1024], up=False, hypervisor="kvm")
plant("plain1", plain_disk, nodes[1], None, [512], up=True)
plant("plain2", plain_disk, nodes[0], None, [512], up=False)

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
