-- Search as one types, filters by name and address, and the overview's counters.

-- Trusted since Postgres 13: the database's owner may create it.
create extension if not exists pg_trgm;

-- Name, tags, IP and MAC addresses in lower case, one a line: what a bare word is looked for in.
create function instance_found_by(name text, tags text[], nics jsonb) returns text
language sql immutable parallel safe
return lower(name
    || coalesce(E'\n' || array_to_string(tags, E'\n'), '')
    || coalesce((select string_agg(coalesce(E'\n' || nullif(nic ->> 'ip', ''), '')
            || coalesce(E'\n' || nullif(nic ->> 'mac', ''), ''), '')
        from jsonb_array_elements(case jsonb_typeof(nics) when 'array' then nics else '[]' end) nic), ''));

alter table instance add column found_by text
    generated always as (instance_found_by(name, tags, nics)) stored;
create index instance_found_by_idx on instance using gin (found_by gin_trgm_ops);
create index instance_uuid_idx on instance (uuid);
create index instance_missing_idx on instance (cluster_id) where missing;

-- Counted with the others, at the end of each write that changes them.
alter table cluster
    add column memory_allocated_mib  bigint  not null default 0,
    add column disk_allocated_mib    bigint  not null default 0,
    add column nodes_silent          integer not null default 0,
    -- End of the endpoint's certificate, as last seen.
    add column certificate_not_after timestamptz;
