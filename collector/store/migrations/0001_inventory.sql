-- Times are Unix milliseconds UTC. Words in braces are filled in with what the engine calls it: {{id}} its
-- automatic key, {{blob}} a byte string, {{json}} a JSON value.

-- What one reporting instance has delivered.
create table source (
  id            {{id}},
  kind          text   not null,
  name          text   not null,
  site          text   not null,
  epoch         bigint not null,
  seq           bigint not null,
  first_contact bigint not null,
  last_contact  bigint not null,
  last_seen     bigint not null, -- clamped time of the newest observation
  skew_ms       bigint not null, -- source's clock minus ours at the last contact
  observations  bigint not null,
  version       text   not null,
  unique (kind, name)
);

-- One row for each accepted observation: provenance and both times of every fact.
create table observation (
  id          {{id}},
  source_id   bigint not null references source (id),
  record_id   bigint not null,
  epoch       bigint not null,
  seq         bigint not null,
  seen_at     bigint not null, -- true then: clamped into [last contact, received + 5 min]
  said_at     bigint not null, -- as the source's clock had it
  received_at bigint not null, -- known then
  changes     text   not null, -- sections that changed by it, comma-separated; "*" when it is the record's first
  unique (source_id, epoch, seq)
);

create index observation_record on observation (record_id);

-- What one source currently knows of one thing.
create table record (
  id          {{id}},
  kind        text   not null,
  scope       text   not null,
  native_key  text   not null,
  incarnation text   not null, -- tells things apart that a source calls by one name
  source_id   bigint not null references source (id),
  site        text   not null,
  role        text   not null,
  asset_id    bigint not null, -- id of the oldest record of the asset it belongs to
  first_seen  bigint not null,
  last_seen   bigint not null,
  first_obs   bigint not null,
  claims_day  bigint not null, -- day since 1970 for which the claims were last derived
  unique (kind, scope, native_key, incarnation)
);

create index record_asset on record (asset_id);
create index record_source on record (source_id);

-- Which asset a record belonged to, when.
create table member (
  record_id bigint not null,
  from_obs  bigint not null,
  to_obs    bigint,
  asset_id  bigint not null,
  primary key (record_id, from_obs)
) {{without_rowid}};

-- State of each section of a record as of its last report.
create table section (
  record_id bigint not null,
  name      text   not null,
  status    text   not null,
  reason    text   not null,
  hash      {{blob}} not null,
  body_obs  bigint not null, -- observation that brought the first body: its facts are no changes
  obs_id    bigint not null,
  took_ms   bigint not null,
  primary key (record_id, name)
) {{without_rowid}};

create table fact (
  record_id bigint not null,
  section   text   not null,
  key       text   not null,
  from_obs  bigint not null,
  to_obs    bigint,
  value     text   not null,
  primary key (record_id, section, key, from_obs)
) {{without_rowid}};

-- The dictionary of software titles; every install is a narrow row that points here.
create table title (
  id        {{id}},
  source    text not null,
  name      text not null,
  version   text not null,
  arch      text not null,
  publisher text not null,
  purl      text not null,
  unique (name, version, source, arch, publisher, purl)
);

create table install (
  record_id bigint not null,
  title_id  bigint not null,
  from_obs  bigint not null,
  to_obs    bigint,
  day       text,   -- YYYY-MM-DD
  bytes     bigint,
  path      text,
  primary key (record_id, title_id, from_obs)
) {{without_rowid}};

create index install_title on install (title_id, record_id);

-- Identifiers a record carries or has carried.
create table claim (
  type       text   not null,
  value      text   not null,
  scope      text   not null,
  record_id  bigint not null,
  tier       int    not null,
  first_day  bigint not null, -- days since 1970 by the source's clock
  last_day   bigint not null,
  primary key (record_id, type, value, scope)
) {{without_rowid}};

create index claim_value on claim (type, value, scope, record_id);

-- The assembled asset, rewritten when a fact or a member of it changes.
create table asset (
  id   bigint primary key, -- of its oldest record
  doc  {{json}} not null
);

-- The far end of a link as a record tells it. Which asset that is follows from the claims when asked.
create table link (
  record_id   bigint not null,
  type        text   not null, -- connected_to, runs_on ...
  local_port  text   not null,
  via         text   not null, -- lldp, bridge ...
  target      text   not null, -- claim value of the far end
  target_type text   not null, -- mac, name
  remote_port text   not null,
  remote_name text   not null,
  primary key (record_id, type, local_port, via, target, remote_port)
) {{without_rowid}};

create index link_target on link (target_type, target);

-- Observations that could not be processed, with their bytes and the reason.
create table quarantine (
  id          {{id}},
  source_kind text   not null,
  source      text   not null,
  epoch       bigint not null,
  seq         bigint not null,
  received_at bigint not null,
  reason      text   not null,
  bytes       {{blob}} not null,
  unique (source_kind, source, epoch, seq)
);

create table audit (
  id     {{id}},
  at     bigint not null,
  actor  text   not null,
  action text   not null,
  target text   not null,
  detail text   not null
);
