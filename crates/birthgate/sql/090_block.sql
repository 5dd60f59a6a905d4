-- BLOCK dimensions: judged from their last stored observation, so that an assertion runs no query.
-- What was never counted, could not be counted or was counted too long ago blocks as well.

CREATE OR REPLACE VIEW birthgate.block_status AS
SELECT d.name, d.description, o.value, d.bound, o.observed_at, o.problem,
       CASE WHEN o.value IS NULL THEN 'unknown'
            WHEN o.observed_at < clock_timestamp() - d.max_age THEN 'too old'
            WHEN o.value > d.bound THEN 'over'
            ELSE 'within' END AS state,
       ARRAY(SELECT r.action FROM birthgate.block_rule r WHERE r.dimension = d.name ORDER BY r.action) AS blocks, d.max_age
  FROM birthgate.block_dimension d LEFT JOIN birthgate.block_observation o ON o.dimension = d.name;

-- The dimensions that block the action now, in words; NULL when none does.
CREATE OR REPLACE FUNCTION birthgate.blocked_by(p_action text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM birthgate.block_rule WHERE action = p_action) THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT string_agg(CASE s.state WHEN 'over' THEN format('%s %s > %s', s.name, s.value, s.bound)
                                   WHEN 'too old' THEN format('%s too old (%s)', s.name, s.observed_at)
                                   ELSE format('%s unknown', s.name) END, ' · ' ORDER BY s.name)
      FROM birthgate.block_status s JOIN birthgate.block_rule r ON r.dimension = s.name
     WHERE r.action = p_action AND s.state <> 'within');
END
$$;

-- Raises unless every dimension that is listed for the action is known, fresh and within its bound. Runs no query.
CREATE OR REPLACE FUNCTION birthgate.fn_assert_safe_for_dot_action(p_action text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_blocked text := birthgate.blocked_by(p_action);
BEGIN
  IF NOT EXISTS (SELECT FROM birthgate.block_rule WHERE action = p_action) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB017', MESSAGE = format('NO-GO: nothing is known of the action %L', p_action),
      DETAIL = 'No BLOCK dimension is listed for it, so nothing says that it is safe.',
      HINT = 'Rows of birthgate.block_rule say which dimension blocks which action.';
  ELSIF v_blocked IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB017', MESSAGE = format('NO-GO for %s: %s', p_action, v_blocked),
      DETAIL = 'Every dimension of the action must be known, fresh and within its bound.',
      HINT = 'Count again: birthgate block list --refresh';
  END IF;
END
$$;

-- The stop-conditions of a reservation. Break-glass skips the dimensions, not an owner's stop.
CREATE OR REPLACE FUNCTION birthgate.check_stops(p_collection text, p_kind text, p_break_glass boolean) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_action text := 'birth_admit:' || p_collection;
  v_stop birthgate.stop;
  v_blocked text;
BEGIN
  -- One query for the everyday case, in which nothing is said of the collection.
  IF NOT EXISTS (SELECT FROM birthgate.stop WHERE collection_name = p_collection
                 UNION ALL SELECT FROM birthgate.block_rule WHERE action = v_action) THEN
    RETURN true;
  END IF;
  SELECT * INTO v_stop FROM birthgate.stop WHERE collection_name = p_collection;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB017',
      MESSAGE = format('an owner has stopped the collection %L: %s', p_collection, v_stop.reason),
      DETAIL = format('By %I, since %s.', v_stop.stopped_by, v_stop.since),
      HINT = 'The owner ends the stop by deleting its row of birthgate.stop.';
  END IF;
  IF NOT p_break_glass AND p_kind = 'birth' THEN
    v_blocked := birthgate.blocked_by(v_action);
    IF v_blocked IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'PB017',
        MESSAGE = format('births in the collection %L are blocked: %s', p_collection, v_blocked),
        DETAIL = 'Every dimension listed for the admission must be known, fresh and within its bound.',
        HINT = 'Count again: birthgate block list --refresh. In an emergency: entity admit --break-glass';
    END IF;
  END IF;
  RETURN true;
END
$$;

-- Stores an observation. A dimension that could not be counted says why.
CREATE OR REPLACE FUNCTION birthgate.block_observe(p_dimension text, p_value bigint, p_problem text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  -- Whether the gate has drifted is not for those to say whom it guards against.
  IF p_dimension = 'gate_drift' AND NOT birthgate.acts_as(session_user, 'birthgate_owner') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB016', MESSAGE = format('%I may not say whether the gate has drifted', session_user),
      DETAIL = 'That takes a role that acts as birthgate_owner.', HINT = 'birthgate drift check, as the monitor.';
  END IF;
  INSERT INTO birthgate.block_observation (dimension, value, problem, observed_at)
  VALUES (p_dimension, p_value, CASE WHEN p_value IS NULL THEN coalesce(p_problem, 'not counted') END, clock_timestamp())
  ON CONFLICT (dimension) DO UPDATE
    SET value = EXCLUDED.value, problem = EXCLUDED.problem, observed_at = EXCLUDED.observed_at, observed_by = session_user;
END
$$;

-- The rows of critical collections that have no birth, but for collections of which an owner decided that their rows
-- are to have none.
CREATE OR REPLACE FUNCTION birthgate.count_orphans() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_collection birthgate.collection;
  v_total bigint := 0;
BEGIN
  FOR v_collection IN SELECT * FROM birthgate.collection
                       WHERE critical AND mode <> 'disarmed' AND birthgate.has_own_births(collection_name) LOOP
    v_total := v_total + birthgate.count_not_born_in(v_collection.collection_name, v_collection.collection_name);
  END LOOP;
  RETURN v_total;
END
$$;

-- The births whose listed table lacks their row (REAL_MISSING). A birth of a collection that is not
-- listed is not counted: there is no table to look in.
CREATE OR REPLACE FUNCTION birthgate.count_phantoms() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_collection birthgate.collection;
  v_total bigint := 0;
BEGIN
  FOR v_collection IN SELECT * FROM birthgate.collection WHERE mode <> 'disarmed' LOOP
    PERFORM birthgate.keep_plain(v_collection, v_collection.code_columns);
    v_total := v_total + birthgate_look.count_phantoms(v_collection);
  END LOOP;
  RETURN v_total;
END
$$;

-- Counts a dimension by its query, as birthgate_reader, and only in a transaction that can write nothing. Whoever calls rolls it back:
-- of what the query reads, nothing is left in the session then.
CREATE OR REPLACE FUNCTION birthgate.block_count(p_dimension text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_query text := (SELECT query FROM birthgate.block_dimension WHERE name = p_dimension);
BEGIN
  IF v_query IS NULL OR current_setting('transaction_read_only') <> 'on' THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('the dimension %L is not counted so', p_dimension),
      DETAIL = CASE WHEN v_query IS NULL THEN 'It has no query, or is not known.' ELSE 'This transaction can write.' END,
      HINT = 'birthgate block list --refresh counts every dimension that has a query.';
  END IF;
  RETURN birthgate_look.count_by(v_query);
END
$$;

-- Makes a dimension known, or changes it; p_blocks are the actions that it blocks.
CREATE OR REPLACE FUNCTION birthgate.block_dimension_put(
  p_name text, p_description text, p_query text, p_bound bigint, p_max_age interval, p_blocks text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
  INSERT INTO birthgate.block_dimension (name, description, query, bound, max_age)
  VALUES (p_name, p_description, p_query, p_bound, p_max_age)
  ON CONFLICT (name) DO UPDATE SET description = EXCLUDED.description, query = EXCLUDED.query,
    bound = EXCLUDED.bound, max_age = EXCLUDED.max_age;
  DELETE FROM birthgate.block_rule WHERE dimension = p_name AND action <> ALL (p_blocks);
  INSERT INTO birthgate.block_rule (action, dimension) SELECT action, p_name FROM unnest(p_blocks) AS action
  ON CONFLICT DO NOTHING;
$$;

-- How old an observation of the dimension may be; NULL: as old as it is, where nobody makes it anew by himself.
CREATE OR REPLACE FUNCTION birthgate.block_grace_put(p_name text, p_max_age interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  UPDATE birthgate.block_dimension SET max_age = p_max_age WHERE name = p_name;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('there is no dimension %L', p_name),
      HINT = 'birthgate block list shows the dimensions.';
  END IF;
END
$$;

-- Forgets a dimension, with what was observed of it.
CREATE OR REPLACE FUNCTION birthgate.block_dimension_drop(p_name text) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
  DELETE FROM birthgate.block_dimension WHERE name = p_name;
$$;

-- The names that no row of the collection's table has in that column. SECURITY INVOKER: it reads the
-- table with the caller's privileges, and nothing of its owner's with it.
CREATE OR REPLACE FUNCTION birthgate.names_missing(p_collection text, p_column text, p_names text[]) RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET row_security = off SET constraint_exclusion = off
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
BEGIN
  PERFORM birthgate.keep_plain(v_collection, ARRAY[p_column]);
  RETURN QUERY EXECUTE format('SELECT name FROM unnest($1) AS name EXCEPT SELECT t.%I::text FROM %I.%I AS t',
                              p_column, v_collection.table_schema, v_collection.table_name) USING p_names;
END
$$;

-- The two dimensions that every registry has. What they block is for its owner to say.
INSERT INTO birthgate.block_dimension (name, description, query) VALUES
  ('orphan_critical', 'rows of critical collections without a birth', 'SELECT birthgate.count_orphans()'),
  ('phantom_real', 'births whose listed table lacks their row', 'SELECT birthgate.count_phantoms()')
ON CONFLICT DO NOTHING;
