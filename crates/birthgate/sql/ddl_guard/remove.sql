DROP EVENT TRIGGER IF EXISTS birthgate_ddl_end;
DROP EVENT TRIGGER IF EXISTS birthgate_ddl_drop;
DROP EVENT TRIGGER IF EXISTS birthgate_ddl_rewrite
