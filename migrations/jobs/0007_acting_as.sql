-- The group that was acted as, by its id: it owns what the job makes. Its name is in acting_as.
alter table job add column acting_as_id uuid;
