-- Which transaction last changed what an instance takes: auth reads what is newer than its last look. Not a number of
-- ours, which all polls would have to wait for; a transaction's own, as of which Postgres knows what has ended.
alter table instance add column counted_in xid8 not null default pg_current_xact_id();
create index instance_counted_in_idx on instance (counted_in);

create function instance_counted() returns trigger language plpgsql as $$
begin
    new.counted_in := pg_current_xact_id();
    return new;
end
$$;
create trigger instance_counted_trigger before update on instance for each row
    when ((old.memory_mib, old.vcpus, old.disks, old.admin_state)
        is distinct from (new.memory_mib, new.vcpus, new.disks, new.admin_state))
    execute function instance_counted();
