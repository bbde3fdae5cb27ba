-- Owner tags: jobs that nobody asked for, made when a tag in Ganeti is not what cache-updater says it should be.
alter table job drop constraint job_kind_check;
alter table job add constraint job_kind_check
    check (kind in ('create', 'startup', 'shutdown', 'reboot', 'remove', 'owner_tag'));
-- One at a time and cluster, whatever the code does.
create unique index job_owner_tag_open_key on job (cluster_id) where kind = 'owner_tag' and ended_at is null;

-- How the last ones ended, and what has to wait for that: of each instance whose last one did not succeed, and (with the
-- nil UUID) of each cluster.
create table owner_tag_pause (
    cluster_id uuid        not null,
    uuid       uuid        not null,
    -- In a row.
    failures   integer     not null,
    ended_at   timestamptz not null default clock_timestamp(),
    constraint owner_tag_pause_pkey primary key (cluster_id, uuid)
);
