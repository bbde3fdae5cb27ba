-- A request that waited for job-runner and was then refused is a job that failed, whatever it named.
alter table job drop constraint job_uuid_check;
alter table job add constraint job_uuid_check
    check (kind = 'create' or instance_uuid is not null or phase = 'failed');
-- The id of a job comes with the request: what was asked for tells whether it is the same request again.
alter table job add column request_hash bytea;
