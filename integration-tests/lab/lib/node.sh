# shellcheck shell=bash
# One node: private directories over every path that Ganeti and sshd write to, and its processes.

hosts_file() { # the same names on every node of every cluster
  local c n
  echo "127.0.0.1 localhost"
  for c in $(cluster_names); do
    echo "$(cluster_ip "$c") $c.$domain $c"
    for ((n = 1; n <= $(cluster_size "$c"); n++)); do echo "$(node_ip "$c" "$n") $(node_name "$c" "$n")"; done
  done
}

# One host key and one root key per cluster: a node can join without a password, and the keys that
# Ganeti exchanges then are the same as before.
cluster_keys() { # cluster
  local keys=$lab/$1/keys
  mkdir -p "$keys"
  ssh-keygen -q -t rsa -b 2048 -N '' -C "root@$1" -f "$keys/root"
  ssh-keygen -q -t rsa -b 2048 -N '' -C "$1" -f "$keys/ssh_host_rsa_key"
  ssh-keygen -q -t ecdsa -N '' -C "$1" -f "$keys/ssh_host_ecdsa_key"
}

node_ssh() { # cluster directory
  local keys=$lab/$1/keys d=$2
  cp "$keys"/ssh_host_* "$d/etc-ssh/"
  cp /etc/ssh/ssh_config "$d/etc-ssh/" 2>/dev/null || :
  cat >"$d/etc-ssh/sshd_config" <<'S'
HostKey /etc/ssh/ssh_host_rsa_key
HostKey /etc/ssh/ssh_host_ecdsa_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
UseDNS no
MaxStartups 100
Subsystem sftp /usr/lib/openssh/sftp-server
S
  install -m 600 "$keys/root" "$d/root-ssh/id_rsa"
  install -m 644 "$keys/root.pub" "$d/root-ssh/id_rsa.pub"
  install -m 600 "$keys/root.pub" "$d/root-ssh/authorized_keys"
}

# Otherwise each node reports this machine's memory and processors, shared with all others, and htools
# calls the cluster inconsistent. "Active" must be there: without it all live figures become null.
node_figures() { # directory
  local kb=$((node_memory_gb * 1024 * 1024)) gb=$((1024 * 1024)) k
  printf '%-16s%10d kB\n' MemTotal: $kb MemFree: $((kb - gb)) MemAvailable: $((kb - gb)) Buffers: 0 \
    Cached: 0 Active: $gb SwapTotal: 0 SwapFree: 0 >"$1/meminfo"
  for ((k = 0; k < node_cpus; k++)); do
    printf 'processor\t: %d\nphysical id\t: 0\ncore id\t\t: %d\ncpu cores\t: %d\n\n' $k $k "$node_cpus"
  done >"$1/cpuinfo"
}

node_files() { # cluster node
  local c=$1 d
  d=$(node_dir "$c" "$2")
  mkdir -p "$d"/{var-lib-ganeti/rapi,var-log-ganeti/extstorage,srv-ganeti,etc-ssh,root-ssh}
  chmod 755 "$d"/{var-lib-ganeti,var-log-ganeti,srv-ganeti}
  chmod 700 "$d/root-ssh"
  cp -a /etc/ganeti "$d/etc-ganeti"
  printf '%s\n' /srv/ganeti/file-storage /srv/ganeti/shared-file-storage >"$d/etc-ganeti/file-storage-paths"
  printf '%s' "$vnc_password" >"$d/etc-ganeti/vnc-cluster-password"
  chmod 600 "$d/etc-ganeti/vnc-cluster-password"
  mkdir -p "$d/srv-ganeti/"{file-storage,shared-file-storage,export}
  cp -a "$here/node/os" "$here/node/extstorage" "$d/srv-ganeti/"
  chown -R root:root "$d/srv-ganeti/os" "$d/srv-ganeti/extstorage"
  hosts_file >"$d/hosts"
  cat >"$d/default-ganeti" <<'S'
NODED_ARGS="--no-mlock"
RAPI_ARGS="-b 0.0.0.0 --require-authentication"
CONFD_ARGS="" MOND_ARGS="" WCONFD_ARGS="" LUXID_ARGS="" KVMD_ARGS=""
S
  node_figures "$d"
  # Ganeti 3.0 and 3.1: kvm hands "display" over as a number where luxid insists on a text, so RAPI's
  # console call answers 500. Mended here on some clusters, so that both kinds of answer are tested.
  if [[ " $console_mended " == *" $c "* ]]; then
    sed 's/display=display)/display=str(display))/' \
      "$(readlink -f /etc/ganeti/share)/ganeti/hypervisor/hv_kvm/__init__.py" >"$d/hv_kvm.py"
  fi
  node_ssh "$c" "$d"
}

node_start() { # cluster node
  local c=$1 n=$2 d marker parent pid
  d=$(node_dir "$c" "$n")
  marker=$(node_marker "$c" "$n")
  # A session of its own with nothing of ours open: the node outlives this script.
  setsid ip netns exec "$(node_space "$c" "$n")" unshare --mount --uts --ipc --pid --fork \
    "$here/node/init.sh" "$d" "$(node_name "$c" "$n")" "$lab/$c/shared" "$marker" \
    </dev/null >"$d/init.log" 2>&1 8>&- &
  parent=$!
  for _ in $(seq 200); do
    pid=$(awk '{print $1}' "/proc/$parent/task/$parent/children" 2>/dev/null) || :
    if [[ -n $pid ]] && has_marker "$pid" "$marker"; then
      echo "$pid" >"$d/init.pid"
      node_exec "$c" "$n" /usr/sbin/sshd
      return
    fi
    sleep 0.05
  done
  cat "$d/init.log" >&2
  return 1
}

node_stop() { # cluster node: the first process of a PID namespace takes all others along
  local pid state
  node_alive "$1" "$2" || return 0
  pid=$(<"$(node_dir "$1" "$2")/init.pid")
  kill -KILL "$pid" 2>/dev/null || return 0
  for _ in $(seq 200); do # until it is gone, or a zombie that nobody has collected yet
    state=$(awk '{print $3}' "/proc/$pid/stat" 2>/dev/null) || return 0
    [[ $state != Z && -n $state ]] || return 0
    sleep 0.05
  done
}

node_again() { # cluster node: after node_stop; instances that ran there are as they are after a power failure
  ! node_alive "$1" "$2" || return 0
  node_start "$1" "$2"
  # Ganeti's daemons say more than is wanted, and keep what they inherit.
  node_exec "$1" "$2" /usr/lib/ganeti/daemon-util start-all </dev/null >>"$(node_dir "$1" "$2")/init.log" 2>&1
}
