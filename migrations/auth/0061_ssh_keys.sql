-- Public SSH keys of people, for installation scripts; and the right to read those of who may use an instance.

create table ssh_key (
    key_id      uuid        not null,
    user_id     uuid        not null,
    -- What its owner calls it.
    name        text        not null,
    -- As OpenSSH names it: ssh-ed25519.
    algorithm   text        not null,
    -- Algorithm and key, as in authorized_keys, without a comment.
    public_key  text        not null,
    -- SHA256:…, as ssh-keygen -l shows it.
    fingerprint text        not null,
    created_at  timestamptz not null default now(),
    constraint ssh_key_pkey primary key (key_id),
    constraint ssh_key_user_id_fingerprint_key unique (user_id, fingerprint),
    constraint ssh_key_user_id_fkey foreign key (user_id) references app_user (user_id)
);

alter table role drop constraint role_permissions_check, add constraint role_permissions_check check (
    permissions <@ array['view', 'console', 'power', 'modify', 'tags', 'remove', 'create_vm', 'migrate',
                         'replace_disks', 'export', 'view_placement', 'manage_nodes',
                         'manage_networks', 'read_keys', 'admin']
    and cardinality(permissions) between 1 and 15);
insert into role (name, description, permissions, builtin) values
    ('read_keys', 'Read the SSH keys of those who may log in, for installation scripts', '{read_keys}', true);
