-- Whoever administers a cluster or an instance reads what is on record about it. By ids: another cluster may get the slug of
-- one that is gone. Records from before this have no id of a cluster, and stay with administrators and their actors.
alter table audit_record
    add column cluster_id text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb ->> 'cluster_id')) stored;
create index audit_record_cluster_id_idx on audit_record (cluster_id, at, number) where cluster_id is not null;
