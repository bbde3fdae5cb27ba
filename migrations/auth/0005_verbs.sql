-- More that can be granted: each verb is one of the table in auth's README.
alter table permission_grant drop constraint permission_grant_permission_check;
alter table permission_grant add constraint permission_grant_permission_check
    check (permission in ('view', 'console', 'power', 'modify', 'remove', 'admin'));
