-- The registry of clusters and what they hold.

-- Credentials are envelope-encrypted: data_key is sealed by the service's master key, the *_sealed
-- columns by the data key, each bound to this row and its column.
create table cluster (
    cluster_id           uuid             not null,
    slug                 text             not null collate "C",
    name                 text             not null default '' collate "C",
    ganeti_uuid          uuid             not null,
    ganeti_version       text             not null default '',
    master_node          text             not null default '',
    endpoints            text[]           not null,
    read_username        text             not null,
    write_username       text             not null default '',
    fingerprint          text             not null default '',
    ca_pem               text             not null default '',
    console_enabled      boolean          not null default true,
    data_key             bytea            not null,
    read_password_sealed bytea            not null,
    write_password_sealed bytea,
    vnc_password_sealed  bytea,
    -- What the create form offers, as /2/info said it.
    offers               jsonb            not null default '{}',
    networks             text[]           not null default '{}',
    oses                 text[],
    oses_read_at         timestamptz,
    enabled_hypervisors  text[]           not null default '{}',
    tags                 text[]           not null default '{}',
    -- Health.
    reachable            boolean          not null default true,
    last_success         timestamptz,
    error                text             not null default '',
    error_code           text             not null default '',
    next_attempt         timestamptz,
    interval_seconds     double precision not null default 30,
    -- Counted at the end of each write that changes them.
    nodes_total          integer          not null default 0,
    nodes_online         integer          not null default 0,
    instances_total      integer          not null default 0,
    instances_running    integer          not null default 0,
    instances_error      integer          not null default 0,
    missing              integer          not null default 0,
    memory_total_mib     bigint           not null default 0,
    memory_free_mib      bigint           not null default 0,
    disk_total_mib       bigint           not null default 0,
    disk_free_mib        bigint           not null default 0,
    revision             bigint           not null default 1,
    config_version       bigint           not null default 1,
    created_at           timestamptz      not null default now(),
    updated_at           timestamptz      not null default now(),
    constraint cluster_pkey primary key (cluster_id),
    constraint cluster_slug_key unique (slug),
    constraint cluster_ganeti_uuid_key unique (ganeti_uuid)
);

create table node_group (
    cluster_id uuid not null,
    uuid       uuid not null,
    name       text not null,
    constraint node_group_pkey primary key (cluster_id, uuid),
    constraint node_group_cluster_fkey foreign key (cluster_id) references cluster on delete cascade
);

create table node (
    cluster_id          uuid        not null,
    uuid                uuid        not null,
    name                text        not null collate "C",
    role                text        not null collate "C",
    node_group          text        not null default '' collate "C",
    memory_total_mib    bigint,
    memory_free_mib     bigint,
    disk_total_mib      bigint,
    disk_free_mib       bigint,
    -- The free figures that the last event told: they move at each look, events only on a step.
    memory_free_told    bigint,
    disk_free_told      bigint,
    cpus_total          integer,
    instances_primary   integer     not null default 0,
    instances_secondary integer     not null default 0,
    offline             boolean     not null default false,
    drained             boolean     not null default false,
    tags                text[]      not null default '{}',
    primary_ip          text        not null default '',
    secondary_ip        text        not null default '',
    -- Hash of the object as Ganeti wrote it: what is the same is not parsed.
    raw_hash            bigint      not null,
    revision            bigint      not null,
    seen_at             timestamptz not null,
    -- Not in the last complete answer; seen_at then stays what it was.
    absent              boolean     not null default false,
    missing             boolean     not null default false,
    constraint node_pkey primary key (cluster_id, uuid),
    constraint node_cluster_fkey foreign key (cluster_id) references cluster on delete cascade
);
create index node_name_idx on node (name, cluster_id, uuid);

create table instance (
    cluster_id       uuid        not null,
    uuid             uuid        not null,
    name             text        not null collate "C",
    status           text        not null collate "C",
    admin_state      text        not null,
    primary_node     text        not null default '' collate "C",
    secondary_nodes  text[]      not null default '{}',
    node_group       text        not null default '' collate "C",
    hypervisor       text        not null default '',
    os               text        not null default '' collate "C",
    vcpus            integer,
    memory_mib       bigint,
    disk_mib         bigint,
    disk_template    text        not null default '',
    nics             jsonb       not null default '[]',
    disks            jsonb       not null default '[]',
    tags             text[]      not null default '{}',
    hvparams         json        not null default '{}',
    beparams         json        not null default '{}',
    own_hvparams     text[]      not null default '{}',
    own_beparams     text[]      not null default '{}',
    network_port     integer,
    memory_used_mib  bigint,
    raw_hash         bigint      not null,
    revision         bigint      not null,
    config_version   bigint      not null default 1,
    created_at       timestamptz,
    modified_at      timestamptz,
    seen_at          timestamptz not null,
    absent           boolean     not null default false,
    missing          boolean     not null default false,
    constraint instance_pkey primary key (cluster_id, uuid),
    constraint instance_cluster_fkey foreign key (cluster_id) references cluster on delete cascade
);
create index instance_name_idx on instance (name, cluster_id, uuid);
create index instance_cluster_name_idx on instance (cluster_id, name);
create index instance_status_idx on instance (status, cluster_id, uuid);
create index instance_primary_node_idx on instance (cluster_id, primary_node);

-- Removed objects for 30 days: one that comes back goes on where its revisions ended.
create table tombstone (
    cluster_id uuid        not null,
    kind       text        not null,
    uuid       uuid        not null,
    name       text        not null,
    revision   bigint      not null,
    removed_at timestamptz not null default now(),
    constraint tombstone_pkey primary key (cluster_id, kind, uuid)
);
create index tombstone_removed_at_idx on tombstone (removed_at);
