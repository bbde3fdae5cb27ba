-- What every gwm database has: leases, the outbox, the inbox and idempotency keys.
-- Source: services/lib/pg/sql/foundation.sql. A test holds every database's 0001_foundation.sql equal to it,
-- so it never changes; a later change is a migration of its own in each database.

-- The right to work on something until a time, by this database's clock. A row is never deleted:
-- its generation must grow from holder to holder, because it fences the writes of the one before.
create table lease (
    name            text        not null,
    holder          text        not null,
    holder_endpoint text        not null default '',
    generation      bigint      not null default 1,
    expires_at      timestamptz not null,
    constraint lease_pkey primary key (name)
);

-- Events, written in the transaction of the change that they tell of.
-- The payload is text and not jsonb: a republished event must be the same byte for byte.
create table outbox (
    position        bigint      generated always as identity,
    event_id        uuid        not null,
    object_key      text        not null,
    class           text        not null,
    subject         text        not null,
    payload         text        not null,
    traceparent     text,
    created_at      timestamptz not null default now(),
    published_at    timestamptz,
    stream_sequence bigint,
    constraint outbox_pkey primary key (position),
    constraint outbox_event_id_key unique (event_id)
);
create index outbox_unpublished_idx on outbox (position) where published_at is null;
create index outbox_published_at_idx on outbox (published_at) where published_at is not null;

-- A statement trigger and not a call at each insert: no way of writing rows can forget it, and
-- ten thousand rows in one statement wake the relay once.
create function outbox_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('gwm_outbox', '');
    return null;
end
$$;
create trigger outbox_notify_trigger after insert on outbox
    for each statement execute function outbox_notify();

-- The highest stream sequence that JetStream acknowledged, per class: where a consumer starts that
-- has just read a list. Kept apart from the outbox, whose published rows are purged.
-- stream_created_at tells a stream that was deleted and made anew, whose numbers began again.
create table outbox_acknowledged (
    class             text   not null,
    stream_sequence   bigint not null,
    stream_created_at text,
    constraint outbox_acknowledged_pkey primary key (class)
);

-- Events whose effect is committed, per consumer.
create table inbox (
    consumer    text        not null,
    event_id    uuid        not null,
    received_at timestamptz not null default now(),
    constraint inbox_pkey primary key (consumer, event_id)
);
create index inbox_received_at_idx on inbox (received_at);

-- Answers already given, so that a repeated request gets the same one.
create table idempotency (
    principal    text        not null,
    rpc          text        not null,
    key          text        not null,
    request_hash bytea       not null,
    response     bytea,
    created_at   timestamptz not null default now(),
    constraint idempotency_pkey primary key (principal, rpc, key)
);
create index idempotency_created_at_idx on idempotency (created_at);
