-- Figures of the overview: kept with each change of a job instead of counted for each page.

-- Jobs of a cluster that have not ended, of both kinds. A refused request that named no cluster counts under the nil UUID.
create table job_figure (
    cluster_id uuid   not null,
    queued     bigint not null default 0,
    running    bigint not null default 0,
    constraint job_figure_pkey primary key (cluster_id)
);
-- Jobs that failed, by the hour of their end: "in the last day" is a sum over whole hours, and the jobs of the hour in
-- which the day began.
create table job_failed_hour (
    hour       timestamptz not null,
    cluster_id uuid        not null,
    failed     bigint      not null,
    constraint job_failed_hour_pkey primary key (hour, cluster_id)
);

create function job_figure_state(phase text) returns text immutable language sql as $$
    select case when phase in ('queued', 'succeeded', 'failed', 'canceled') then phase else 'running' end
$$;

create function job_figure_add(of_cluster uuid, phase text, ended_at timestamptz, n bigint) returns void language plpgsql as $$
declare
    state text := job_figure_state(phase);
begin
    if state in ('queued', 'running') then
        insert into job_figure as f (cluster_id, queued, running)
            values (of_cluster, case state when 'queued' then n else 0 end, case state when 'running' then n else 0 end)
            on conflict (cluster_id) do update
                set queued = f.queued + excluded.queued, running = f.running + excluded.running;
    elsif state = 'failed' and ended_at is not null then
        insert into job_failed_hour as f (hour, cluster_id, failed)
            values (date_trunc('hour', ended_at, 'UTC'), of_cluster, n)
            on conflict (hour, cluster_id) do update set failed = f.failed + excluded.failed;
    end if;
end
$$;

-- A trigger and not a call at each write, so that no way of writing a job can forget it. A cluster's own row is the
-- only one that two transactions can both want, and each takes it after the job's row, so they wait but don't lock up.
create function job_figures() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        perform job_figure_add(old.cluster_id, old.phase, old.ended_at, -1);
    end if;
    if tg_op <> 'DELETE' then
        perform job_figure_add(new.cluster_id, new.phase, new.ended_at, 1);
    end if;
    return null;
end
$$;
create trigger job_figures_written after insert or delete on job
    for each row execute function job_figures();
create trigger job_figures_changed after update of phase, ended_at, cluster_id on job
    for each row when (job_figure_state(old.phase) <> job_figure_state(new.phase)
        or old.ended_at is distinct from new.ended_at or old.cluster_id <> new.cluster_id)
    execute function job_figures();
create trigger job_figures_written after insert or delete on foreign_job
    for each row execute function job_figures();
create trigger job_figures_changed after update of phase, ended_at, cluster_id on foreign_job
    for each row when (job_figure_state(old.phase) <> job_figure_state(new.phase)
        or old.ended_at is distinct from new.ended_at or old.cluster_id <> new.cluster_id)
    execute function job_figures();

-- What there is already. Making the triggers has locked both tables against writers.
insert into job_figure (cluster_id, queued, running)
    select cluster_id, count(*) filter (where job_figure_state(phase) = 'queued'),
           count(*) filter (where job_figure_state(phase) = 'running')
    from (select cluster_id, phase from job union all select cluster_id, phase from foreign_job) as known
    where job_figure_state(phase) in ('queued', 'running')
    group by cluster_id;
insert into job_failed_hour (hour, cluster_id, failed)
    select date_trunc('hour', ended_at, 'UTC'), cluster_id, count(*)
    from (select cluster_id, phase, ended_at from job union all select cluster_id, phase, ended_at from foreign_job) as known
    where phase = 'failed' and ended_at is not null
    group by 1, 2;

-- What is counted after all: the hour in which the day began, and what people with rights on single instances see.
create index job_failed_idx on job (ended_at) where phase = 'failed';
create index foreign_job_failed_idx on foreign_job (ended_at) where phase = 'failed';
create index job_own_open_idx on job (requested_by_id) where ended_at is null;
create index foreign_job_open_idx on foreign_job (cluster_id) where ended_at is null;

-- Lists are ordered by when a job was asked for, in Ganeti's queue or here: numbers are given when gwm hears of it.
create index job_created_idx on job (created_at, job_id);
create index foreign_job_created_idx on foreign_job (created_at, job_id);
create index job_object_created_idx on job (cluster_id, instance_uuid, created_at, job_id);
create index foreign_job_object_created_idx on foreign_job (cluster_id, instance_uuid, created_at, job_id);
create index job_requested_by_created_idx on job (requested_by_id, created_at, job_id);
drop index job_object_idx;
drop index foreign_job_object_idx;
drop index job_requested_by_idx;
