# shellcheck shell=bash
# Settings of the lab (LAB_... in the environment) and helpers that every part uses.

lab=${LAB_DIR:-/var/tmp/gwm-lab}                        # state directory
clusters=${LAB_CLUSTERS:-"alpha:3 beta:2"}              # name:nodes ...
net=${LAB_NET:-10.98}                                   # cluster K lives in $net.K.0/24
prefix=${LAB_PREFIX:-gl}                                # of namespaces and links (short: a link name has 15 letters)
console_mended=${LAB_CONSOLE_MENDED-alpha}              # clusters where Ganeti's VNC console bug is mended
vnc_protected=${LAB_VNC_PROTECTED-alpha}                # clusters whose kvm consoles ask for a password
vnc_password=${LAB_VNC_PASSWORD:-lab-vnc1}              # that password (VNC looks at eight letters)
seed=${LAB_SEED-1}                                      # 0: no instances
domain=lab.test
write_user=webmgr write_password=webmgr-secret
read_user=viewer read_password=viewer-secret
node_memory_gb=64 node_cpus=16                          # what each node says it has

started=$(date +%s%3N)
log() {
  local ms=$(($(date +%s%3N) - started))
  printf '[%3d.%03ds] %s\n' $((ms / 1000)) $((ms % 1000)) "$*" >&2
}

cluster_names() { local c; for c in $clusters; do echo "${c%%:*}"; done; }
cluster_number() { # name -> 1, 2, ...
  local c k=0
  for c in $clusters; do
    k=$((k + 1))
    [[ ${c%%:*} != "$1" ]] || { echo $k; return; }
  done
  echo "no cluster $1 in: $clusters" >&2
  return 1
}
cluster_size() { local c; for c in $clusters; do [[ ${c%%:*} != "$1" ]] || echo "${c#*:}"; done; }
cluster_ip() { echo "$net.$(cluster_number "$1").10"; }
node_ip() { echo "$net.$(cluster_number "$1").$((10 + $2))"; }
node_name() { echo "node$2.$1.$domain"; }
node_dir() { echo "$lab/$1/$2"; }
node_space() { echo "$prefix-$1-$2"; } # its network namespace

# Each node's first process carries this in its arguments: a number alone could be a stranger's by now.
node_marker() { echo "gwm-lab-node $lab $1 $2"; }
# At the beginning only, where it comes to be when all is mounted; before that it is an argument of init.sh.
has_marker() { [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") == "$2 "* ]]; }
node_alive() {
  local file pid
  file=$(node_dir "$1" "$2")/init.pid
  [[ -s $file ]] && pid=$(<"$file") && has_marker "$pid" "$(node_marker "$1" "$2")"
}
all_up() {
  local c n
  for c in $(cluster_names); do
    [[ -e $lab/$c/ready ]] || return 1
    for ((n = 1; n <= $(cluster_size "$c"); n++)); do node_alive "$c" "$n" || return 1; done
  done
}

node_exec() { # cluster node command...: nothing of the caller's environment leaks in
  local pid file
  file=$(node_dir "$1" "$2")/init.pid
  [[ -s $file ]] || { echo "node $2 of $1 is not up" >&2; return 69; }
  pid=$(<"$file")
  shift 2
  nsenter -t "$pid" -m -u -i -n -p --wd=/ env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root USER=root LOGNAME=root LANG=C.UTF-8 TERM="${TERM:-dumb}" "$@" 8>&- # daemons must not keep the lock
}
