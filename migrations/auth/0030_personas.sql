-- As whom a session acts: a group that its user belongs to; null: the user. Who has left the group acts as themself.
alter table session
    add column acting_as uuid,
    add constraint session_acting_as_fkey foreign key (acting_as)
        references persona_group (group_id) on delete set null;
create index session_acting_as_idx on session (acting_as) where acting_as is not null;

-- As whom its console was asked for.
alter table console_ticket add column acting_as uuid;
