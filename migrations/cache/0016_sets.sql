-- Large sets of keys that lists are limited to: the instances of a selector, for instance. A set has its name from what
-- is in it, and never changes.
create table key_set (
    set_id  uuid        not null,
    used_at timestamptz not null default now(),
    constraint key_set_pkey primary key (set_id)
);
create table key_set_member (
    set_id uuid not null,
    first  uuid not null,
    second uuid not null,
    constraint key_set_member_pkey primary key (set_id, first, second),
    constraint key_set_member_set_id_fkey foreign key (set_id) references key_set (set_id) on delete cascade
);
