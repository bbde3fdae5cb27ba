-- Accounts: when somebody came in last, and one-time ways to a new one.

alter table app_user add column last_login_at timestamptz;
update app_user set last_login_at =
    (select max(created_at) from session where session.user_id = app_user.user_id);

-- The code itself is answered once and kept nowhere.
create table invite (
    invite_id    uuid        not null,
    token_hash   bytea       not null,
    -- Null: whoever has the code chooses.
    username     text,
    is_admin     boolean     not null,
    created_by   uuid        not null,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    withdrawn_at timestamptz,
    used_at      timestamptz,
    used_by      uuid,
    constraint invite_pkey primary key (invite_id),
    constraint invite_token_hash_key unique (token_hash),
    constraint invite_created_by_fkey foreign key (created_by) references app_user (user_id),
    constraint invite_used_by_fkey foreign key (used_by) references app_user (user_id),
    constraint invite_used_check check ((used_at is null) = (used_by is null))
);
create index invite_created_at_idx on invite (created_at);
