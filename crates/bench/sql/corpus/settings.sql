-- What CREATE DATABASE … TEMPLATE does not copy: settings of the database and of roles in it, and its privileges.
INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig)
SELECT copy.oid, s.setrole, s.setconfig
FROM pg_db_role_setting AS s
JOIN pg_database AS base ON base.oid = s.setdatabase AND base.datname = :'base'
JOIN pg_database AS copy ON copy.datname = :'copy';

UPDATE pg_database AS copy
SET datacl = base.datacl
FROM pg_database AS base
WHERE copy.datname = :'copy' AND base.datname = :'base' AND base.datacl IS NOT NULL;
