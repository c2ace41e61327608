-- An address is claimed for a week with the days of it, not for each day: most things keep theirs.
alter table claim add column days int not null default 0; -- reconcile.Days

-- Stations that began or ended somewhere and were not yet looked at for having moved.
create table stirred (
  mac    text   primary key,
  obs_id bigint not null -- the first observation by which they did
);
