-- Of the sections of a record's last report: one that says no more than this digest changed nothing. Null
-- where the sections have to be sent again.
alter table record add column digest {{blob}};
