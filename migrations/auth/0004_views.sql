-- What people keep of lists: their own, and nobody else's.
create table saved_view (
    view_id    uuid        not null,
    user_id    uuid        not null,
    -- The list's name, as in its URL.
    list       text        not null,
    name       text        not null,
    q          text        not null default '',
    sort       text        not null default '',
    columns    text[]      not null default '{}',
    is_default boolean     not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint saved_view_pkey primary key (view_id),
    constraint saved_view_name_key unique (user_id, list, name),
    constraint saved_view_user_id_fkey foreign key (user_id) references app_user (user_id)
);
create unique index saved_view_default_idx on saved_view (user_id, list) where is_default;
