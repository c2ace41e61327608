-- How a scan is made, where it stands, and what it has done.
alter table scan_job add column options text not null default '{}';     -- JSON
alter table scan_job add column template text not null default '';
alter table scan_job add column schedule text not null default '';
alter table scan_job add column windows text not null default '[]';     -- JSON list; none is always
alter table scan_job add column done text not null default '[]';        -- JSON list of ranges that are not scanned again
alter table scan_job add column wanted text not null default 'run';     -- run, pause
alter table scan_job add column not_before bigint not null default 0;   -- a queued job waits until then
alter table scan_job add column left_ms bigint not null default 0;

create index scan_job_schedule on scan_job (schedule, state);

create table scan_template (
  name       text   primary key,
  site       text   not null,
  targets    text   not null, -- JSON list
  exclude    text   not null, -- JSON list
  rate       int    not null,
  options    text   not null, -- JSON
  changed_at bigint not null,
  changed_by text   not null
);

create table scan_schedule (
  name       text   primary key,
  template   text   not null references scan_template (name),
  times      text   not null,
  zone       text   not null,
  windows    text   not null, -- JSON list
  disabled   int    not null,
  next_at    bigint not null, -- who moves it on starts the scan
  last_at    bigint not null,
  last_scan  text   not null,
  note       text   not null, -- why the last time was left out
  changed_at bigint not null,
  changed_by text   not null
);

create index scan_schedule_template on scan_schedule (template);

-- Ranges that were swept completely, the last ten times each. Addresses as text.
create table sweep (
  site        text   not null,
  first       text   not null,
  last        text   not null,
  job         text   not null,
  started_at  bigint not null, -- at the latest
  finished_at bigint not null,
  primary key (site, first, last, job)
) {{without_rowid}};

create index sweep_finished on sweep (finished_at);

create table credential (
  name       text   primary key,
  kind       text   not null,
  sites      text   not null, -- JSON list; none is every one
  targets    text   not null, -- JSON list of prefixes; none is every address
  sealed     {{blob}} not null, -- by a key that is not in here
  changed_at bigint not null,
  changed_by text   not null,
  last_used  bigint not null
);
