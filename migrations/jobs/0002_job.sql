-- One request of a person: durable, and carried out by the holder of the cluster's submit lease.
create table job (
    job_id           uuid        not null,
    -- The order in which they are listed and taken up.
    number           bigint      generated always as identity,
    cluster_id       uuid        not null,
    cluster_slug     text        not null,
    kind             text        not null,
    -- Ganeti's UUID; null while a create has not made it.
    instance_uuid    uuid,
    object_name      text        not null,
    parameters       jsonb       not null,
    phase            text        not null,
    -- Numbers the submissions of this job; each has an op of its own.
    attempt          integer     not null default 0,
    ganeti_job       bigint,
    ganeti_status    text,
    ganeti_ended_at  timestamptz,
    -- How Ganeti's job ended; null while it has not.
    outcome          text,
    error_code       text,
    error_message    text,
    error_hint       text,
    waiting_for      text,
    stale            boolean     not null default false,
    log_lines        bigint      not null default 0,
    revision         bigint      not null default 1,
    requested_by     text        not null,
    requested_by_id  uuid        not null,
    acting_as        text,
    session_id       uuid,
    token_id         uuid,
    client_address   text        not null default '',
    request_id       text,
    traceparent      text,
    -- Not to be touched before; the pause after a failed try.
    not_before       timestamptz not null default now(),
    created_at       timestamptz not null default clock_timestamp(),
    started_at       timestamptz,
    ended_at         timestamptz,
    -- When the last job.progressed was written, and whether one was held back since.
    progressed_at    timestamptz,
    progress_pending boolean     not null default false,
    constraint job_pkey primary key (job_id),
    constraint job_number_key unique (number),
    constraint job_kind_check check (kind in ('create', 'startup', 'shutdown', 'reboot', 'remove')),
    constraint job_phase_check check (phase in ('queued', 'claimed', 'sending', 'unknown', 'submitted',
        'observing', 'settling', 'succeeded', 'failed', 'canceled')),
    constraint job_outcome_check check (outcome in ('success', 'error', 'canceled')),
    constraint job_uuid_check check (kind = 'create' or instance_uuid is not null),
    constraint job_ended_check check ((ended_at is not null) = (phase in ('succeeded', 'failed', 'canceled')))
);
create index job_open_idx on job (cluster_id, number) where ended_at is null;
create index job_object_idx on job (cluster_id, instance_uuid, number);
create index job_requested_by_idx on job (requested_by_id, number);

-- One submission to Ganeti (job, attempt), committed before the call; its id is in the reason of Ganeti's job.
create table op (
    op_id            uuid        not null,
    job_id           uuid        not null,
    attempt          integer     not null,
    state            text        not null,
    -- The highest number that was seen of Ganeti's jobs before the call: the search begins after it.
    after_ganeti_job bigint      not null,
    lease_generation bigint      not null,
    ganeti_job       bigint,
    -- Why it is unknown, not sent or refused.
    error_code       text,
    error_message    text,
    created_at       timestamptz not null default clock_timestamp(),
    -- The latest moment at which the call may have left, by this database's clock.
    deadline         timestamptz not null,
    -- Since when nobody can be sending it any more.
    unknown_since    timestamptz,
    ended_at         timestamptz,
    constraint op_pkey primary key (op_id),
    constraint op_job_fkey foreign key (job_id) references job (job_id),
    constraint op_attempt_key unique (job_id, attempt),
    constraint op_state_check check (state in ('sending', 'unknown', 'submitted', 'not_sent', 'refused')),
    constraint op_ganeti_job_check check ((state = 'submitted') = (ganeti_job is not null))
);
-- At most one submission of a job can be at Ganeti, whatever the code does.
create unique index op_open_key on op (job_id) where state in ('sending', 'unknown', 'submitted');

-- What Ganeti said while it worked.
create table log_line (
    job_id        uuid        not null,
    serial        bigint      not null,
    ganeti_job    bigint      not null,
    ganeti_serial bigint      not null,
    at            timestamptz not null,
    text          text        not null,
    constraint log_line_pkey primary key (job_id, serial),
    constraint log_line_ganeti_key unique (job_id, ganeti_job, ganeti_serial),
    constraint log_line_job_fkey foreign key (job_id) references job (job_id)
);

-- A new job wakes the runners of all replicas at once.
create function job_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('gwm_job', '');
    return null;
end
$$;
create trigger job_notify_trigger after insert on job
    for each statement execute function job_notify();

-- What cursors of lists are signed with: the same for all replicas, worth nothing elsewhere.
create table cursor_secret (
    one    boolean not null default true,
    secret bytea   not null,
    constraint cursor_secret_pkey primary key (one),
    constraint cursor_secret_one_check check (one)
);
insert into cursor_secret (secret)
    values (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
