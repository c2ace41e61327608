-- What ports of bridges lead to, with when it began and ended. Entries of tables age and come
-- back: that is no change of the thing, so they are not facts.
create table link_ (
  record_id   bigint not null, -- who tells it
  via         text   not null, -- lldp, cdp, bridge, wireless
  port        text   not null,
  target_type text   not null, -- mac, name
  target      text   not null, -- claim value of the far end
  vlan        int    not null,
  remote_port text   not null,
  from_obs    bigint not null,
  to_obs      bigint,          -- the look that did not find it; null while the newest has it
  last_obs    bigint,          -- the look before that one, which did
  more        text   not null, -- what else the far end said, JSON
  primary key (record_id, via, port, target_type, target, vlan, remote_port, from_obs)
) {{without_rowid}};

drop table link;
alter table link_ rename to link;
create index link_target on link (target_type, target);

-- The last look at the section that found out all of it; kept for neighbours.
alter table section add column look_obs bigint not null default 0;

-- Stations that went from port to port.
create table move (
  mac         text   not null,
  from_obs    bigint not null, -- the sighting at the new place began
  obs_id      bigint not null, -- the observation by which it was known
  from_record bigint not null,
  from_port   text   not null,
  to_record   bigint not null,
  to_port     text   not null,
  primary key (mac, from_obs)
) {{without_rowid}};

create index move_obs on move (obs_id);
