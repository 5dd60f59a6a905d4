//! The table of functions: what has an effect that ROLLBACK does not undo, and what is known to have none.

use super::Effect;

/// The library (empty for the server itself), the effect (`None` for harmless), and the names: of
/// functions, and of C symbols that are called otherwise. Versions at the end of symbols are left out
/// (`pgstatindex` stands for `pgstatindex_v1_5`).
///
/// Every volatile function that SQL can call is here, of each major version from 14 to 18 and of its
/// contrib modules; a test compares. What is not here is unknown and never runs in the live database.
///
/// Why some are harmless: large objects, statistics of relations (18), origins that are created, and
/// collations that are imported are rows of tables; NOTIFY and set_config are undone; a random seed is the
/// session's own; functions that run a text, such as query_to_xml, do what the text does.
pub(super) const TABLE: &[(&str, Option<Effect>, &str)] = &[
    ("", Some(Effect::MovesSequence), "nextval setval"),
    ("", Some(Effect::WritesFile), "lo_export"),
    ("", Some(Effect::ReadsFile), "lo_import pg_read_binary_file pg_read_file pg_read_file_old"),
    (
        "",
        Some(Effect::OtherSession),
        "pg_cancel_backend pg_log_backend_memory_contexts pg_terminate_backend",
    ),
    // Others wait for the locks; an unlock could be of a lock of ours.
    (
        "",
        Some(Effect::SessionState),
        "pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all \
         pg_advisory_unlock_shared pg_replication_origin_session_reset \
         pg_replication_origin_session_setup pg_replication_origin_xact_reset \
         pg_replication_origin_xact_setup pg_try_advisory_lock pg_try_advisory_lock_shared",
    ),
    // The message is undone where it is transactional; the name does not tell.
    (
        "",
        Some(Effect::Replication),
        "pg_copy_logical_replication_slot pg_copy_physical_replication_slot \
         pg_create_logical_replication_slot pg_create_physical_replication_slot \
         pg_drop_replication_slot pg_logical_emit_message pg_logical_slot_get_binary_changes \
         pg_logical_slot_get_changes pg_replication_origin_advance pg_replication_origin_drop \
         pg_replication_slot_advance pg_sync_replication_slots",
    ),
    (
        "",
        Some(Effect::ServerControl),
        "pg_backup_start pg_backup_stop pg_create_restore_point pg_log_standby_snapshot \
         pg_promote pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old pg_start_backup \
         pg_stop_backup pg_stop_making_pinned_objects pg_switch_wal pg_wal_replay_pause \
         pg_wal_replay_resume",
    ),
    (
        "",
        Some(Effect::Statistics),
        "pg_stat_reset pg_stat_reset_backend_stats pg_stat_reset_replication_slot \
         pg_stat_reset_shared pg_stat_reset_single_function_counters \
         pg_stat_reset_single_table_counters pg_stat_reset_slru pg_stat_reset_subscription_stats",
    ),
    (
        "",
        Some(Effect::InPlace),
        "brin_desummarize_range brin_summarize_new_values brin_summarize_range \
         gin_clean_pending_list",
    ),
    // They refuse unless the server runs in binary upgrade mode.
    (
        "",
        Some(Effect::BypassesCatalog),
        "binary_upgrade_add_sub_rel_state binary_upgrade_create_empty_extension \
         binary_upgrade_logical_slot_has_caught_up binary_upgrade_replorigin_advance \
         binary_upgrade_set_missing_value binary_upgrade_set_next_array_pg_type_oid \
         binary_upgrade_set_next_attribute_versions binary_upgrade_set_next_heap_pg_class_oid \
         binary_upgrade_set_next_heap_relfilenode binary_upgrade_set_next_index_pg_class_oid \
         binary_upgrade_set_next_index_relfilenode \
         binary_upgrade_set_next_multirange_array_pg_type_oid \
         binary_upgrade_set_next_multirange_pg_type_oid binary_upgrade_set_next_pg_authid_oid \
         binary_upgrade_set_next_pg_enum_oid binary_upgrade_set_next_pg_tablespace_oid \
         binary_upgrade_set_next_pg_type_oid binary_upgrade_set_next_toast_pg_class_oid \
         binary_upgrade_set_next_toast_relfilenode binary_upgrade_set_record_init_privs",
    ),
    (
        "adminpack",
        Some(Effect::WritesFile),
        "pg_file_rename pg_file_sync pg_file_unlink pg_file_write",
    ),
    ("autoinc", Some(Effect::MovesSequence), "autoinc"),
    (
        "dblink",
        Some(Effect::OtherServer),
        "dblink dblink_cancel_query dblink_close dblink_connect dblink_connect_u dblink_exec \
         dblink_fetch dblink_get_result dblink_open dblink_send_query dblink_record",
    ),
    (
        "pg_buffercache",
        Some(Effect::ServerControl),
        "pg_buffercache_evict pg_buffercache_evict_all pg_buffercache_evict_relation",
    ),
    ("pg_prewarm", Some(Effect::ServerControl), "autoprewarm_dump_now autoprewarm_start_worker"),
    ("pg_stat_statements", Some(Effect::Statistics), "pg_stat_statements_reset"),
    ("pg_surgery", Some(Effect::InPlace), "heap_force_freeze heap_force_kill"),
    ("pg_visibility", Some(Effect::InPlace), "pg_truncate_visibility_map"),
    // Everything of these, where it is in C.
    ("aws_lambda", Some(Effect::OtherServer), "*"),
    ("aws_s3", Some(Effect::OtherServer), "*"),
    ("http", Some(Effect::OtherServer), "*"),
    ("mysql_fdw", Some(Effect::OtherServer), "*"),
    ("oracle_fdw", Some(Effect::OtherServer), "*"),
    ("pg_background", Some(Effect::OtherSession), "*"),
    ("pg_cron", Some(Effect::OtherSession), "*"),
    ("pg_net", Some(Effect::OtherServer), "*"),
    ("tds_fdw", Some(Effect::OtherServer), "*"),
    (
        "",
        None,
        "RI_FKey_cascade_del RI_FKey_cascade_upd RI_FKey_check_ins RI_FKey_check_upd \
         RI_FKey_noaction_del RI_FKey_noaction_upd RI_FKey_restrict_del RI_FKey_restrict_upd \
         RI_FKey_setdefault_del RI_FKey_setdefault_upd RI_FKey_setnull_del RI_FKey_setnull_upd \
         amvalidate array_sample array_shuffle clock_timestamp current_query currtid2 currval \
         cursor_to_xml cursor_to_xmlschema gen_random_uuid lastval lo_close lo_creat lo_create \
         lo_from_bytea lo_get lo_lseek lo_lseek64 lo_open lo_put lo_tell lo_tell64 lo_truncate \
         lo_truncate64 lo_unlink loread lowrite pg_advisory_xact_lock \
         pg_advisory_xact_lock_shared pg_available_wal_summaries pg_blocking_pids \
         pg_clear_attribute_stats pg_clear_relation_stats pg_collation_actual_version \
         pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system \
         pg_current_logfile pg_current_wal_flush_lsn pg_current_wal_insert_lsn \
         pg_current_wal_lsn pg_database_collation_actual_version pg_database_size \
         pg_export_snapshot pg_extension_config_dump pg_get_aios pg_get_backend_memory_contexts \
         pg_get_loaded_modules pg_get_multixact_members pg_get_sequence_data \
         pg_get_shmem_allocations pg_get_shmem_allocations_numa pg_get_wait_events \
         pg_get_wal_replay_pause_state pg_get_wal_resource_managers pg_get_wal_summarizer_state \
         pg_hba_file_rules pg_ident_file_mappings pg_import_system_collations pg_indexes_size \
         pg_is_in_backup pg_is_in_recovery pg_is_wal_replay_paused \
         pg_isolation_test_session_is_blocked pg_jit_available pg_last_committed_xact \
         pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp \
         pg_lock_status pg_logical_slot_peek_binary_changes pg_logical_slot_peek_changes \
         pg_ls_archive_statusdir pg_ls_dir pg_ls_logdir pg_ls_logicalmapdir pg_ls_logicalsnapdir \
         pg_ls_replslotdir pg_ls_summariesdir pg_ls_tmpdir pg_ls_waldir pg_nextoid \
         pg_notification_queue_usage pg_notify pg_partition_ancestors pg_partition_tree \
         pg_prepared_xact pg_relation_size pg_replication_origin_create \
         pg_replication_origin_progress pg_replication_origin_session_is_setup \
         pg_replication_origin_session_progress pg_restore_attribute_stats \
         pg_restore_relation_stats pg_safe_snapshot_blocking_pids pg_sequence_last_value \
         pg_show_all_file_settings pg_show_replication_origin_status pg_sleep \
         pg_stat_clear_snapshot pg_stat_file pg_stat_force_next_flush pg_stat_get_backend_io \
         pg_stat_get_backend_wal pg_stat_get_io pg_stat_get_recovery_prefetch \
         pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit \
         pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time \
         pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans \
         pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched \
         pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted \
         pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_returned \
         pg_stat_get_xact_tuples_updated pg_stat_have_stats pg_table_size pg_tablespace_size \
         pg_total_relation_size pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared \
         pg_wal_summary_contents pg_xact_commit_timestamp pg_xact_commit_timestamp_origin \
         pg_xact_status query_to_xml query_to_xml_and_xmlschema query_to_xmlschema random \
         random_normal set_config setseed suppress_redundant_updates_trigger timeofday timezone \
         ts_rewrite ts_stat tsvector_update_trigger tsvector_update_trigger_column txid_status \
         unique_key_recheck uuidv4 uuidv7",
    ),
    ("adminpack", None, "pg_logdir_ls"),
    ("amcheck", None, "bt_index_check bt_index_parent_check gin_index_check verify_heapam"),
    (
        "dblink",
        None,
        "dblink_build_sql_delete dblink_build_sql_insert dblink_build_sql_update \
         dblink_current_query dblink_disconnect dblink_error_message dblink_fdw_validator \
         dblink_get_connections dblink_get_notify dblink_get_pkey dblink_is_busy",
    ),
    ("file_fdw", None, "file_fdw_validator"),
    ("insert_username", None, "insert_username"),
    ("isn", None, "isn_weak accept_weak_input"),
    ("lo", None, "lo_manage"),
    ("moddatetime", None, "moddatetime"),
    ("old_snapshot", None, "pg_old_snapshot_time_mapping"),
    (
        "pageinspect",
        None,
        "brin_metapage_info brin_page_items brin_page_type brin_revmap_data bt_metap \
         bt_multi_page_stats bt_page_items bt_page_stats fsm_page_contents get_raw_page \
         gin_leafpage_items gin_metapage_info gin_page_opaque_info gist_page_items \
         gist_page_items_bytea gist_page_opaque_info hash_bitmap_info hash_metapage_info \
         hash_page_items hash_page_stats hash_page_type heap_page_items \
         heap_tuple_infomask_flags page_checksum page_header tuple_data_split \
         bt_page_items_bytea get_raw_page_fork",
    ),
    (
        "pg_buffercache",
        None,
        "pg_buffercache_numa_pages pg_buffercache_pages pg_buffercache_summary \
         pg_buffercache_usage_counts",
    ),
    ("pg_freespacemap", None, "pg_freespace"),
    ("pg_logicalinspect", None, "pg_get_logical_snapshot_info pg_get_logical_snapshot_meta"),
    ("pg_prewarm", None, "pg_prewarm"),
    ("pg_stat_statements", None, "pg_stat_statements pg_stat_statements_info"),
    ("pg_trgm", None, "set_limit"),
    (
        "pg_visibility",
        None,
        "pg_check_frozen pg_check_visible pg_visibility pg_visibility_map \
         pg_visibility_map_summary pg_visibility_map_rel pg_visibility_rel",
    ),
    (
        "pg_walinspect",
        None,
        "pg_get_wal_block_info pg_get_wal_record_info pg_get_wal_records_info \
         pg_get_wal_records_info_till_end_of_wal pg_get_wal_stats \
         pg_get_wal_stats_till_end_of_wal",
    ),
    (
        "pgcrypto",
        None,
        "fips_mode gen_random_bytes gen_random_uuid gen_salt pgp_pub_encrypt \
         pgp_pub_encrypt_bytea pgp_sym_encrypt pgp_sym_encrypt_bytea pg_check_fipsmode \
         pg_gen_salt pg_gen_salt_rounds pg_random_bytes pg_random_uuid pgp_pub_encrypt_text \
         pgp_sym_encrypt_text",
    ),
    ("pgrowlocks", None, "pgrowlocks"),
    (
        "pgstattuple",
        None,
        "pg_relpages pgstatginindex pgstathashindex pgstatindex pgstattuple pgstattuple_approx \
         pg_relpagesbyid pgstatindexbyid pgstattuplebyid",
    ),
    ("pgxml", None, "xslt_process"),
    (
        "postgres_fdw",
        None,
        "postgres_fdw_disconnect postgres_fdw_disconnect_all postgres_fdw_get_connections \
         postgres_fdw_validator",
    ),
    ("refint", None, "check_foreign_key check_primary_key"),
    (
        "sslinfo",
        None,
        "ssl_cipher ssl_client_cert_present ssl_client_dn ssl_client_dn_field ssl_client_serial \
         ssl_extension_info ssl_is_used ssl_issuer_dn ssl_issuer_field ssl_version",
    ),
    ("tablefunc", None, "normal_rand"),
    ("tcn", None, "triggered_change_notification"),
    ("uuid-ossp", None, "uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4"),
    ("postgis-3", None, "ST_GeneratePoints"),
];

/// Libraries whose immutable and stable functions are what they say: those of contrib, where even xml2 (pgxml)
/// lets no stylesheet read or write files, and a few that are widely used. Other libraries may call a function
/// immutable that keeps state or reads files.
pub(super) const TRUE_TO_THEIR_WORD: &str = "\
    _int address_standardizer-3 adminpack amcheck autoinc bloom bool_plperl btree_gin btree_gist \
    citext cube dblink dict_int dict_xsyn earthdistance file_fdw fuzzystrmatch hll hstore \
    hstore_plperl hstore_plpython3 insert_username ip4r isn jsonb_plperl jsonb_plpython3 lo ltree \
    ltree_plpython3 moddatetime old_snapshot pageinspect periods pg_bigm pg_buffercache \
    pg_freespacemap pg_logicalinspect pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility \
    pg_walinspect pgcrypto pgrowlocks pgstattuple pgxml plperl plpgsql plpython3 pltcl postgis-3 \
    postgis_topology-3 postgres_fdw prefix refint rum seg semver sslinfo tablefunc tcn \
    temporal_tables tsm_system_rows tsm_system_time unaccent uuid-ossp vector";
