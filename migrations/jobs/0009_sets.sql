-- Large sets of keys that lists are limited to: the instances of a selector, for instance. A set has its name from what
-- is in it, and never changes.
create table key_set (
    set_id  uuid        not null,
    used_at timestamptz not null default now(),
    constraint key_set_pkey primary key (set_id)
);
create table key_set_member (
    set_id uuid not null,
    first  uuid not null,
    second uuid not null,
    constraint key_set_member_pkey primary key (set_id, first, second),
    constraint key_set_member_set_id_fkey foreign key (set_id) references key_set (set_id) on delete cascade
);

-- A restricted token sees the jobs that it asked for.
create index job_token_idx on job (token_id, created_at, job_id) where token_id is not null;
create or replace view listed_job as
    select job_id, number, cluster_id, cluster_slug, kind, instance_uuid, object_name, phase, ganeti_job,
           error_code, error_message, requested_by, requested_by_id, created_at, started_at, ended_at,
           'gwm' as origin, token_id
    from job
    union all
    select job_id, number, cluster_id, cluster_slug, kind, instance_uuid, object_name, phase, ganeti_job,
           error_code, error_message, '' as requested_by, null::uuid as requested_by_id, created_at, started_at, ended_at,
           'ganeti' as origin, null::uuid as token_id
    from foreign_job;
