-- app asks for permits; other_app does not; thing_owner owns the governed table; cleaner may truncate;
-- writer may write everywhere; nobody can log in as
-- keeper; estate roles are made by the estate.
CREATE ROLE app LOGIN;
CREATE ROLE other_app LOGIN;
CREATE ROLE thing_owner LOGIN;
CREATE ROLE cleaner LOGIN;
CREATE ROLE writer LOGIN IN ROLE pg_write_all_data, pg_read_all_data;
CREATE ROLE keeper NOLOGIN;
