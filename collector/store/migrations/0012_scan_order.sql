-- What is looked for all the time: schedules whose time has come, and the newest scans.
create index scan_schedule_due on scan_schedule (disabled, next_at);
create index scan_job_newest on scan_job (created_at desc, id);
