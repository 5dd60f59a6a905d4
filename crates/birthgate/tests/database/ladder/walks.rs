//! Random combinations of what an owner can put on a table, and of who looks at it then. Nothing that the owner made may run as
//! anybody else, and nobody's powers may change. A case is known by its number: BIRTHGATE_TEST_LADDER=17 walks that one alone.

use super::{Climbs, LOOKS, POWERS, RAN_AS, Victims};
use crate::dice::Dice;

/// What an owner does, each in a savepoint of its own. `{n}` is a number of the case.
const MEANS: &[&str] = &[
    // Types, casts and domains.
    "ALTER TABLE thing RENAME code TO old; ALTER TABLE thing ADD code evil.box; UPDATE thing SET code = ROW(old)::evil.box",
    "ALTER TABLE thing RENAME code TO old; ALTER TABLE thing ADD code evil.checked; UPDATE thing SET code = old",
    "DROP TRIGGER zz_birthgate_guard_key ON thing; ALTER TABLE thing ALTER code TYPE evil.box USING ROW(code)::evil.box",
    "DROP TRIGGER zz_birthgate_guard_key ON thing; ALTER TABLE thing ALTER code TYPE evil.checked",
    "DROP TRIGGER zz_birthgate_guard_key ON thing; ALTER TABLE thing ALTER code TYPE varchar(40)",
    "ALTER TABLE thing ALTER name TYPE evil.box USING ROW(name)::evil.box",
    "ALTER TABLE thing ALTER name TYPE evil.checked",
    "ALTER TABLE thing ADD more_{n} evil.checked",
    "ALTER DOMAIN evil.checked ADD CONSTRAINT more_{n} CHECK (evil.climbed(VALUE) IS NOT NULL) NOT VALID",
    // Expressions.
    "CREATE INDEX ON thing ((code || evil.folded('x')))",
    "CREATE INDEX ON thing (name) WHERE evil.folded('x') = 'x'",
    "CREATE UNIQUE INDEX ON thing ((evil.folded(code)))",
    "CREATE STATISTICS evil.s_{n} ON (code || evil.folded('x')), name FROM thing",
    "CREATE STATISTICS evil.t_{n} (ndistinct) ON (evil.folded(name)), (evil.folded('y')) FROM thing",
    "ALTER TABLE thing ADD CHECK (evil.folded('x') = 'x') NOT VALID",
    "ALTER TABLE thing ADD CHECK (evil.climbed(code) IS NOT NULL)",
    "ALTER TABLE thing ALTER name SET DEFAULT evil.climbed('x')",
    "ALTER TABLE thing ADD made_{n} text GENERATED ALWAYS AS (evil.folded(code)) STORED",
    "ALTER TABLE thing ADD default_{n} text DEFAULT evil.climbed('x')",
    // Triggers, rules, policies.
    "CREATE TRIGGER before_{n} BEFORE INSERT OR UPDATE ON thing FOR EACH ROW EXECUTE FUNCTION evil.on_row()",
    "CREATE TRIGGER after_{n} AFTER INSERT OR DELETE ON thing FOR EACH ROW EXECUTE FUNCTION evil.on_row()",
    "CREATE CONSTRAINT TRIGGER later_{n} AFTER INSERT OR UPDATE ON thing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION evil.on_row()",
    "CREATE RULE also_{n} AS ON UPDATE TO thing DO ALSO SELECT evil.climb()",
    "CREATE RULE instead_{n} AS ON DELETE TO thing DO INSTEAD SELECT evil.climb()",
    "ALTER TABLE thing ENABLE ROW LEVEL SECURITY; CREATE POLICY p_{n} ON thing USING (evil.climb())",
    "ALTER TABLE thing FORCE ROW LEVEL SECURITY",
    // Other relations in the table's place.
    "ALTER TABLE thing RENAME TO was_{n}; CREATE VIEW thing AS SELECT evil.climbed(code) AS code, evil.climbed(name) AS name FROM was_{n}",
    "ALTER TABLE thing RENAME TO was_{n}; CREATE MATERIALIZED VIEW thing AS SELECT code, name FROM was_{n}",
    "ALTER TABLE thing RENAME TO was_{n}; CREATE TABLE thing (code evil.box, name text); INSERT INTO thing SELECT ROW(code)::evil.box, name FROM was_{n}",
    "ALTER TABLE thing SET SCHEMA evil; CREATE TABLE public.thing (code text, name text); CREATE INDEX ON public.thing ((evil.folded('x') || code))",
    "ALTER TABLE thing RENAME TO was_{n}; CREATE TABLE thing (code text, name text) PARTITION BY RANGE ((code || evil.folded('x'))); CREATE TABLE evil.leaf_{n} PARTITION OF thing DEFAULT",
    "CREATE TABLE evil.child_{n} () INHERITS (thing); CREATE INDEX ON evil.child_{n} ((code || evil.folded('x')))",
    "CREATE TABLE evil.child_{n} (CHECK (evil.folded('x') = 'x')) INHERITS (thing); INSERT INTO evil.child_{n} SELECT * FROM ONLY thing",
    "ALTER TABLE thing RENAME TO was_{n}; CREATE TABLE thing (LIKE was_{n}); ALTER TABLE thing ALTER code DROP NOT NULL",
    // Names that ours could be taken for.
    "CREATE FUNCTION public.format(text, text, text) RETURNS text LANGUAGE plpgsql AS $f$ BEGIN PERFORM evil.climb(); RETURN quote_ident($2) || '.' || quote_ident($3); END $f$",
    "CREATE FUNCTION public.to_regclass(name) RETURNS regclass LANGUAGE plpgsql AS $f$ BEGIN PERFORM evil.climb(); RETURN NULL; END $f$",
    "CREATE FUNCTION public.coalesced(name, text) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN RETURN evil.climb(); END $f$; CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.coalesced)",
    "CREATE FUNCTION public.joined(name, text) RETURNS text LANGUAGE plpgsql AS $f$ BEGIN PERFORM evil.climb(); RETURN $1::text; END $f$; CREATE OPERATOR public.|| (LEFTARG = name, RIGHTARG = text, FUNCTION = public.joined)",
    "CREATE FUNCTION public.max(integer) RETURNS integer LANGUAGE plpgsql AS $f$ BEGIN PERFORM evil.climb(); RETURN 1; END $f$",
    "CREATE TEMP TABLE pg_class (oid oid)",
    // Grants, ownership of parts, the moment.
    "GRANT ALL ON thing TO PUBLIC",
    "REVOKE ALL ON thing FROM PUBLIC, birthgate_reader",
    "GRANT SELECT ON thing TO birthgate_reader",
    "SET CONSTRAINTS ALL IMMEDIATE",
    "SET CONSTRAINTS ALL DEFERRED",
    "DELETE FROM thing WHERE code LIKE 'C%'",
    "UPDATE thing SET code = code || 'x' WHERE code LIKE 'C%'",
    "SET LOCAL constraint_exclusion = on",
    "SET LOCAL search_path = evil, pg_catalog, public",
    "SET LOCAL enable_seqscan = off",
    "INSERT INTO thing (code) SELECT 'C-more-{n}' FROM birthgate.permit_hold('thing', 'C-more-{n}')",
    "DROP TRIGGER zz_birthgate_gate ON thing",
    "ALTER TABLE thing DISABLE TRIGGER ALL",
    "CREATE TRIGGER gate_{n} AFTER INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION evil.on_row()",
    // Where people approve.
    "CREATE INDEX ON approvals ((note || evil.folded('x')))",
    "ALTER TABLE approvals ALTER approver_kind TYPE evil.box USING ROW(approver_kind)::evil.box",
    "ALTER TABLE approvals ENABLE ROW LEVEL SECURITY; CREATE POLICY p_{n} ON approvals USING (evil.climb())",
    "ALTER TABLE approvals RENAME TO approvals_{n}; CREATE VIEW approvals AS SELECT evil.climbed(approver_kind) AS approver_kind FROM approvals_{n}",
    "CREATE TABLE evil.approvals_{n} () INHERITS (approvals); CREATE INDEX ON evil.approvals_{n} ((note || evil.folded('x')))",
];

const TABLE: &str = "
CREATE SCHEMA evil AUTHORIZATION thing_owner; GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE public.thing (id bigint GENERATED ALWAYS AS IDENTITY, code text NOT NULL UNIQUE, name text);
INSERT INTO public.thing (code, name) VALUES ('O-1', 'old');
ALTER TABLE public.thing OWNER TO thing_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.thing TO app; GRANT SELECT ON public.thing TO clerk, birthgate_reader;";

/// Takes away what a case left, and makes the table and its gate anew, of which the plan is known.
async fn reset(victims: &mut Victims, govern: &str, case: usize) {
    let again = format!(
        "SET client_min_messages = error; DROP OWNED BY thing_owner CASCADE;
         SET ROLE birthgate_owner; DELETE FROM birthgate.birth_registry; DELETE FROM birthgate.collection; RESET ROLE;
         {TABLE} {govern};
         GRANT CREATE, USAGE ON SCHEMA public TO thing_owner;
         SELECT birthgate.admission_grant_set('app', 'thing'), birthgate.admission_grant_set('thing_owner', 'thing');
         SET SESSION AUTHORIZATION thing_owner; {}; RESET SESSION AUTHORIZATION; RESET client_min_messages",
        super::PAYLOAD
    );
    // A session may hold what it made for itself.
    victims.owner.batch_execute("DISCARD ALL").await.unwrap();
    let done = victims.dba.batch_execute(&again).await;
    done.unwrap_or_else(|error| panic!("case {case}: {error:?}"));
}

/// What a case is: the looks, each with what is done before it.
fn plan(case: usize) -> Vec<(super::Look, Vec<String>)> {
    let mut dice = Dice(case as u64 * 7919 + 1);
    let looks = 1 + dice.below(3);
    (0..looks)
        .map(|_| {
            let look = LOOKS[dice.below(LOOKS.len())];
            let means = (0..1 + dice.below(3)).map(|at| {
                MEANS[dice.below(MEANS.len())].replace("{n}", &format!("{at}_{}", dice.below(100)))
            });
            (look, means.collect())
        })
        .collect()
}

#[tokio::test]
async fn no_combination_is_a_ladder() {
    let one = std::env::var("BIRTHGATE_TEST_LADDER").ok().and_then(|case| case.parse().ok());
    let cases = match (one, std::env::var_os("BIRTHGATE_TEST_ALL")) {
        (Some(case), _) => case..case + 1,
        (None, Some(_)) => 0..10_000,
        (None, None) => 0..500,
    };
    let mut victims = Victims::new("statement", Climbs::Far).await;
    let govern =
        "SELECT array_to_string(array_agg(s), ';') FROM birthgate.ungovern_plan('thing') AS s";
    let _: String = victims.db.value(govern).await;
    victims.db.sql("SELECT birthgate.collection_remove('thing')").await;
    victims.db.sql("DROP OWNED BY thing_owner CASCADE; DROP SCHEMA IF EXISTS evil CASCADE").await;
    victims.db.sql(TABLE).await;
    let plan_of_gate = "SELECT string_agg(s, ';') FROM birthgate.govern_plan('thing', 'public.thing', ARRAY['code'], 'enforce') AS s";
    let govern: String = victims.db.value(plan_of_gate).await;
    let row_form = "SELECT string_agg(s, ';') FROM birthgate.govern_plan('thing', 'public.thing', ARRAY['code'], 'enforce', 'row') AS s";
    let by_row: String = victims.db.value(row_form).await;
    let mut wrong = Vec::new();
    let mut powers = String::new();
    for case in cases {
        reset(&mut victims, if case % 2 == 0 { &govern } else { &by_row }, case).await;
        if powers.is_empty() {
            powers = victims.dba.query_one(POWERS, &[]).await.unwrap().get(0);
        }
        let plan = plan(case);
        for (at, (look, means)) in plan.iter().enumerate() {
            let means: Vec<&str> = means.iter().map(String::as_str).collect();
            victims.look(*look, &means, &format!("C-{case}-{at}")).await;
        }
        let ran: Option<Vec<String>> = victims.dba.query_one(RAN_AS, &[]).await.unwrap().get(0);
        let now: String = victims.dba.query_one(POWERS, &[]).await.unwrap().get(0);
        if ran.is_some() || now != powers {
            wrong.push(format!(
                "case {case}: ran {ran:?}, powers changed {}: {plan:?}",
                now != powers
            ));
            if wrong.len() == 5 || now != powers {
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
