-- People whose password is kept elsewhere: in a directory, for instance.

-- Null: there is no password here.
alter table app_user
    alter column password_hash drop not null,
    -- Who made the user an administrator, if it was a directory: that alone takes it away again by itself.
    add column admin_from text,
    -- Where the user comes from (`ldap/NAME`); null: from here.
    add column origin text;
alter table login_challenge alter column password_hash drop not null;

-- Whom a provider means. By the provider's own stable id: names are changed there, and given to others.
create table identity (
    provider     text        not null,
    subject      text        not null,
    user_id      uuid        not null,
    -- As they were called there when they last signed in.
    login        text        not null,
    created_at   timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    constraint identity_pkey primary key (provider, subject),
    constraint identity_user_id_key unique (user_id, provider),
    constraint identity_user_id_fkey foreign key (user_id) references app_user (user_id)
);

-- Of memberships that a provider's groups stand for: those alone end when its groups say so. Null: somebody chose
-- the member here.
alter table group_member add column provider text;
