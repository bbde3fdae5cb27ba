-- What clusters are called now, as cache-updater tells it: records and events name them by it. Rights never go by names.
create table cluster_name (
    cluster_id uuid not null,
    slug       text not null,
    constraint cluster_name_pkey primary key (cluster_id)
);
