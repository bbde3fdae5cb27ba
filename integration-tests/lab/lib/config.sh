# shellcheck shell=bash
# What no Ganeti job can make here is written straight into the master's configuration.

edit_configuration() { # cluster program arguments...: runs a Python program on the master while its daemons rest
  local c=$1 program=$2 daemon n
  shift 2
  for daemon in luxid rapi wconfd confd; do node_exec "$c" 1 /usr/lib/ganeti/daemon-util stop ganeti-$daemon; done
  cp "$here/$program" "$(node_dir "$c" 1)/var-lib-ganeti/edit.py"
  local failed=0
  node_exec "$c" 1 python3 /var/lib/ganeti/edit.py "$@" || failed=1
  # The fake hypervisor keeps one file for each running instance; the program leaves a list per node.
  for ((n = 1; n <= $(cluster_size "$c"); n++)); do
    local list
    list=$(node_dir "$c" 1)/var-lib-ganeti/edit-running-$(node_name "$c" $n)
    [[ -s $list ]] || continue
    # shellcheck disable=SC2016 # expanded on the node
    node_exec "$c" "$n" sh -c 'mkdir -p /var/run/ganeti/fake-hypervisor && cd /var/run/ganeti/fake-hypervisor &&
      while read -r name memory cpus; do printf "0\n%s\n%s\n" "$memory" "$cpus" >"$name"; done' <"$list"
    rm -f "$list"
  done
  for daemon in confd wconfd luxid rapi; do node_exec "$c" 1 /usr/lib/ganeti/daemon-util start ganeti-$daemon; done
  ((!failed))
  for _ in $(seq 60); do
    ! node_exec "$c" 1 gnt-cluster redist-conf &>/dev/null || { wait_rapi "$c"; return; }
    sleep 0.5
  done
  echo "$c does not take up its changed configuration" >&2
  return 1
}

fill() { # cluster count
  edit_configuration "$1" fill.py "$2" "$1.$domain"
  log "$1: filled"
}

plant() { # cluster
  edit_configuration "$1" plant.py "$1.$domain"
  log "$1: DRBD and plain instances planted"
}
