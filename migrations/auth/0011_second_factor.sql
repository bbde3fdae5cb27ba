-- Codes of an authenticator as second factor.

-- In the user's own row: a login that was checked by the password alone looks at it under its lock.
alter table app_user add column second_factor boolean not null default false;

create table authenticator (
    user_id       uuid        not null,
    -- Bound to its row.
    sealed_secret bytea       not null,
    -- Null until a code of it was given.
    confirmed_at  timestamptz,
    -- The last 30 seconds of which a code was taken: none counts twice.
    last_step     bigint      not null default 0,
    created_at    timestamptz not null default now(),
    constraint authenticator_pkey primary key (user_id),
    constraint authenticator_user_id_fkey foreign key (user_id) references app_user (user_id)
);

create table recovery_code (
    user_id   uuid  not null,
    code_hash bytea not null,
    used_at   timestamptz,
    constraint recovery_code_pkey primary key (user_id, code_hash),
    constraint recovery_code_user_id_fkey foreign key (user_id) references app_user (user_id)
);

-- Logins whose password was right and whose code is awaited.
create table login_challenge (
    token_hash    bytea       not null,
    user_id       uuid        not null,
    -- What the password was compared with: another one since then ends the challenge.
    password_hash text        not null,
    tries         integer     not null default 0,
    expires_at    timestamptz not null,
    constraint login_challenge_pkey primary key (token_hash),
    constraint login_challenge_user_id_fkey foreign key (user_id) references app_user (user_id)
);
create index login_challenge_expires_at_idx on login_challenge (expires_at);
