-- The two roles of the estate, made only where they are missing.
--
-- Roles belong to the cluster and several estates may be built in it at once. An advisory lock
-- would not serialise them (it is local to a database), so the loser of the race is caught:
-- duplicate_object when the other has committed, unique_violation when it is about to.
-- An existing role is never altered. There are no passwords: how a role logs in is the
-- cluster's business. Way out: DROP OWNED BY and DROP ROLE, once no database uses them.

DO $roles$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'workflow_admin') THEN
        BEGIN
            CREATE ROLE workflow_admin LOGIN SUPERUSER;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'directus_app') THEN
        BEGIN
            CREATE ROLE directus_app LOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;

    -- The DDL guard is an event trigger, whose owner must be a superuser.
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = 'workflow_admin') THEN
        RAISE EXCEPTION 'the role workflow_admin exists and is not a superuser'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Build the estate in a cluster of its own.';
    END IF;
END
$roles$;
