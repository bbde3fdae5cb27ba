-- Password hashes that came from the predecessor's database, until their people sign in.

-- A login takes as long as the costliest of these, whoever it is for: its time must not tell whose hash is
-- an imported one. None is left once everybody has signed in. Of the hash itself, so no way of writing one can
-- forget it.
alter table app_user
    add column imported_sha256 integer generated always as (
        case when password_hash ~ '^pbkdf2_sha256\$[0-9]{1,7}\$'
             then split_part(password_hash, '$', 2)::integer end) stored,
    add column imported_sha1 integer generated always as (
        case when password_hash ~ '^pbkdf2_sha1\$[0-9]{1,7}\$'
             then split_part(password_hash, '$', 2)::integer end) stored;
create index app_user_imported_sha256_idx on app_user (imported_sha256)
    where imported_sha256 is not null;
create index app_user_imported_sha1_idx on app_user (imported_sha1)
    where imported_sha1 is not null;
