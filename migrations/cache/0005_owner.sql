-- A copy of auth's owners, and what auth is told of what is gone or back.

-- user/NAME; null: nobody. Written by whoever follows auth, and read for an instance that is new here.
create table owner_copy (
    cluster_id uuid not null,
    uuid       uuid not null,
    owner      text not null collate "C",
    constraint owner_copy_pkey primary key (cluster_id, uuid)
);

-- How far the copy goes, in auth's numbers.
create table owner_followed (
    single   boolean not null default true,
    revision bigint  not null default 0,
    lineage  text    not null default '',
    constraint owner_followed_pkey primary key (single),
    constraint owner_followed_single_check check (single)
);
insert into owner_followed default values;

alter table instance add column owner text collate "C";
-- The order by owner, as src/store/list.rs asks for it.
create index instance_order_owner_idx on instance ((coalesce(owner, '')), cluster_id, uuid);

-- What auth has not taken yet, in order.
create table presence_news (
    position   bigint generated always as identity,
    what       text        not null,
    cluster_id uuid        not null,
    uuid       uuid,
    created_at timestamptz not null default now(),
    constraint presence_news_pkey primary key (position)
);

-- Clusters that were removed from gwm: for 30 days one with the same UUID of Ganeti's gets its id
-- back, and goes on where its revisions ended.
create table forgotten_cluster (
    ganeti_uuid    uuid        not null,
    cluster_id     uuid        not null,
    slug           text        not null collate "C",
    revision       bigint      not null,
    config_version bigint      not null,
    forgotten_at   timestamptz not null default now(),
    constraint forgotten_cluster_pkey primary key (ganeti_uuid)
);
create index forgotten_cluster_cluster_idx on forgotten_cluster (cluster_id);
