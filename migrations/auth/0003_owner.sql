-- Who owns which instance, and rights that outlive what they are on.

-- The number of the last change of an owner. Every transaction that makes one adds one to it and
-- holds the row until its commit: numbers are in the order of commits. Who follows keeps the number;
-- another lineage says that it counts for nothing, and one below the horizon that some changes
-- between are no longer kept.
create table owner_revision (
    single  boolean not null default true,
    value   bigint  not null default 0,
    horizon bigint  not null default 0,
    lineage uuid    not null default gen_random_uuid(),
    constraint owner_revision_pkey primary key (single),
    constraint owner_revision_single_check check (single)
);
insert into owner_revision default values;

create function owner_changed_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('gwm_owner_changed', '');
    return null;
end
$$;
create trigger owner_changed_notify_trigger after update on owner_revision
    for each statement execute function owner_changed_notify();

create table instance_owner (
    cluster_id    uuid        not null,
    instance_uuid uuid        not null,
    -- As it was called when the owner was set.
    instance_name text        not null default '',
    -- Both null: nobody any more; such rows stay for 30 days, so that followers hear of it.
    owner_kind    text,
    owner_id      uuid,
    since         timestamptz not null default now(),
    set_by        text,
    revision      bigint      not null,
    -- Gone with its instance or its cluster; back with it within 30 days.
    buried_at     timestamptz,
    constraint instance_owner_pkey primary key (cluster_id, instance_uuid),
    constraint instance_owner_kind_check check (owner_kind in ('user')),
    constraint instance_owner_whole_check check ((owner_kind is null) = (owner_id is null))
);
create index instance_owner_revision_idx on instance_owner (revision);
create index instance_owner_owner_idx on instance_owner (owner_id);
create index instance_owner_buried_at_idx on instance_owner (buried_at) where buried_at is not null;

-- `admin` is everything that can be done to the object. On clusters nobody can be given it yet.
alter table permission_grant drop constraint permission_grant_permission_check;
alter table permission_grant add constraint permission_grant_permission_check
    check (permission in ('view', 'console', 'power')
           or (permission = 'admin' and instance_uuid is not null));

-- Rights on a whole cluster, while it is removed from gwm.
alter table grant_tombstone alter column instance_uuid drop not null;
