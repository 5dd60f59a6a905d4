//! No ladder: the owner of a governed table gains nothing by what an owner can put on it. Each attack is tried twice: as things are,
//! and without the guard that stops it, where the owner's code must run as somebody else.

mod more;
mod walks;

use birthgate::preflight::{self, Ospa};
use birthgate::{block, collection, registry};
use testkit::{Db, Server};
use tokio::sync::OnceCell;
use tokio_postgres::Client;

/// What the attacker has ready.
pub const PAYLOAD: &str = include_str!("ladder/payload.sql");
/// Whoever the payload ran as, by the sequences that no rollback takes back.
pub const RAN_AS: &str =
    "SELECT array_agg(sequencename::text ORDER BY sequencename) FROM pg_sequences
   WHERE schemaname = 'evil' AND sequencename LIKE 'ran_as_%' AND last_value IS NOT NULL";
/// What an attack must never change.
pub const POWERS: &str = include_str!("ladder/powers.sql");

/// Somebody whom the attacker would be.
#[derive(Clone, Copy, Debug)]
pub enum Look {
    /// The owner inserts a row under a permit, and does the rest in the same transaction.
    Commit,
    /// An application inserts a row.
    Birth,
    /// An application deletes what it was born.
    Retire,
    List,
    Reconcile,
    Backfill,
    /// A dimension's own query on the table.
    Count,
    Phantoms,
    /// `block scan`, by a registrar and by a superuser.
    Scan,
    /// What a code would be.
    Code,
    Approvals,
}

pub const LOOKS: [Look; 11] = [
    Look::Commit,
    Look::Birth,
    Look::Retire,
    Look::List,
    Look::Reconcile,
    Look::Backfill,
    Look::Count,
    Look::Phantoms,
    Look::Scan,
    Look::Code,
    Look::Approvals,
];

/// The connections of those whom an attack is tried on.
pub struct Victims {
    pub db: Db,
    pub dba: Client,
    pub owner: Client,
    app: Client,
    clerk: Client,
}

/// How far the payload climbs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Climbs {
    /// As far as it can: nothing is to run it.
    Far,
    /// It alters what functions it can.
    Functions,
    /// It only notes as whom it ran.
    Nowhere,
}

impl Victims {
    /// A governed thing, the attacker's payload, and a dimension that reads the table.
    pub async fn new(form: &str, climbs: Climbs) -> Victims {
        let db = Db::birth_on(server_of_ladders().await).await;
        db.govern_thing(|govern| govern.form = Some(form.to_owned())).await;
        let climbs = match climbs {
            Climbs::Far => "far",
            Climbs::Functions => "functions",
            Climbs::Nowhere => "nowhere",
        };
        db.sql(&format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET evil.climbs = {climbs}', current_database()); END $$;
             GRANT SELECT ON public.thing TO clerk, birthgate_reader; GRANT ALL ON SCHEMA evil TO thing_owner WITH GRANT OPTION;
             SELECT birthgate.admission_grant_set('thing_owner', 'thing');
             SELECT birthgate.block_dimension_put('things', 'rows', 'SELECT count(*) FROM public.thing', 1000, '1 hour', '{{}}');
             SET SESSION AUTHORIZATION thing_owner; {PAYLOAD}"
        ))
        .await;
        let dba = db.database("postgres").connect().await.unwrap();
        let (owner, app) = (db.connect("thing_owner").await, db.connect("app").await);
        let clerk = db.database("clerk").connect().await.unwrap();
        Victims { db, dba, owner, app, clerk }
    }

    /// Does what the look is; refused or not, what counts is what ran. The means are the owner's statements, of which some may fail.
    pub async fn look(&mut self, look: Look, means: &[&str], code: &str) {
        let insert = format!(
            "INSERT INTO thing (code, name) SELECT '{code}', 'n' FROM birthgate.permit_hold('thing', '{code}')"
        );
        if let Look::Commit = look {
            let _ = self.owner.batch_execute(&format!("BEGIN; {insert}")).await;
        } else {
            let _ = self.app.batch_execute(&insert).await;
            let _ = self.owner.batch_execute("BEGIN").await;
        }
        for one in means {
            let tried = format!("SAVEPOINT one; {one}");
            if self.owner.batch_execute(&tried).await.is_err() {
                let _ = self.owner.batch_execute("ROLLBACK TO one").await;
            }
        }
        let _ = self.owner.batch_execute("COMMIT").await;
        let _ = self.owner.batch_execute("ROLLBACK").await;
        self.is_looked_at(look, code).await;
    }

    async fn is_looked_at(&mut self, look: Look, code: &str) {
        match look {
            Look::Commit => {}
            Look::Birth => {
                let later = format!("INSERT INTO thing (code) SELECT '{code}-b' FROM birthgate.permit_hold('thing', '{code}-b')");
                let _ = self.app.batch_execute(&later).await;
            }
            Look::Retire => {
                let sql = format!("SELECT birthgate.retire('thing', '{code}')");
                let _ = self.app.batch_execute(&sql).await;
            }
            Look::List => drop(collection::list(&self.dba).await),
            Look::Reconcile => {
                let _ = registry::reconcile(&self.dba, None).await;
                let _ = registry::reconcile(&self.clerk, Some("thing")).await;
            }
            Look::Backfill => {
                let pages = "SELECT birthgate.backfill('thing', NULL, 1); SELECT birthgate.backfill('thing', '{\"code\": \"0\"}', 1)";
                let _ = self.dba.batch_execute(pages).await;
                let _ = self.clerk.batch_execute("SELECT birthgate.backfill_births('thing', '{O-1}')").await;
            }
            Look::Count => drop(block::count_all(&mut self.dba).await),
            Look::Phantoms => drop(self.dba.batch_execute("SELECT birthgate.count_phantoms(), birthgate.count_not_born_in('thing', 'thing')").await),
            Look::Scan => {
                for column in ["name", "code"] {
                    let sql = format!("SELECT birthgate.names_missing('thing', '{column}', '{{a}}')");
                    let _ = self.dba.batch_execute(&sql).await;
                    let _ = self.clerk.batch_execute(&sql).await;
                }
            }
            Look::Code => {
                let sql = "SELECT birthgate.entity_code('thing', '{\"code\": \"X\"}')";
                let _ = self.dba.batch_execute(sql).await;
            }
            Look::Approvals => {
                let ospa = Ospa { table: "public.approvals".to_owned(), ..Ospa::default() };
                drop(preflight::count_ospa(&self.dba, &ospa).await);
            }
        }
    }
}

struct Attack {
    name: &'static str,
    look: Look,
    means: &'static [&'static str],
    /// Takes the guard away that stops it.
    without: &'static str,
    /// As whom the payload runs then.
    ran_as: &'static str,
}

/// The looks go on, whatever the table is by then.
const NO_CHECK: &str = "CREATE OR REPLACE FUNCTION birthgate.check_plain(p_collection birthgate.collection, p_columns text[]) RETURNS text LANGUAGE sql AS 'SELECT ''true'''";
const READER: &str = "ran_as_birthgate_reader";
const SUPERUSER: &str = "ran_as_postgres";

/// The code column becomes another, of a type with casts of its owner's.
const ANOTHER_TYPE: &[&str] = &[
    "ALTER TABLE thing RENAME code TO old; ALTER TABLE thing ADD code evil.box; UPDATE thing SET code = ROW(old)::evil.box; GRANT SELECT ON thing TO PUBLIC",
];
const AN_INDEX: &[&str] = &["CREATE INDEX ON thing ((code || evil.folded('x')))"];
const A_PREDICATE: &[&str] = &["CREATE INDEX ON thing (name) WHERE evil.folded('x') = 'x'"];
const STATISTICS: &[&str] =
    &["CREATE STATISTICS evil.s ON (code || evil.folded('x')), name FROM thing"];
const A_VIEW: &[&str] = &[
    "ALTER TABLE thing RENAME TO was; CREATE VIEW thing AS SELECT evil.climbed(code) AS code, evil.climbed(name) AS name FROM was; GRANT SELECT ON thing TO PUBLIC",
];
const A_CHILD: &[&str] = &[
    "ALTER TABLE thing RENAME TO was; CREATE TABLE thing (LIKE was INCLUDING ALL); INSERT INTO thing OVERRIDING SYSTEM VALUE SELECT * FROM was; GRANT SELECT ON thing TO PUBLIC;
     CREATE TABLE evil.child () INHERITS (thing); CREATE INDEX ON evil.child ((code || evil.folded('x')))",
];
const A_PARTITION_KEY: &[&str] = &[
    "ALTER TABLE thing RENAME TO was; CREATE TABLE thing (code text, name text) PARTITION BY RANGE ((code || evil.folded('x')));
     CREATE TABLE evil.leaf PARTITION OF thing DEFAULT; INSERT INTO thing SELECT code, name FROM was; GRANT SELECT ON thing TO PUBLIC",
];

const ATTACKS: &[Attack] = &[
    Attack {
        name: "another type, and the commit",
        look: Look::Commit,
        means: ANOTHER_TYPE,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "an index predicate, and the commit",
        look: Look::Commit,
        means: A_PREDICATE,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "statistics, and the commit",
        look: Look::Commit,
        means: STATISTICS,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "a view, and the commit",
        look: Look::Commit,
        means: A_VIEW,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "a child, and reconcile",
        look: Look::Reconcile,
        means: A_CHILD,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "a partition key, and reconcile",
        look: Look::Reconcile,
        means: A_PARTITION_KEY,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "an index predicate, and somebody else's birth",
        look: Look::Birth,
        means: A_PREDICATE,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "statistics, and a retirement",
        look: Look::Retire,
        means: STATISTICS,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "an index expression, and reconcile",
        look: Look::Reconcile,
        means: AN_INDEX,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "a view, and reconcile",
        look: Look::Reconcile,
        means: A_VIEW,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "statistics, and phantoms",
        look: Look::Phantoms,
        means: STATISTICS,
        without: NO_CHECK,
        ran_as: READER,
    },
    Attack {
        name: "another type, and backfill",
        look: Look::Backfill,
        means: ANOTHER_TYPE,
        without: NO_CHECK,
        ran_as: SUPERUSER,
    },
    Attack {
        name: "an index expression, and backfill",
        look: Look::Backfill,
        means: AN_INDEX,
        without: NO_CHECK,
        ran_as: SUPERUSER,
    },
    Attack {
        name: "a view, and block scan",
        look: Look::Scan,
        means: A_VIEW,
        without: NO_CHECK,
        ran_as: SUPERUSER,
    },
    Attack {
        name: "another column's type, and block scan",
        look: Look::Scan,
        means: &["ALTER TABLE thing ALTER name TYPE evil.box USING ROW(name)::evil.box"],
        without: NO_CHECK,
        ran_as: SUPERUSER,
    },
    Attack {
        name: "another column's domain, and the code that a row would have",
        look: Look::Code,
        means: &["ALTER TABLE thing ADD more evil.checked"],
        // The very mistake: to make a whole row of the table's type.
        without: "CREATE OR REPLACE FUNCTION birthgate.entity_code(p_collection text, p_row jsonb) RETURNS text LANGUAGE sql AS 'SELECT code FROM jsonb_populate_record(NULL::public.thing, p_row)'",
        ran_as: SUPERUSER,
    },
    Attack {
        name: "an index expression on the approvals' table",
        look: Look::Approvals,
        means: &["CREATE INDEX ON approvals ((note || evil.folded('x')))"],
        // Asked in SQL alone: the guard is the library's.
        without: "",
        ran_as: "",
    },
];

async fn ran_as(attack: &Attack, form: &str, without_guard: bool) -> Vec<String> {
    let climbs = if without_guard { Climbs::Nowhere } else { Climbs::Far };
    let mut victims = Victims::new(form, climbs).await;
    if without_guard {
        victims.db.sql(attack.without).await;
    }
    let before: String = victims.db.value(POWERS).await;
    victims.look(attack.look, attack.means, "A-1").await;
    if !without_guard {
        assert_eq!(victims.db.value::<String>(POWERS).await, before, "{}", attack.name);
    }
    victims.db.value::<Option<Vec<String>>>(RAN_AS).await.unwrap_or_default()
}

/// A server whose roles are these tests' alone: roles belong to a whole server, and an attack that works gives them away.
async fn server_of_ladders() -> &'static Server {
    static SERVER: OnceCell<&'static Server> = OnceCell::const_new();
    let start = || async {
        let server = tokio::task::spawn_blocking(|| std::thread::spawn(|| Server::own(&[])).join());
        let server: &'static Server = Box::leak(Box::new(server.await.unwrap().unwrap()));
        Db::empty_on(server).await.sql("CREATE ROLE clerk LOGIN IN ROLE birthgate_registrar").await;
        server
    };
    SERVER.get_or_init(start).await
}

async fn run_all(form: &'static str) {
    let mut wrong = Vec::new();
    for attack in ATTACKS {
        let ran = ran_as(attack, form, false).await;
        if !ran.is_empty() {
            wrong.push(format!("{}: NOT PREVENTED, {ran:?}", attack.name));
        }
        if !attack.ran_as.is_empty() {
            let ran = ran_as(attack, form, true).await;
            if !ran.iter().any(|role| role == attack.ran_as) {
                wrong.push(format!("{}: does not bite without its guard, {ran:?}", attack.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{form} form:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn statement_form_is_no_ladder() {
    run_all("statement").await;
}

#[tokio::test]
async fn row_form_is_no_ladder() {
    run_all("row").await;
}

/// Even where its code runs as birthgate_reader, an attacker can change nothing that this role owns.
#[tokio::test]
async fn what_runs_as_the_reader_reaches_none_of_its_functions() {
    let altered = "SELECT EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'birthgate_look'::regnamespace AND NOT prosecdef)";
    let within_reach = "GRANT USAGE ON SCHEMA birthgate_look TO birthgate_reader";
    for (without, is_reached) in [("", false), (within_reach, true)] {
        let mut victims = Victims::new("statement", Climbs::Functions).await;
        victims.db.sql(NO_CHECK).await;
        victims.db.sql(without).await;
        victims.look(Look::Commit, STATISTICS, "A-1").await;
        let ran: Option<Vec<String>> = victims.db.value(RAN_AS).await;
        assert_eq!(ran.unwrap_or_default(), [READER]);
        assert_eq!(victims.db.value::<bool>(altered).await, is_reached);
    }
}
