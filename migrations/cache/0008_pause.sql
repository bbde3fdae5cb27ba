-- What an administrator says about how gwm treats a cluster, and what that costs the cluster.
alter table cluster
    -- Nothing is read and nothing new is sent.
    add paused boolean not null default false,
    -- Read-only by choice, whatever credential is stored.
    add held_read_only boolean not null default false,
    -- Seconds between looks; 0: as the service is configured.
    add poll_interval_seconds integer not null default 0,
    -- Of the minute before the last look.
    add requests_per_minute integer,
    add bulk_seconds double precision;
