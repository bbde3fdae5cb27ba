-- What makes a cluster be looked at out of turn.

-- What hooks of a cluster knock with. A long random token: its hash needs no salt.
create table hook_token (
    cluster_id uuid        not null,
    hash       bytea       not null,
    made_at    timestamptz not null default now(),
    constraint hook_token_pkey primary key (cluster_id),
    constraint hook_token_cluster_fkey foreign key (cluster_id) references cluster on delete cascade
);

-- How far Ganeti's job list was told of: everything up to `highest` is told or in ganeti_job.
create table ganeti_job_cursor (
    cluster_id uuid   not null,
    highest    bigint not null,
    constraint ganeti_job_cursor_pkey primary key (cluster_id),
    constraint ganeti_job_cursor_cluster_fkey foreign key (cluster_id) references cluster on delete cascade
);
-- Ganeti jobs that have not ended, and the last few that have: a number can show up after a higher one.
create table ganeti_job (
    cluster_id uuid   not null,
    number     bigint not null,
    state      text   not null,
    revision   bigint not null,
    constraint ganeti_job_pkey primary key (cluster_id, number),
    constraint ganeti_job_cluster_fkey foreign key (cluster_id) references cluster on delete cascade,
    constraint ganeti_job_state_check check (state in ('submitted', 'started', 'ended'))
);
