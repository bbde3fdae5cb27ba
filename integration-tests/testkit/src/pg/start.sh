# shellcheck shell=sh
# usage: sh -c THIS name template bin-directory data-directory settings...
# Starts Postgres on data-directory, which is copied from the template if it is not there; the template
# is made if it is not there. A template directory holds data/ and the superuser's password.
set -eu
template=$1 bin=$2 data=$3
shift 3
if [ ! -e "$data/PG_VERSION" ]; then
  if [ ! -d "$template/data" ]; then
    new=$(mktemp -d "$template.XXXXXX")
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$new/password"
    "$bin/initdb" --pgdata="$new/data" --username=gwm --pwfile="$new/password" --auth="$AUTH" \
      --encoding=UTF8 --no-locale --no-sync >"$new/initdb.log" 2>&1 || { cat "$new/initdb.log"; rm -rf "$new"; exit 1; }
    # Another process may have been faster; its template is as good.
    mv -T "$new" "$template" 2>/dev/null || rm -rf "$new"
  fi
  # Under /var/tmp anybody could have put something there first.
  [ -O "$template" ] || { echo "$template belongs to somebody else"; exit 1; }
  rm -rf "$data.new"
  cp -a "$template/data" "$data.new"
  cp "$template/password" "$data.new/gwm-password"
  mv "$data.new" "$data"
fi
exec "$bin/postgres" -D "$data" "$@"
