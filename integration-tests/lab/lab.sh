#!/bin/bash
# Two real Ganeti clusters on this machine. Root only; see README.md beside this file.
#   lab.sh packages            install what it needs (apt), nothing else
#   lab.sh up                  build both clusters and their instances; does nothing when they stand
#   lab.sh info [--text|--json|--env] addresses, users, certificates
#   lab.sh node CLUSTER N COMMAND...   run a command on a node:  lab.sh node alpha 1 gnt-instance list
#   lab.sh kill CLUSTER N      end a node at once, as a power failure does
#   lab.sh start CLUSTER N     start it again, with Ganeti's daemons
#   lab.sh plant [CLUSTER]     put DRBD and plain instances into a configuration (no such disks exist)
#   lab.sh fill CLUSTER COUNT  put COUNT made-up instances into a configuration
#   lab.sh standing            whether it is up, by its exit code
#   lab.sh down                remove every trace
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/settings.sh
. "$here/lib/settings.sh"
# shellcheck source=lib/guard.sh
. "$here/lib/guard.sh"
# shellcheck source=lib/network.sh
. "$here/lib/network.sh"
# shellcheck source=lib/node.sh
. "$here/lib/node.sh"
# shellcheck source=lib/cluster.sh
. "$here/lib/cluster.sh"
# shellcheck source=lib/config.sh
. "$here/lib/config.sh"

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 64; }
need_root() { [[ $(id -u) == 0 ]] || { echo "The lab makes network and mount namespaces: run it as root." >&2; exit 77; }; }
# Two builds at once would take each other apart. `down` removes the file too: one that waited for it begins again.
lock() {
  while :; do
    exec 8>"$lab.lock"
    flock 8
    [[ ! /proc/self/fd/8 -ef $lab.lock ]] || return 0
  done
}

packages() { "$here/../setup/packages.sh" lab; }

up() {
  lock
  if all_up; then
    log "already up"
    info_text
    return
  fi
  packages
  log "packages are there"
  take_down
  guard
  mkdir -p "$lab"
  local name jobs=() failed=0
  # Clusters side by side: most of a build is waiting.
  for name in $(cluster_names); do
    build_cluster "$name" 8>&- &
    jobs+=($!)
  done
  # shellcheck disable=SC2064 # the processes of now
  trap "kill ${jobs[*]} 2>/dev/null || :" EXIT
  trap 'exit 130' INT TERM
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  trap - EXIT
  if ((failed)); then
    log "a cluster could not be built; its logs are in $lab"
    exit 1
  fi
  log "the lab stands"
  info_text
}

verb=${1:-}
shift || usage
case $verb in
  packages) packages ;;
  up) need_root && up ;;
  standing) all_up ;;
  down) need_root && lock && take_down && rm -f "$lab.lock" && log "gone" ;;
  node)
    need_root
    (($# >= 3)) || usage
    node_exec "$@"
    ;;
  kill | start)
    need_root
    (($# == 2)) || usage
    if [[ $verb == kill ]]; then node_stop "$@"; else node_again "$@"; fi
    ;;
  info) case ${1:-} in --json) info_json ;; --env) info_env ;; --text | "") info_text ;; *) usage ;; esac ;;
  plant)
    need_root
    lock
    for name in ${1:-$(cluster_names)}; do plant "$name"; done
    ;;
  fill)
    need_root
    (($# == 2)) || usage
    lock
    fill "$@"
    ;;
  *) usage ;;
esac
