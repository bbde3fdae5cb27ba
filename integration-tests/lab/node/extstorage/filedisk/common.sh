# shellcheck shell=sh
# An ExtStorage provider whose disks are sparse files in the shared directory. Sourced by the others.
set -eu
store=/srv/ganeti/shared-file-storage/ext
mkdir -p "$store"
# shellcheck disable=SC2034 # used by those who source this
file=$store/$VOL_NAME
