-- The orders by age have their indexes, as every other order of a list has.
create index instance_created_idx
    on instance (coalesce(created_at, '-infinity'::timestamptz), cluster_id, uuid);
create index instance_modified_idx
    on instance (coalesce(modified_at, '-infinity'::timestamptz), cluster_id, uuid);
