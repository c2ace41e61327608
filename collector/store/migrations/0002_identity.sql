-- Who may talk to the collector. Times are Unix milliseconds UTC, 0 for "has not happened".

create table enrol_token (
  id         text   primary key,
  hash       {{blob}} not null, -- SHA-256 of the secret
  site       text   not null,
  class      text   not null,
  uses       int    not null,
  used       int    not null,
  created_at bigint not null,
  created_by text   not null,
  expires_at bigint not null,
  revoked_at bigint not null
);

-- An enrolled agent or scanner; its reports are under source (kind, name = id).
create table identity (
  id           text   primary key, -- uuid
  kind         text   not null,
  site         text   not null,
  class        text   not null,
  hostname     text   not null, -- as said at enrolment, never used as identity
  version      text   not null,
  token        text   not null,
  enrolled_at  bigint not null,
  revoked_at   bigint not null,
  last_contact bigint not null,
  nonce        {{blob}} not null, -- of the last contact
  nonce_before {{blob}} not null  -- of the contact that one followed
);

create table identity_flag (
  identity_id text   not null references identity (id),
  flag        text   not null,
  at          bigint not null, -- first seen
  primary key (identity_id, flag)
) {{without_rowid}};

-- Certificates that were issued. The first use of one ends the older ones of its source.
create table certificate (
  serial      text   primary key,
  identity_id text   not null references identity (id),
  key         {{blob}} not null, -- SHA-256 of the public key
  issued_at   bigint not null,
  not_after   bigint not null,
  used_at     bigint not null,
  ended_at    bigint not null
);

create index certificate_identity on certificate (identity_id);

-- Persons' tokens, and the web sessions opened with them.
create table access (
  id         text   primary key,
  hash       {{blob}} not null, -- SHA-256 of the secret
  person     text   not null,
  role       int    not null,
  token      text   not null, -- of a session: the token it was opened with
  created_at bigint not null,
  expires_at bigint not null,
  revoked_at bigint not null
);

create index access_token on access (token);

create table scan_job (
  id          text   primary key, -- uuid
  site        text   not null,
  targets     text   not null, -- JSON list
  exclude     text   not null, -- JSON list
  rate        int    not null,
  state       text   not null, -- queued, running, done, failed, cancelled
  created_at  bigint not null,
  created_by  text   not null,
  scanner     text   not null,
  lease_until bigint not null, -- a running job without word from its scanner until then is queued again
  tries       int    not null,
  started_at  bigint not null,
  finished_at bigint not null,
  message     text   not null,
  probed      bigint not null,
  planned     bigint not null,
  found       bigint not null
);

create index scan_job_queue on scan_job (site, state, created_at);
