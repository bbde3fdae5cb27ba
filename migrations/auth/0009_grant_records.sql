-- What a grant is on was called so when it was given: for the records, which people read.
alter table permission_grant add column slug text, add column object_name text;
alter table grant_tombstone add column slug text, add column object_name text;

-- Records of what was given to somebody, or of whom something was made a part, are found from their side, too.
alter table audit_record
    add column persona text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb #>> '{details,persona}')) stored,
    add column persona_id text collate "C" generated always as
        (lower(replace(record, '\u0000', '\ufffd')::jsonb #>> '{details,persona_id}')) stored;
create index audit_record_persona_id_idx on audit_record (persona_id) where persona_id is not null;
create index audit_record_persona_idx on audit_record (persona) where persona is not null;
