# shellcheck shell=bash
# The lab must never be mistaken for, or get in the way of, a Ganeti that somebody uses.

guard() {
  local reason=""
  if compgen -G "/var/lib/ganeti/*" >/dev/null; then
    reason="/var/lib/ganeti is not empty: this machine looks like a Ganeti node"
  elif compgen -G "/etc/ganeti/*.conf" >/dev/null || compgen -G "/etc/ganeti/*-paths" >/dev/null; then
    reason="/etc/ganeti holds a configuration: this machine looks like a Ganeti node"
  elif pgrep -x 'qemu-system-.*' >/dev/null || pgrep -x kvm >/dev/null; then
    reason="virtual machines run here"
  fi
  [[ -n $reason ]] || return 0
  if [[ ${LAB_FORCE:-} == 1 ]]; then
    log "going on all the same (LAB_FORCE=1): $reason"
    return 0
  fi
  echo "Not building the lab: $reason. LAB_FORCE=1 builds it all the same." >&2
  exit 78
}
