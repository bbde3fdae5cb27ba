-- API tokens that end by themselves, count from some networks only, and may do less than their owner.

alter table api_token
    -- Null: never.
    add column expires_at timestamptz,
    -- Where it was used from last.
    add column last_address text not null default '',
    -- When it was last put on record that it came from elsewhere.
    add column refused_at   timestamptz,
    -- CIDR; empty: from anywhere.
    add column networks   text[]  not null default '{}',
    -- Only what this user or group holds itself counts, and it alone can be acted as. Null: all that the owner may.
    add column persona_id uuid,
    -- Only what these roles allow counts. By id, so that a role of the same name made anew lends it nothing. Null: everything.
    add column role_ids   uuid[],
    -- Only what is held on, or in, the rows of api_token_object counts: with no such row, nothing.
    add column on_objects boolean not null default false,
    add column restricted boolean not null generated always as
        (persona_id is not null or role_ids is not null or on_objects) stored,
    add constraint api_token_networks_check check (cardinality(networks) <= 20);
create index api_token_expires_at_idx on api_token (expires_at)
    where revoked_at is null and expires_at is not null;
create index api_token_restricted_idx on api_token (user_id) where revoked_at is null and restricted;

create table api_token_object (
    token_id      uuid not null,
    -- Null: the whole installation.
    cluster_id    uuid,
    -- Null: the whole cluster.
    instance_uuid uuid,
    -- What they were called when the token was made.
    slug          text,
    object_name   text,
    constraint api_token_object_token_id_fkey foreign key (token_id) references api_token (token_id) on delete cascade,
    constraint api_token_object_object_check check (instance_uuid is null or cluster_id is not null)
);
create index api_token_object_token_id_idx on api_token_object (token_id);
