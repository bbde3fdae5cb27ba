-- Sign-ins that were begun at a provider (OpenID Connect) and are not finished: each is for one provider and one
-- browser, is used once, and is over after ten minutes.
create table oidc_attempt (
    state_hash bytea primary key,
    provider text not null,
    -- What the browser shows beside the state, which stands in an address.
    browser_hash bytea not null,
    nonce text not null,
    -- Of PKCE; worth nothing without the code, which never comes here before it is used.
    verifier text not null,
    redirect_uri text not null,
    -- Where the person was going.
    next text not null,
    expires_at timestamptz not null
);
create index oidc_attempt_expires_at on oidc_attempt (expires_at);
