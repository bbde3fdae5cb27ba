-- Ganeti jobs that gwm did not submit: history, also after Ganeti has archived them. Parameters of opcodes, texts of
-- errors and logs never come in here: they may hold secrets of guests.
create table foreign_job (
    -- Made out of cluster and number.
    job_id        uuid        not null,
    -- In one order with gwm's own.
    number        bigint      not null default nextval('job_number_seq'),
    cluster_id    uuid        not null,
    cluster_slug  text        not null,
    -- Ganeti's opcode without OP_, in lower case.
    kind          text        not null,
    object_kind   text        not null default '',
    instance_uuid uuid,
    object_name   text        not null default '',
    -- Ganeti's own line for each opcode, such as INSTANCE_SHUTDOWN(web1).
    summary       text[]      not null default '{}',
    phase         text        not null,
    ganeti_job    bigint      not null,
    ganeti_status text        not null,
    error_code    text,
    error_message text,
    revision      bigint      not null,
    created_at    timestamptz not null,
    started_at    timestamptz,
    ended_at      timestamptz,
    constraint foreign_job_pkey primary key (job_id),
    constraint foreign_job_number_key unique (number),
    constraint foreign_job_ganeti_key unique (cluster_id, ganeti_job),
    constraint foreign_job_phase_check check (phase in ('queued', 'running', 'succeeded', 'failed', 'canceled'))
);
create index foreign_job_object_idx on foreign_job (cluster_id, instance_uuid, number);

-- What lists look at: both kinds, as far as they have something in common.
create view listed_job as
    select job_id, number, cluster_id, cluster_slug, kind, instance_uuid, object_name, phase, ganeti_job,
           error_code, error_message, requested_by, requested_by_id, created_at, started_at, ended_at,
           'gwm' as origin
    from job
    union all
    select job_id, number, cluster_id, cluster_slug, kind, instance_uuid, object_name, phase, ganeti_job,
           error_code, error_message, '' as requested_by, null::uuid as requested_by_id, created_at, started_at, ended_at,
           'ganeti' as origin
    from foreign_job;
