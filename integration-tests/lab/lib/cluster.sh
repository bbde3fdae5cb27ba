# shellcheck shell=bash
# One cluster: initialised, its nodes joined, its instances made; and all of it taken down again.

# {HA1} is md5("user:realm:password"); Ganeti's realm is fixed.
rapi_users() { # cluster
  local file
  file=$(node_dir "$1" 1)/var-lib-ganeti/rapi/users.new
  {
    echo "$write_user {HA1}$(printf '%s' "$write_user:Ganeti Remote API:$write_password" | md5sum | cut -d' ' -f1) write"
    echo "$read_user $read_password read"
    echo "nobody nobody-secret"
  } >"$file"
  # The daemon reads the file the moment it appears, as user gnt-rapi: owner and mode come first, else it
  # is "permission denied" and the daemon knows nobody.
  node_exec "$1" 1 sh -c 'cd /var/lib/ganeti/rapi && chown gnt-rapi:gnt-masterd users.new && chmod 640 users.new && mv users.new users'
}

initialise() { # cluster
  local c=$1 kvm
  # Software emulation: plain qemu, none of the wrapper's -enable-kvm.
  kvm="kvm_path=/usr/bin/qemu-system-x86_64,kvm_flag=,kernel_path=,initrd_path=,machine_version=pc,cpu_type=qemu64"
  kvm+=",vnc_bind_address=0.0.0.0,serial_console=false,boot_order=disk,disk_type=paravirtual,nic_type=paravirtual"
  kvm+=",migration_mode=live,use_localtime=false,security_model=none,vhost_net=false"
  [[ " $vnc_protected " != *" $c "* ]] || kvm+=",vnc_password_file=/etc/ganeti/vnc-cluster-password"
  node_exec "$c" 1 gnt-cluster init --no-etc-hosts --master-netdev=eth0 --master-netmask=24 \
    --enabled-hypervisors=fake,kvm -H "kvm:$kvm" \
    --enabled-disk-templates=sharedfile,file,diskless,ext \
    --file-storage-dir=/srv/ganeti/file-storage --shared-file-storage-dir=/srv/ganeti/shared-file-storage \
    --nic-parameters=mode=bridged,link=br0 --backend-parameters=minmem=128,maxmem=128,vcpus=1 \
    --ipolicy-bounds-specs=min:disk-size=0,cpu-count=1,disk-count=0,memory-size=1,nic-count=0,spindle-use=0/max:disk-size=1048576,cpu-count=16,disk-count=16,memory-size=32768,nic-count=8,spindle-use=12 \
    --ipolicy-vcpu-ratio=64 --ipolicy-spindle-ratio=128 \
    --default-iallocator=hail --maintain-node-health=no --candidate-pool-size=10 "$c.$domain"
}

wait_rapi() { # cluster
  local ip
  ip=$(cluster_ip "$1")
  for _ in $(seq 150); do
    ! curl -skf --max-time 2 -o /dev/null -u "$write_user:$write_password" "https://$ip:5080/version" || return 0
    sleep 0.2
  done
  echo "RAPI of $1 does not answer on $ip:5080" >&2
  return 1
}

build_cluster() { # cluster
  local c=$1 n size
  size=$(cluster_size "$c")
  mkdir -p "$lab/$c/shared"
  cluster_keys "$c"
  bridge_up "$c"
  for ((n = 1; n <= size; n++)); do
    node_network "$c" $n
    node_files "$c" $n
    node_start "$c" $n
  done
  log "$c: $size nodes started"
  initialise "$c"
  # Initialising gave the master a new root key: let it in on the nodes that are to join.
  for ((n = 2; n <= size; n++)); do
    cat "$(node_dir "$c" 1)/root-ssh/id_rsa.pub" >>"$(node_dir "$c" $n)/root-ssh/authorized_keys"
  done
  log "$c: cluster initialised"
  rapi_users "$c"
  wait_rapi "$c"
  log "$c: RAPI answers"
  for ((n = 2; n <= size; n++)); do
    node_exec "$c" 1 gnt-node add --no-ssh-key-check "$(node_name "$c" $n)" &>>"$lab/$c/join.log" || {
      tail -20 "$lab/$c/join.log" >&2
      return 1
    }
    log "$c: node$n joined"
  done
  if ((size >= 3)); then
    node_exec "$c" 1 gnt-group add --alloc-policy=preferred rack2
    node_exec "$c" 1 gnt-group assign-nodes --force rack2 "$(node_name "$c" "$size")"
    log "$c: node group rack2"
  fi
  if [[ $seed == 1 ]]; then
    seed_instances "$c"
    log "$c: instances made"
  fi
  touch "$lab/$c/ready"
}

seed_instances() { # cluster
  "$here/seed.py" "https://$(cluster_ip "$1"):5080" "$write_user:$write_password" "$1" "$domain"
  # One instance that should run and doesn't: the fake hypervisor keeps a file for each running one.
  node_exec "$1" 1 rm -f "/var/run/ganeti/fake-hypervisor/crashed1.$1.$domain"
}

take_down() {
  local directory c n file
  for directory in "$lab"/*/; do
    [[ -d $directory ]] || continue
    c=$(basename "$directory")
    for n in "$directory"[0-9]*/; do
      [[ ! -d $n ]] || node_stop "$c" "$(basename "$n")"
    done
    # Disks of the provider filedisk are loop devices. The nodes knew their files under another path.
    for file in "$directory"shared/ext/*; do
      [[ ! -f $file ]] || losetup -j "$file" | cut -d: -f1 | xargs -r -n1 losetup -d
    done
  done
  remove_network
  rm -rf "$lab"
}

fingerprint() { # cluster
  openssl x509 -noout -fingerprint -sha256 -in "$(node_dir "$1" 1)/var-lib-ganeti/rapi.pem" | cut -d= -f2
}

info_text() {
  local c n
  for c in $(cluster_names); do
    echo "$c  https://$(cluster_ip "$c"):5080  $(cluster_size "$c") nodes  SHA-256 $(fingerprint "$c")"
    for ((n = 1; n <= $(cluster_size "$c"); n++)); do echo "$(node_name "$c" "$n")  $(node_ip "$c" "$n")"; done
  done
  echo "RAPI users: $write_user / $write_password (write), $read_user / $read_password (read)"
}

info_env() {
  local c value=""
  for c in $(cluster_names); do value+="${value:+;}https://$(cluster_ip "$c"):5080,$write_user,$write_password"; done
  echo "export GWM_LAB_RAPI='$value'"
}

info_json() {
  local c
  for c in $(cluster_names); do
    printf '%s\t' "$c" "$(cluster_ip "$c")" "$(cluster_size "$c")" "$(fingerprint "$c")" "$(node_dir "$c" 1)/var-lib-ganeti/rapi.pem" \
      "$([[ " $vnc_protected " != *" $c "* ]] || echo "$vnc_password")" "$([[ " $console_mended " != *" $c "* ]] || echo mended)"
    echo
  done | python3 -c '
import json, sys
user, password, reader, reader_password, domain, script = sys.argv[1:]
found = []
for line in sys.stdin:
    name, ip, size, fingerprint, pem, vnc, mended, _ = line.split("\t")
    network = ip.rsplit(".", 1)[0]
    nodes = [{"number": n, "name": f"node{n}.{name}.{domain}", "address": f"{network}.{10 + n}"} for n in range(1, int(size) + 1)]
    found.append({"name": name, "rapi": f"https://{ip}:5080", "fingerprint": fingerprint, "certificate": pem, "nodes": nodes,
                  "write": {"username": user, "password": password}, "read": {"username": reader, "password": reader_password},
                  "vnc_password": vnc or None, "console_call_works": mended != ""})
print(json.dumps({"clusters": found, "node_command": [script, "node"]}, indent=1))
' "$write_user" "$write_password" "$read_user" "$read_password" "$domain" "$here/lab.sh"
}
