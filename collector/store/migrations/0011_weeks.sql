-- An address is claimed for a week with the days of it, not for each day: most things keep theirs.
alter table claim add column days int not null default 0; -- reconcile.Days
