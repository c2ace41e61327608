-- Two installs of one title may differ in kind and edition; size and path are mostly those of the first.
create table title_ (
  id        {{id}},
  source    text not null,
  name      text not null,
  version   text not null,
  arch      text not null,
  publisher text not null,
  purl      text not null,
  kind      text not null,
  edition   text not null,
  bytes     bigint not null, -- where it was first seen, as the path
  path      text not null,
  unique (name, version, source, arch, publisher, purl, kind, edition)
);

insert into title_ (id, source, name, version, arch, publisher, purl, kind, edition, bytes, path)
  select id, source, name, version, arch, publisher, purl, '', '', 0, '' from title;
drop table title;
alter table title_ rename to title;

-- The present software of a record, packed (installs.go). Rows of install are what ended.
create table software (
  record_id bigint primary key,
  list      {{blob}} not null,
  obs       {{json}} not null -- the observations that brought it
);

drop index install_title;
alter table install add column owner text; -- whose it was, when it was not the machine's
