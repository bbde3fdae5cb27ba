# shellcheck shell=bash
# One bridge per cluster on this machine; each node is a network namespace with a leg in it.

bridge_up() { # cluster
  local bridge=$prefix-$1
  ip link show "$bridge" &>/dev/null || ip link add "$bridge" type bridge
  ip addr replace "$net.$(cluster_number "$1").254/24" dev "$bridge"
  ip link set "$bridge" up
}

node_network() { # cluster node
  local space leg
  space=$(node_space "$1" "$2")
  leg=$prefix$(cluster_number "$1")-$2
  ip netns add "$space"
  ip link add "$leg" type veth peer name eth0 netns "$space"
  ip link set "$leg" master "$prefix-$1" up
  ip -n "$space" link set lo up
  ip -n "$space" addr add "$(node_ip "$1" "$2")/24" dev eth0
  ip -n "$space" link set eth0 up
  # Instances join this one; without an uplink they talk within their node only.
  ip -n "$space" link add br0 type bridge
  ip -n "$space" link set br0 up
}

remove_network() {
  local space link links
  for space in $(ip netns list | awk -v p="^$prefix-.+-[0-9]+$" '$1 ~ p {print $1}'); do
    ip netns del "$space" 2>/dev/null || :
  done
  # A veth outlives its namespace for a moment: the kernel takes namespaces apart in the background.
  for _ in $(seq 50); do
    links=$(ip -br link | awk '{sub(/@.*/, "", $1); print $1}' | grep -E "^$prefix(-[a-z]+|[0-9]+-[0-9]+)$") || return 0
    for link in $links; do ip link del "$link" 2>/dev/null || :; done
    sleep 0.1
  done
}
