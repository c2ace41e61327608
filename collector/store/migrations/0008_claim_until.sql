-- Nearly every report is of a new day and says what the one before said: that is a day in the record, not one in
-- each of its claims. A claim has a day of its own once it was left out, and where its scope is a day.
alter table record add column last_day bigint not null default 0; -- of its claims, days since 1970 by the source's clock
update record set last_day = coalesce((select max(last_day) from claim where claim.record_id = record.id and claim.type <> 'address'), 0);

alter table claim add column until_day bigint; -- null: the record's last_day
update claim set until_day = last_day
  where type = 'address' or last_day <> (select r.last_day from record r where r.id = claim.record_id);
alter table claim drop column last_day;
