-- Who makes an instance, while it is being made: its installation script asks for their SSH keys before the job has
-- ended and the right to it is there.
alter table reservation add column instance_name text not null default '';
create index reservation_name_idx on reservation (cluster_id, lower(instance_name))
    where persona_id is not null;

-- Since when an instance is known of. One that was there before a job asked for its name isn't that job's.
alter table usage_ledger add column known_since timestamptz not null default clock_timestamp();
