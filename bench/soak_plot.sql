-- The data of the picture: minute; jobs a second; table, claim index and primary key in MB.

SELECT second / 60, jobs / took, table_size / 1e6, claim_index / 1e6, key_index / 1e6 FROM steps WHERE took > 1 ORDER BY at;
