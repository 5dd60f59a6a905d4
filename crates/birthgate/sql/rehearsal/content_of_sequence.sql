-- Where a sequence stands: ALTER SEQUENCE RESTART is undone by ROLLBACK, and should be by an undo.
SELECT concat(last_value, ' ', is_called) FROM {table}
