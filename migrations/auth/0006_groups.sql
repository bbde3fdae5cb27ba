-- Groups of people, which hold rights and own instances as users do.

create table persona_group (
    group_id    uuid        not null,
    name        text        not null,
    description text        not null default '',
    revision    bigint      not null default 1,
    created_at  timestamptz not null default now(),
    constraint persona_group_pkey primary key (group_id),
    constraint persona_group_name_key unique (name)
);

-- Who belongs to it. An administrator of the group chooses its members.
create table group_member (
    group_id uuid        not null,
    user_id  uuid        not null,
    is_admin boolean     not null default false,
    added_at timestamptz not null default now(),
    constraint group_member_pkey primary key (group_id, user_id),
    constraint group_member_group_id_fkey foreign key (group_id)
        references persona_group (group_id) on delete cascade,
    constraint group_member_user_id_fkey foreign key (user_id) references app_user (user_id)
);
create index group_member_user_id_idx on group_member (user_id);

-- Whoever can hold rights and own instances; ids are unique over both kinds.
create view persona (persona_id, kind, name, disabled) as
    select user_id, 'user', username, disabled from app_user
    union all
    select group_id, 'group', name, false from persona_group;

-- A right is a persona's. The generated columns are for the foreign keys alone.
alter table permission_grant drop constraint permission_grant_user_id_fkey;
alter table permission_grant rename column user_id to persona_id;
alter table permission_grant
    add column persona_kind text not null default 'user',
    add constraint permission_grant_persona_kind_check check (persona_kind in ('user', 'group'));
alter table permission_grant
    alter column persona_kind drop default,
    add column user_id uuid generated always as
        (case when persona_kind = 'user' then persona_id end) stored,
    add column group_id uuid generated always as
        (case when persona_kind = 'group' then persona_id end) stored,
    add constraint permission_grant_user_id_fkey foreign key (user_id) references app_user (user_id),
    add constraint permission_grant_group_id_fkey foreign key (group_id)
        references persona_group (group_id);

alter table grant_tombstone rename column user_id to persona_id;

alter table instance_owner drop constraint instance_owner_kind_check;
alter table instance_owner add constraint instance_owner_kind_check
    check (owner_kind in ('user', 'group'));
