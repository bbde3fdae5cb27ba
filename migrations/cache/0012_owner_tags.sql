-- Owners written as tags in Ganeti. Nothing is read from such a tag.

-- What tells this installation's tags from another's that manages the same cluster. Made here, so that no two have the same
-- by default; the configuration may give another.
create table installation (
    single boolean not null default true,
    name   text    not null,
    constraint installation_pkey primary key (single),
    constraint installation_single_check check (single)
);
insert into installation (name) values (substr(replace(gen_random_uuid()::text, '-', ''), 1, 8));

-- off: nothing is written; write: tags say who owns what; remove: our tags are taken away.
alter table cluster add column owner_tags text not null default 'off',
    add constraint cluster_owner_tags_check check (owner_tags in ('off', 'write', 'remove'));

-- What the tag says after the installation's prefix. Owners known so far came without their ids: all are read anew.
alter table owner_copy add column tag text not null default '';
update owner_followed set revision = 0, lineage = '';
