#!/bin/bash
# All tests. With LAB=1, and always with CI=true, those on real Ganeti too: the lab is built for them, and
# taken down again if it was not there before (LAB_KEEP=1 leaves it). Arguments go to nextest: a filter, say.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH=$root/.local/tools/bin:$PATH
lab=$root/integration-tests/lab/lab.sh
as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo -E "$@"; fi; }

with_lab=0
[[ ${LAB:-} != 1 && ${CI:-} != true ]] || with_lab=1
unset GWM_LAB_RAPI

tidy() { :; }
trap 'tidy' EXIT
if ((with_lab)); then
  if ! "$lab" standing; then
    [[ ${LAB_KEEP:-} == 1 ]] || tidy() { as_root "$lab" down; }
    as_root "$lab" up
  fi
  eval "$("$lab" info --env)"
fi

# The suite starts the services as processes.
cargo build --workspace --exclude gwm-bench --bins --examples
failed=0

# Every page drawn with made-up data, and the scripts on them, in a real Chromium: types, axe, sideways
# scroll, broken policy, live cells that leave forms alone.
pages=$(mktemp -d)
"${CARGO_TARGET_DIR:-target}/debug/examples/gallery" "$pages"
(
  cd services/web-gateway/assets
  npm run --silent check && npm run --silent islands -- "$pages" && npm run --silent gallery -- "$pages" "$pages/shots"
) || failed=1
rm -rf "$pages"

if cargo nextest --version &>/dev/null; then
  ((with_lab)) && filter=() || filter=(-E 'not (test(/(^|::)lab::/) | binary(lab))')
  cargo test --workspace --exclude gwm-bench --doc --quiet || failed=1
  cargo nextest run --workspace --exclude gwm-bench --profile "${NEXTEST_PROFILE:-default}" "${filter[@]}" "$@" || failed=1
else
  ((with_lab)) && filter=() || filter=(--skip lab::)
  cargo test --workspace --exclude gwm-bench --no-fail-fast "$@" -- "${filter[@]}" || failed=1
fi
if ((!with_lab)); then
  echo "Left out: the tests on real Ganeti. 'LAB=1 make test' builds two clusters on this machine and runs them too."
fi
exit "$failed"
