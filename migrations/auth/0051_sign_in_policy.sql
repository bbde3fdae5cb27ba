-- How people sign in to this installation.

create table sign_in_policy (
    single        boolean     not null default true,
    -- Who needs a second factor.
    second_factor text        not null default 'nobody',
    revision      bigint      not null default 1,
    updated_at    timestamptz not null default now(),
    constraint sign_in_policy_pkey primary key (single),
    constraint sign_in_policy_single_check check (single),
    constraint sign_in_policy_second_factor_check
        check (second_factor in ('nobody', 'administrators', 'everybody'))
);
insert into sign_in_policy default values;
