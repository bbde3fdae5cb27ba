-- Users, sessions, tokens, grants, console tickets, and the order in which their changes are told.

-- The number of the last change of rights, sessions, tokens or keys. Every transaction that makes
-- one adds one to it, and holds the row until its commit: so numbers are in the order of commits,
-- and whoever reads N may know all that is below N.
create table access_revision (
    single boolean not null default true,
    value  bigint  not null default 0,
    constraint access_revision_pkey primary key (single),
    constraint access_revision_single_check check (single)
);
insert into access_revision default values;

-- Which user, session or token each number is about; what it is now stands in their own tables.
create table change_log (
    revision       bigint      not null,
    user_ids       uuid[]      not null default '{}',
    ended_sessions uuid[]      not null default '{}',
    revoked_tokens uuid[]      not null default '{}',
    keys           boolean     not null default false,
    created_at     timestamptz not null default now(),
    constraint change_log_pkey primary key (revision)
);
create index change_log_created_at_idx on change_log (created_at);

create function change_log_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('gwm_access_changed', '');
    return null;
end
$$;
create trigger change_log_notify_trigger after insert on change_log
    for each statement execute function change_log_notify();

create table app_user (
    user_id       uuid        not null,
    username      text        not null,
    password_hash text        not null,
    is_admin      boolean     not null default false,
    disabled      boolean     not null default false,
    revision      bigint      not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    constraint app_user_pkey primary key (user_id),
    constraint app_user_username_key unique (username)
);

create table session (
    session_id     uuid        not null,
    user_id        uuid        not null,
    token_hash     bytea       not null,
    client_address text        not null,
    user_agent     text        not null,
    created_at     timestamptz not null default now(),
    last_seen_at   timestamptz not null default now(),
    ended_at       timestamptz,
    end_reason     text,
    constraint session_pkey primary key (session_id),
    constraint session_token_hash_key unique (token_hash),
    constraint session_user_id_fkey foreign key (user_id) references app_user (user_id)
);
create index session_user_id_idx on session (user_id);
create index session_open_idx on session (last_seen_at) where ended_at is null;
create index session_ended_at_idx on session (ended_at) where ended_at is not null;

create table api_token (
    token_id     uuid        not null,
    user_id      uuid        not null,
    name         text        not null,
    prefix       text        not null,
    token_hash   bytea       not null,
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at   timestamptz,
    constraint api_token_pkey primary key (token_id),
    constraint api_token_token_hash_key unique (token_hash),
    constraint api_token_user_id_fkey foreign key (user_id) references app_user (user_id)
);
create index api_token_user_id_idx on api_token (user_id);
create index api_token_revoked_at_idx on api_token (revoked_at) where revoked_at is not null;

create table permission_grant (
    grant_id      uuid        not null,
    user_id       uuid        not null,
    permission    text        not null,
    cluster_id    uuid        not null,
    -- Ganeti's UUID; null: the whole cluster.
    instance_uuid uuid,
    created_by    text,
    revision      bigint      not null default 1,
    created_at    timestamptz not null default now(),
    constraint permission_grant_pkey primary key (grant_id),
    constraint permission_grant_permission_check check (permission in ('view', 'console', 'power')),
    constraint permission_grant_user_id_fkey foreign key (user_id) references app_user (user_id),
    constraint permission_grant_object_key
        unique nulls not distinct (user_id, permission, cluster_id, instance_uuid)
);
create index permission_grant_object_idx on permission_grant (cluster_id, instance_uuid);

-- Grants of instances that are gone: they come back if the instance's UUID does, within 30 days.
create table grant_tombstone (
    grant_id      uuid        not null,
    user_id       uuid        not null,
    permission    text        not null,
    cluster_id    uuid        not null,
    instance_uuid uuid        not null,
    created_by    text,
    revision      bigint      not null,
    created_at    timestamptz not null,
    buried_at     timestamptz not null default now(),
    constraint grant_tombstone_pkey primary key (grant_id)
);
create index grant_tombstone_object_idx on grant_tombstone (cluster_id, instance_uuid);
create index grant_tombstone_buried_at_idx on grant_tombstone (buried_at);

create table console_ticket (
    ticket_id        uuid        not null,
    token_hash       bytea       not null,
    user_id          uuid        not null,
    session_id       uuid,
    token_id         uuid,
    cluster_id       uuid        not null,
    instance_uuid    uuid        not null,
    kind             text        not null,
    created_at       timestamptz not null default now(),
    expires_at       timestamptz not null,
    redeemed_at      timestamptz,
    redeemed_address text,
    constraint console_ticket_pkey primary key (ticket_id),
    constraint console_ticket_token_hash_key unique (token_hash),
    constraint console_ticket_kind_check check (kind in ('vnc')),
    constraint console_ticket_user_id_fkey foreign key (user_id) references app_user (user_id)
);
create index console_ticket_expires_at_idx on console_ticket (expires_at);

-- The private half is sealed with the master key, bound to this table, row and column.
create table signing_key (
    key_id        text        not null,
    public_key    bytea       not null,
    sealed_secret bytea       not null,
    created_at    timestamptz not null default now(),
    constraint signing_key_pkey primary key (key_id)
);

-- One leaky bucket a user name and a client address: how many refused logins it still holds.
create table login_throttle (
    subject    text             not null,
    level      double precision not null,
    updated_at timestamptz      not null default now(),
    constraint login_throttle_pkey primary key (subject)
);
create index login_throttle_updated_at_idx on login_throttle (updated_at);

-- Appended to only. Each record's hash covers the hash of the one before.
create table audit_record (
    number     bigint      not null,
    record_id  uuid        not null,
    at         timestamptz not null,
    record     text        not null,
    hash       text        not null,
    constraint audit_record_pkey primary key (number),
    constraint audit_record_record_id_key unique (record_id)
);
