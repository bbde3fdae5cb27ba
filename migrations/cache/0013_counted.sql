-- Each poll that changed something counts the cluster's instances again: from the index alone, not from rows of two
-- kilobytes each.
drop index instance_cluster_name_idx;
create index instance_cluster_name_idx on instance (cluster_id, name)
    include (status, missing, owner, memory_mib, disk_mib, secondary_nodes);
