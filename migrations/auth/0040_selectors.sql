-- Rights on the instances of a node group, or on those that have something in common.

-- What is asked of an instance; all of it has to be so. A node group's own right is such a row with nothing else in it.
create table selector (
    selector_id     uuid        not null,
    -- Null: of any cluster.
    cluster_id      uuid,
    -- Ganeti's UUID of the group of the primary node.
    node_group      uuid,
    -- A user or a group.
    owner_id        uuid,
    -- Sorted.
    tags            text[]      collate "C" not null default '{}',
    -- What its cluster and node group were called when it was made: for people.
    slug            text        not null default '',
    node_group_name text        not null default '',
    created_at      timestamptz not null default now(),
    constraint selector_pkey primary key (selector_id),
    constraint selector_is_key unique nulls not distinct (cluster_id, node_group, owner_id, tags),
    constraint selector_place_check check (node_group is null or cluster_id is not null),
    -- Else it would be a cluster, or everything.
    constraint selector_narrow_check
        check (node_group is not null or owner_id is not null or cardinality(tags) > 0)
);
create index selector_owner_idx on selector (owner_id);

alter table permission_grant
    add column selector_id uuid,
    add constraint permission_grant_selector_id_fkey foreign key (selector_id) references selector (selector_id),
    drop constraint permission_grant_object_key,
    add constraint permission_grant_object_key
        unique nulls not distinct (persona_id, role, cluster_id, instance_uuid, selector_id),
    add constraint permission_grant_selector_check check (selector_id is null or instance_uuid is null);
create index permission_grant_selector_idx on permission_grant (selector_id) where selector_id is not null;
alter table grant_tombstone
    add column selector_id uuid,
    add constraint grant_tombstone_selector_id_fkey foreign key (selector_id) references selector (selector_id);

-- What selectors ask about, but for the owner, which is auth's own: as cache-updater tells it. An instance that is not
-- here is in no selector.
create table instance_trait (
    cluster_id    uuid   not null,
    instance_uuid uuid   not null,
    -- Of its primary node; null: not known.
    node_group    uuid,
    -- Those that can be asked for, sorted.
    tags          text[] collate "C" not null default '{}',
    constraint instance_trait_pkey primary key (cluster_id, instance_uuid)
);

-- Which instances each number is about, side by side, and which selectors.
alter table change_log
    add column cluster_ids    uuid[] not null default '{}',
    add column instance_uuids uuid[] not null default '{}',
    add column selector_ids   uuid[] not null default '{}';
