-- The audit log is read by these: taken out of each record's text, of those that are there already, too.
-- The text itself stays what was hashed. jsonb knows no NUL, which a user name that somebody tried may
-- have: in these columns U+FFFD stands in for it. What is searched by name is in lower case.
alter table audit_record
    add column actor_id text generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb #>> '{person,user_id}')) stored,
    add column actor text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb #>> '{person,username}')) stored,
    add column address text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb #>> '{person,client_address}')) stored,
    add column action text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb ->> 'action')) stored,
    add column phase text generated always as
        (replace(record, '\u0000', '\ufffd')::jsonb ->> 'phase') stored,
    add column outcome text generated always as
        (replace(record, '\u0000', '\ufffd')::jsonb ->> 'outcome') stored,
    add column service text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb ->> 'service')) stored,
    add column cluster text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb ->> 'cluster')) stored,
    add column object_kind text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb #>> '{object,kind}')) stored,
    add column object_id text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb #>> '{object,id}')) stored,
    add column object_name text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb #>> '{object,name}')) stored,
    add column job_id text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb ->> 'job_id')) stored,
    add column request_id text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb ->> 'request_id')) stored;

create index audit_record_at_idx on audit_record (at, number);
-- One's own records, in the order of the list.
create index audit_record_actor_id_idx on audit_record (actor_id, at, number);
create index audit_record_actor_idx on audit_record (actor);
create index audit_record_action_idx on audit_record (action);
create index audit_record_cluster_idx on audit_record (cluster) where cluster is not null;
create index audit_record_object_id_idx on audit_record (object_id) where object_id is not null;
create index audit_record_object_name_idx on audit_record (object_name) where object_name is not null;
create index audit_record_job_id_idx on audit_record (job_id) where job_id is not null;
create index audit_record_request_id_idx on audit_record (request_id) where request_id is not null;

-- Signs the cursors of this service's lists.
create table audit_cursor_secret (
    one    boolean not null default true,
    secret bytea   not null,
    constraint audit_cursor_secret_pkey primary key (one),
    constraint audit_cursor_secret_one_check check (one)
);
insert into audit_cursor_secret (secret)
    values (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
