-- Which node group a node is in, by its UUID: rights may be on a node group, and names change.
alter table node add column node_group_uuid uuid;
-- Each node is read anew, which says it.
update node set raw_hash = 0;

-- Auth hears of every instance what rights may depend on.
insert into presence_news (what, cluster_id, uuid) select 'traits', cluster_id, uuid from instance;
