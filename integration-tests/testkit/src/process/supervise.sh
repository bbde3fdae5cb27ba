# shellcheck shell=sh
# usage: sh -c THIS name pid-file stop-signal grace-seconds program arguments...
# Each line on standard input is the name of a signal for the program; its end stops the program.
pid_file=$1 stop=$2 grace=$3
shift 3
exec 3<&0 </dev/null
# Its number is on file before it does anything.
# shellcheck disable=SC2016 # expanded by the inner shell
/bin/sh -c 'echo "$$" >"$0" && exec "$@"' "$pid_file" "$@" 3<&- &
program=$!
{
  while read -r signal <&3; do kill -s "$signal" "$program"; done
  kill -s "$stop" "$program"
  kill -s CONT "$program"
  left=$((grace * 10))
  while [ "$left" -gt 0 ] && kill -0 "$program"; do
    sleep 0.1
    left=$((left - 1))
  done
  kill -s KILL "$program"
} >/dev/null 2>&1 &
watcher=$!
wait "$program"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
