-- Node groups, networks and OSes as objects, and what Ganeti says of each object beyond what lists show.

-- Read anew with the next look; until then there were only names.
drop table node_group;
create table node_group (
    cluster_id     uuid        not null,
    uuid           uuid        not null,
    name           text        not null collate "C",
    alloc_policy   text        not null default '' collate "C",
    node_count     integer,
    tags           text[]      not null default '{}',
    -- As Ganeti wrote it.
    said           json        not null default '{}',
    raw_hash       bigint      not null,
    revision       bigint      not null,
    config_version bigint      not null default 1,
    created_at     timestamptz,
    modified_at    timestamptz,
    seen_at        timestamptz not null,
    absent         boolean     not null default false,
    missing        boolean     not null default false,
    constraint node_group_pkey primary key (cluster_id, uuid),
    constraint node_group_cluster_fkey foreign key (cluster_id) references cluster on delete cascade
);
create index node_group_name_idx on node_group (name, cluster_id, uuid);

create table network (
    cluster_id         uuid        not null,
    uuid               uuid        not null,
    name               text        not null collate "C",
    network            text        not null default '' collate "C",
    gateway            text        not null default '' collate "C",
    network6           text        not null default '' collate "C",
    gateway6           text        not null default '' collate "C",
    mac_prefix         text        not null default '' collate "C",
    addresses_free     bigint,
    addresses_reserved bigint,
    -- Names of the node groups, for filters; how each is connected is in connections.
    node_groups        text[]      not null default '{}',
    connections        jsonb       not null default '[]',
    tags               text[]      not null default '{}',
    said               json        not null default '{}',
    raw_hash           bigint      not null,
    revision           bigint      not null,
    config_version     bigint      not null default 1,
    created_at         timestamptz,
    modified_at        timestamptz,
    seen_at            timestamptz not null,
    absent             boolean     not null default false,
    missing            boolean     not null default false,
    constraint network_pkey primary key (cluster_id, uuid),
    constraint network_cluster_fkey foreign key (cluster_id) references cluster on delete cascade
);
create index network_name_idx on network (name, cluster_id, uuid);

-- Ganeti gives OSes no UUID: this one is made of cluster and name, so that lists can page by it.
create table os (
    cluster_id  uuid        not null,
    uuid        uuid        not null,
    name        text        not null collate "C",
    hidden      boolean     not null default false,
    blacklisted boolean     not null default false,
    read_at     timestamptz not null,
    constraint os_pkey primary key (cluster_id, uuid),
    constraint os_cluster_fkey foreign key (cluster_id) references cluster on delete cascade
);
create index os_name_idx on os (name, cluster_id, uuid);
create index instance_os_idx on instance (cluster_id, os);

-- /2/info, without the values of OS parameters.
create table cluster_info (
    cluster_id uuid        not null,
    said       json        not null,
    constraint cluster_info_pkey primary key (cluster_id),
    constraint cluster_info_cluster_fkey foreign key (cluster_id) references cluster on delete cascade
);

-- What only queries say, at the slower rate: names of OS parameters of instances; node parameters set on nodes.
create table object_detail (
    cluster_id uuid  not null,
    kind       text  not null,
    uuid       uuid  not null,
    detail     jsonb not null,
    constraint object_detail_pkey primary key (cluster_id, kind, uuid),
    constraint object_detail_cluster_fkey foreign key (cluster_id) references cluster on delete cascade
);

alter table node add column said json not null default '{}';
alter table instance add column said json not null default '{}';
-- So that each is read, and said filled, with the next look. No event comes of it.
update node set raw_hash = 0;
update instance set raw_hash = 0;
