-- What people write down about instances, and whose instances use how much.

-- Not a part of `instance`: polls read and write that table, and notes outlive their instance as owners do, until its
-- tombstone is forgotten.
create table instance_notes (
    cluster_id uuid        not null,
    uuid       uuid        not null,
    notes      text        not null,
    revision   integer     not null,
    changed_by text        not null,
    changed_at timestamptz not null default now(),
    constraint instance_notes_pkey primary key (cluster_id, uuid),
    constraint instance_notes_size_check check (octet_length(notes) <= 16384)
);

-- Sums over what somebody owns, and the search by owner, from the index alone. All of these columns but the owner are in
-- other indexes too, so that no more writes cost an entry here than there.
create index instance_owned_idx on instance (owner, cluster_id, uuid)
    include (vcpus, memory_mib, disk_mib, status, name) where owner is not null;

-- Counted with the others, at the end of each write that changes them.
alter table cluster add column instances_owned integer not null default 0;
update cluster c set instances_owned =
    (select count(*) from instance i where i.cluster_id = c.cluster_id and i.owner is not null);
