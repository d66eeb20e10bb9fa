-- What operations measure every few seconds is found without reading what has ended.
CREATE INDEX payments_open ON payments (status, updated_at) WHERE status IN ('scheduled', 'funded', 'released', 'acknowledged');
CREATE INDEX bank_messages_unfinished ON bank_messages (status, created_at)
    WHERE status IN ('prepared', 'staged', 'quarantined', 'to_read_again');
CREATE INDEX bank_answers_waiting ON bank_answers (received_at) WHERE applied_at IS NULL;
CREATE INDEX notifications_unsent ON notifications (status, created_at) WHERE status IN ('waiting', 'sending', 'failed', 'uncertain');
CREATE INDEX outbox_unsent ON outbox (created_at) WHERE dispatched_at IS NULL;

-- What PostgreSQL knows of itself, as figures: the name of each, what it is of, and its value. Its views tell the worker's
-- role nothing of other sessions; so it looks as its owner, who has to be a superuser or of pg_monitor to see all.
CREATE FUNCTION observed_database() RETURNS TABLE (name text, label text, value double precision)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'aurum_postgres_connections', s.state, count(a.pid)
        FROM unnest('{active,idle,idle in transaction,other}'::text[]) s(state)
        LEFT JOIN pg_stat_activity a ON a.datname = current_database() AND a.backend_type = 'client backend'
            AND CASE WHEN a.state IN ('active', 'idle', 'idle in transaction') THEN a.state ELSE 'other' END = s.state
        GROUP BY s.state
    UNION ALL
    SELECT 'aurum_postgres_max_connections', '', current_setting('max_connections')::double precision
    UNION ALL
    SELECT 'aurum_postgres_oldest_transaction_seconds', '',
        coalesce(extract(epoch FROM clock_timestamp() - min(a.xact_start)), 0)
        FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
    UNION ALL
    SELECT 'aurum_postgres_locks', CASE WHEN granted.yes THEN 'granted' ELSE 'waiting' END, count(l.pid)
        FROM (VALUES (true), (false)) granted(yes)
        LEFT JOIN pg_locks l ON l.granted = granted.yes AND l.pid <> pg_backend_pid() GROUP BY granted.yes
    UNION ALL
    SELECT 'aurum_postgres_database_bytes', '', pg_database_size(current_database())
    UNION ALL
    SELECT f.name, '', f.value FROM pg_stat_database d CROSS JOIN LATERAL (VALUES
        ('aurum_postgres_commits', d.xact_commit), ('aurum_postgres_rollbacks', d.xact_rollback),
        ('aurum_postgres_deadlocks', d.deadlocks), ('aurum_postgres_blocks_read', d.blks_read),
        ('aurum_postgres_blocks_hit', d.blks_hit), ('aurum_postgres_temporary_bytes', d.temp_bytes)) f(name, value)
        WHERE d.datname = current_database()
    UNION ALL
    SELECT 'aurum_postgres_transaction_ids_used_ratio', '', max(age(datfrozenxid)) / 2147483647.0 FROM pg_database
    UNION ALL
    SELECT 'aurum_postgres_replicas', '', count(*) FROM pg_stat_replication
    UNION ALL
    SELECT 'aurum_postgres_replica_lag_seconds', '', coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_stat_replication
    UNION ALL
    SELECT 'aurum_postgres_slots_retained_bytes', '',
        CASE WHEN pg_is_in_recovery() THEN 0 ELSE coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0) END
        FROM pg_replication_slots
    UNION ALL
    SELECT 'aurum_postgres_archive_failures', '', failed_count FROM pg_stat_archiver
$$;
REVOKE EXECUTE ON FUNCTION observed_database() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION observed_database() TO aurum_worker;
