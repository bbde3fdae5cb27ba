#!/bin/bash
# First process of a lab node, in fresh mount, UTS, IPC, PID and network namespaces.
# usage: init.sh NODE-DIRECTORY NAME SHARED-DIRECTORY MARKER
set -eu
d=$1 name=$2 shared=$3 marker=$4

mount --make-rprivate /
mount -t proc proc /proc
hostname "$name"

# Pid files, sockets and locks. No /run/systemd/system in it: Ganeti then starts its daemons itself.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/sshd

over() { mkdir -p "$2" && mount --bind "$1" "$2"; }
over "$d/etc-ganeti" /etc/ganeti
over "$d/var-lib-ganeti" /var/lib/ganeti
over "$d/var-log-ganeti" /var/log/ganeti
over "$d/srv-ganeti" /srv/ganeti
over "$d/root-ssh" /root/.ssh
over "$d/etc-ssh" /etc/ssh
over "$shared" /srv/ganeti/shared-file-storage # one directory on all nodes: the "shared storage"
mount --bind "$d/hosts" /etc/hosts
mount --bind "$d/default-ganeti" /etc/default/ganeti
mount --bind "$d/meminfo" /proc/meminfo
mount --bind "$d/cpuinfo" /proc/cpuinfo
# No resolver: look-ups of unknown names fail at once instead of after a time-out.
resolver=$(readlink -f /etc/resolv.conf || :)
if [[ -n $resolver && -e $resolver ]]; then
  : >"$d/resolv.conf"
  mount --bind "$d/resolv.conf" "$resolver"
fi
if [[ -e $d/hv_kvm.py ]]; then
  hypervisor=$(readlink -f /etc/ganeti/share)/ganeti/hypervisor/hv_kvm
  mkdir -p "$hypervisor/__pycache__"
  mount -t tmpfs tmpfs "$hypervisor/__pycache__" # else the compiled, unmended one is used
  mount --bind "$d/hv_kvm.py" "$hypervisor/__init__.py"
fi
# tini collects what the daemons leave behind.
# shellcheck disable=SC2016
exec -a "$marker " /usr/bin/tini -s -- /bin/sh -c 'while :; do sleep 3600 & wait $!; done'
