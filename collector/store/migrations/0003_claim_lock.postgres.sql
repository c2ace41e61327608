-- One row for each value that was ever claimed, locked while a transaction decides about the
-- records that carry it. Transactions of the embedded engine come one after another and need none.
create table claim_lock (
  type  text not null,
  value text not null,
  scope text not null,
  primary key (type, value, scope)
);
