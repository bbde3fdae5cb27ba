-- What jobs have reserved with auth, and how the instance was after the job.
alter table job
    -- auth has a reservation of this job; false again when auth has taken note of the job's end.
    add column reserved boolean not null default false,
    add column observed jsonb;
create index job_reserved_idx on job (job_id) where reserved and ended_at is not null;

-- Tries to accept a request, from before auth is asked until the job is there: with the row goes the right to make
-- the job, so that what a try had reserved can be given back when it died.
create table accepting (
    job_id   uuid        not null,
    attempt  uuid        not null,
    began_at timestamptz not null default now(),
    constraint accepting_pkey primary key (job_id)
);
