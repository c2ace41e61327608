select setval(pg_get_serial_sequence('title', 'id'), greatest((select max(id) from title), 1));
