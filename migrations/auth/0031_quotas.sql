-- Quotas: what each persona may use, what it uses, and what its open jobs will use.

-- What each instance takes, whoever owns it: as cache-updater said last, or the job that made it.
create table usage_ledger (
    cluster_id    uuid        not null,
    instance_uuid uuid        not null,
    memory_mib    bigint      not null,
    vcpus         bigint      not null,
    -- As the guest sees it.
    disk_mib      bigint      not null,
    -- Ganeti is to keep it running.
    admin_up      boolean     not null,
    -- cache-updater's revision of the instance: the newer one wins.
    revision      bigint      not null,
    recorded_at   timestamptz not null default clock_timestamp(),
    constraint usage_ledger_pkey primary key (cluster_id, instance_uuid)
);

-- Limits: in a cluster, or with the nil UUID in the whole fleet; of a persona, or with the nil UUID of everybody
-- who has none of their own. Null: as everybody; -1: unlimited.
create table quota (
    place_id        uuid        not null,
    persona_id      uuid        not null,
    quota_id        uuid        not null default gen_random_uuid(),
    memory_mib      bigint,
    vcpus           bigint,
    disk_mib        bigint,
    instances       bigint,
    open_jobs       bigint,
    -- Of a cluster's defaults only: memory and vCPUs count of stopped instances too.
    counts_all      boolean     not null default false,
    -- Of a cluster's defaults only: the most that one instance may have.
    most_memory_mib bigint,
    most_vcpus      bigint,
    most_disk_mib   bigint,
    revision        bigint      not null default 1,
    changed_at      timestamptz not null default now(),
    changed_by      text        not null,
    constraint quota_pkey primary key (place_id, persona_id),
    constraint quota_limits_check check (least(memory_mib, vcpus, disk_mib, instances, open_jobs,
        most_memory_mib, most_vcpus, most_disk_mib) >= -1)
);
create index quota_persona_idx on quota (persona_id);

-- What the open jobs will have brought each instance to when they end: with an instance that is there the greater
-- one counts, of what it has and what is reserved.
create table reservation (
    job_id        uuid        not null,
    -- The try to accept the job: who gives back what another try took has to name that one.
    attempt       uuid        not null,
    -- The persona whose open job it is.
    asked_by      uuid        not null,
    -- Who is charged for what is being made; null: the owner of the instance, or nobody.
    persona_id    uuid,
    cluster_id    uuid        not null,
    -- Null: it is being made, or nothing is reserved but the job.
    instance_uuid uuid,
    memory_mib    bigint      not null default 0,
    vcpus         bigint      not null default 0,
    disk_mib      bigint      not null default 0,
    admin_up      boolean     not null default false,
    created_at    timestamptz not null default clock_timestamp(),
    constraint reservation_pkey primary key (job_id)
);
create index reservation_asked_by_idx on reservation (asked_by);
create index reservation_persona_idx on reservation (persona_id) where persona_id is not null;
create index reservation_instance_idx on reservation (cluster_id, instance_uuid)
    where instance_uuid is not null;

-- What these personas use in each cluster, with what is reserved, but for one job.
create function usage_of(personas uuid[], without uuid)
returns table (persona_id uuid, cluster_id uuid, memory_mib bigint, vcpus bigint, disk_mib bigint,
               instances bigint, open_jobs bigint)
language sql stable as $$
    with held as (
        select o.owner_id as persona_id, o.cluster_id,
            greatest(l.memory_mib, r.memory_mib, 0) as memory_mib,
            greatest(l.vcpus, r.vcpus, 0) as vcpus,
            greatest(l.disk_mib, r.disk_mib, 0) as disk_mib,
            coalesce(l.admin_up, false) or coalesce(r.admin_up, false) as admin_up
        from instance_owner o
            left join usage_ledger l
                on l.cluster_id = o.cluster_id and l.instance_uuid = o.instance_uuid
            left join lateral (
                select max(v.memory_mib) as memory_mib, max(v.vcpus) as vcpus,
                    max(v.disk_mib) as disk_mib, bool_or(v.admin_up) as admin_up
                from reservation v
                where v.cluster_id = o.cluster_id and v.instance_uuid = o.instance_uuid
                    and v.job_id is distinct from without) r on true
        where o.owner_id = any(personas) and o.buried_at is null
        union all
        select v.persona_id, v.cluster_id, v.memory_mib, v.vcpus, v.disk_mib, v.admin_up
        from reservation v
        where v.persona_id = any(personas) and v.instance_uuid is null
            and v.job_id is distinct from without),
    summed as (
        select h.persona_id, h.cluster_id,
            coalesce(sum(h.memory_mib) filter (where h.admin_up or q.counts_all), 0)::bigint as memory_mib,
            coalesce(sum(h.vcpus) filter (where h.admin_up or q.counts_all), 0)::bigint as vcpus,
            sum(h.disk_mib)::bigint as disk_mib, count(*) as instances, 0::bigint as open_jobs
        from held h left join quota q on q.place_id = h.cluster_id
            and q.persona_id = '00000000-0000-0000-0000-000000000000'
        group by 1, 2
        union all
        select v.asked_by, v.cluster_id, 0, 0, 0, 0, count(*)
        from reservation v
        where v.asked_by = any(personas) and v.job_id is distinct from without
        group by 1, 2)
    select s.persona_id, s.cluster_id, sum(s.memory_mib)::bigint, sum(s.vcpus)::bigint,
        sum(s.disk_mib)::bigint, sum(s.instances)::bigint, sum(s.open_jobs)::bigint
    from summed s group by 1, 2
$$;

-- A group's own limits go with it, on whatever way it is deleted.
create function group_quota_delete() returns trigger language plpgsql as $$
begin
    delete from quota where persona_id = old.group_id;
    return null;
end
$$;
create trigger group_quota_delete_trigger after delete on persona_group
    for each row execute function group_quota_delete();
