-- What people said about records: that they are one thing, or two. Ended ones stay for the record.
create table pin (
  id        {{id}},
  same      int    not null,
  a         text   not null, -- as the person named them
  b         text   not null,
  why       text   not null,
  who       text   not null,
  at        bigint not null,
  obs_id    bigint not null, -- the decision that it is, as an observation of the source "collector"
  event_id  bigint not null, -- the event that it takes back, 0 for none
  ended_at  bigint not null, -- 0 while it holds
  ended_by  text   not null,
  ended_why text   not null
);

-- The pairs of records that pins in force speak of, each from both ends.
create table pin_pair (
  record_id bigint not null,
  other_id  bigint not null,
  pin_id    bigint not null references pin (id),
  same      int    not null,
  primary key (record_id, other_id, pin_id)
) {{without_rowid}};

create index pin_pair_pin on pin_pair (pin_id);

-- Merges and splits of assets.
create table event (
  id         {{id}},
  obs_id     bigint not null, -- the observation, or the decision, that brought it about
  kind       text   not null, -- merged, split, moved
  from_asset bigint not null,
  to_asset   bigint not null,
  records    text   not null, -- ids of those that moved, a JSON list
  cause      text   not null, -- "" for evidence, pin:ID, unpin:ID, rules:ID, repair
  pin_id     bigint not null  -- the pin that took it back, 0 for none
);

create index event_obs on event (obs_id);
create index event_from on event (from_asset);
create index event_to on event (to_asset);

-- Rules of the organisation; the newest are in force.
create table rule_set (
  id      {{id}},
  text    text   not null, -- YAML
  why     text   not null,
  who     text   not null,
  at      bigint not null,
  done_at bigint not null  -- when all assets had been decided under them
);

-- What somebody should look at. One row for each thing, reopened when it comes again.
create table review (
  id       {{id}},
  kind     text   not null, -- demoted, clone, near_miss, pin, moved
  subject  text   not null, -- what makes it the same thing again
  records  text   not null, -- witnesses, a JSON list
  detail   text   not null,
  at       bigint not null, -- first seen
  done_at  bigint not null, -- 0 while open
  done_by  text   not null,
  done_why text   not null,
  unique (kind, subject)
);

create index review_open on review (done_at, id);

-- Who of several collectors does what only one should do at a time.
create table lease (
  name   text   primary key,
  holder text   not null,
  until  bigint not null
);
