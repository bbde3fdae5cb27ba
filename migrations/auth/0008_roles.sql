-- A grant gives a role, which is a named set of verbs; and it may be on the whole installation.

create table role (
    -- What grants name; never changed.
    name        text        not null,
    -- For events and records, which name nothing by its name.
    role_id     uuid        not null default gen_random_uuid(),
    description text        not null default '',
    -- As chosen; what they bring with them is worked out where it is asked.
    permissions text[]      not null,
    -- Comes with gwm and is never changed.
    builtin     boolean     not null default false,
    revision    bigint      not null default 1,
    created_at  timestamptz not null default now(),
    constraint role_pkey primary key (name),
    constraint role_role_id_key unique (role_id),
    constraint role_permissions_check check (
        permissions <@ array['view', 'console', 'power', 'modify', 'tags', 'remove', 'create_vm', 'migrate',
                             'replace_disks', 'export', 'view_placement', 'manage_nodes',
                             'manage_networks', 'admin']
        and cardinality(permissions) between 1 and 14)
);

-- Each verb by itself, and two that go together.
insert into role (name, description, permissions, builtin) values
    ('view', 'See it', '{view}', true),
    ('console', 'Open its console', '{console}', true),
    ('power', 'Start, stop and reboot it, and open its console', '{power}', true),
    ('modify', 'Change its settings and notes', '{modify}', true),
    ('tags', 'Change its tags', '{tags}', true),
    ('remove', 'Remove it', '{remove}', true),
    ('create_vm', 'Make instances', '{create_vm}', true),
    ('migrate', 'Move instances, and empty nodes', '{migrate}', true),
    ('replace_disks', 'Move the mirrors of disks', '{replace_disks}', true),
    ('export', 'Export instances', '{export}', true),
    ('view_placement', 'See nodes, node groups and storage', '{view_placement}', true),
    ('manage_nodes', 'Change nodes and node groups', '{manage_nodes}', true),
    ('manage_networks', 'Change networks', '{manage_networks}', true),
    ('admin', 'Everything, and giving rights to others', '{admin}', true),
    ('user', 'Daily use of a machine', '{power,modify,tags}', true),
    ('operator', 'Run a cluster, but make and remove nothing',
     '{power,modify,tags,migrate,replace_disks,export,manage_nodes,manage_networks}', true);

alter table permission_grant drop constraint permission_grant_permission_check;
alter table permission_grant rename column permission to role;
alter table permission_grant
    alter column cluster_id drop not null,
    add constraint permission_grant_role_fkey foreign key (role) references role (name),
    add constraint permission_grant_object_check check (instance_uuid is null or cluster_id is not null);
create index permission_grant_role_idx on permission_grant (role);
alter table grant_tombstone rename column permission to role;
