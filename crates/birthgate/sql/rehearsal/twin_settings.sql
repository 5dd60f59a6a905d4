-- The server's own settings that change what a statement does. A value that a session or a role set is not meant.
SELECT s.name, s.reset_val AS value FROM pg_settings s
 WHERE s.reset_val IS DISTINCT FROM s.boot_val AND s.source IN ('default', 'configuration file', 'command line', 'environment variable', 'override')
   AND s.name IN ('array_nulls', 'backslash_quote', 'bytea_output', 'check_function_bodies', 'createrole_self_grant', 'DateStyle',
     'default_table_access_method', 'default_tablespace', 'default_text_search_config', 'default_toast_compression',
     'default_transaction_deferrable', 'default_transaction_isolation', 'default_transaction_read_only', 'event_triggers',
     'extra_float_digits', 'IntervalStyle', 'lc_monetary', 'lc_numeric', 'lc_time', 'max_prepared_transactions',
     'password_encryption', 'plpgsql.variable_conflict', 'plpgsql.extra_errors', 'row_security', 'search_path',
     'session_replication_role', 'standard_conforming_strings', 'TimeZone', 'transform_null_equals',
     'xmlbinary', 'xmloption', 'shared_preload_libraries', 'allow_system_table_mods')
