-- Lists of 100,000 rows, page by page: each order that can be asked for is an index, so a page costs the same
-- wherever it lies. The expressions are those of cache-updater's src/store/list.rs, where a null sorts first.
-- Not for a node's free memory and disk: they move at each look, and 5,000 nodes are sorted in milliseconds.
create index instance_order_node_idx on instance (primary_node, cluster_id, uuid);
create index instance_order_os_idx on instance (os, cluster_id, uuid);
create index instance_order_memory_idx on instance ((coalesce(memory_mib, -1)), cluster_id, uuid);
create index instance_order_disk_idx on instance ((coalesce(disk_mib, -1)), cluster_id, uuid);
create index instance_order_vcpus_idx on instance ((coalesce(vcpus, -1)::bigint), cluster_id, uuid);
create index node_order_role_idx on node (role, cluster_id, uuid);
create index node_order_node_group_idx on node (node_group, cluster_id, uuid);
create index node_order_memory_idx on node ((coalesce(memory_total_mib, -1)), cluster_id, uuid);
create index node_order_disk_idx on node ((coalesce(disk_total_mib, -1)), cluster_id, uuid);
create index node_order_cpus_idx on node ((coalesce(cpus_total, -1)::bigint), cluster_id, uuid);
create index node_order_instances_idx on node ((instances_primary::bigint), cluster_id, uuid);
