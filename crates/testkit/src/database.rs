//! A database of a test.

use birthgate::collection::{self, Collection, Govern, Mode};
use birthgate::{Database, Error, RefusalCode};
use tokio_postgres::Client;

use crate::server::{Server, connect, server};

pub struct Db {
    name: String,
    server: &'static Server,
}

impl Db {
    /// With Birthgate, and the table public.thing, not yet governed.
    pub async fn birth() -> Db {
        Db::make(true, None).await
    }

    /// With Birthgate, on a server whose roles are not everybody's.
    pub async fn birth_on(server: &'static Server) -> Db {
        Db::make(true, Some(server)).await
    }

    /// With Birthgate, and public.thing governed in this form.
    pub async fn governed(form: &str) -> Db {
        let db = Db::birth().await;
        db.govern_thing(|govern| govern.form = Some(form.to_owned())).await;
        db
    }

    /// Empty.
    pub async fn empty() -> Db {
        Db::make(false, None).await
    }

    /// Empty, on a server whose roles are not everybody's.
    pub async fn empty_on(server: &'static Server) -> Db {
        Db::make(false, Some(server)).await
    }

    async fn make(from_template: bool, on: Option<&'static Server>) -> Db {
        let made = tokio::task::spawn_blocking(move || {
            let server: &'static Server = on.unwrap_or_else(server);
            let name = std::thread::spawn(move || server.make_database(from_template));
            Db { name: name.join().unwrap(), server }
        });
        made.await.unwrap()
    }

    /// Governs public.thing: enforced, finalised at the commit, open to app, or as changed here.
    pub async fn govern_thing(&self, change: impl FnOnce(&mut Govern)) -> Collection {
        let mut govern = govern_thing();
        change(&mut govern);
        let mut dba = self.dba().await;
        let governed = collection::govern(&mut dba, &govern).await.unwrap();
        collection::grant(&dba, "thing", "app", None).await.unwrap();
        governed
    }

    /// Installs Birthgate and dumps its schema, without what differs from one time to the next.
    pub async fn dump_of_birthgate(&self) -> String {
        birthgate::schema::init(&mut self.dba().await).await.unwrap();
        let incarnation: i64 = self.value("SELECT incarnation FROM birthgate.instance").await;
        let (name, server) = (self.name.clone(), self.server);
        let dump = tokio::task::spawn_blocking(move || {
            server.dump(&name, &["--schema-only", "--schema=birthgate", "--schema=birthgate_look"])
        })
        .await
        .unwrap();
        dump.replace(&incarnation.to_string(), "/* this database's incarnation */ 0")
            .lines()
            .filter(|line| !line.starts_with("--") && !line.starts_with('\\') && !line.is_empty())
            .filter(|line| {
                !line.starts_with("SET ") && !line.starts_with("SELECT pg_catalog.set_config")
            })
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// Dumps this database, and restores it into that one.
    pub async fn copy_into(&self, to: &Db, arguments: &'static [&'static str]) {
        let (from, to, server) = (self.name.clone(), to.name.clone(), self.server);
        tokio::task::spawn_blocking(move || server.copy(&from, &to, arguments)).await.unwrap();
    }

    /// Everything in this database, and what of the server belongs to it, to be compared: the rows of the
    /// catalogs as they are stored, the rows of every table, and where every sequence stands.
    pub async fn seen_from_outside(&self) -> String {
        let dba = self.dba().await;
        let mut seen = String::new();
        for catalog in [
            "pg_proc",
            "pg_trigger",
            "pg_constraint",
            "pg_attribute",
            "pg_attrdef",
            "pg_policy",
            "pg_description",
            "pg_namespace",
            "pg_type",
            "pg_enum",
            "pg_rewrite",
            "pg_event_trigger",
            "pg_extension",
            "pg_index",
            "pg_sequence",
            "pg_depend",
            "pg_default_acl",
            "pg_largeobject",
            "pg_publication",
            "pg_cast",
        ] {
            let rows = format!(
                "SELECT coalesce(md5(string_agg(c::text, E'\n' ORDER BY c::text)), '') FROM {catalog} AS c"
            );
            seen.push_str(&format!(
                "{catalog} {}\n",
                dba.query_one(&rows, &[]).await.unwrap().get::<_, &str>(0)
            ));
        }
        // Of pg_class not what VACUUM, ANALYZE and the like write.
        let relations = "SELECT relname::text, relkind::text, relnamespace::regnamespace::text || '.' || quote_ident(relname),
              concat_ws(' ', oid, relname, relnamespace, relowner, relkind, relpersistence, relrowsecurity, relreplident, relacl, reloptions, relfilenode)
            FROM pg_class WHERE oid >= 16384 AND relnamespace::regnamespace::text NOT LIKE 'pg\\_%' ORDER BY oid";
        for row in dba.query(relations, &[]).await.unwrap() {
            let (kind, name): (&str, &str) = (row.get(1), row.get(2));
            let rows = match kind {
                "r" => format!(
                    "SELECT coalesce(md5(string_agg(t::text, E'\n' ORDER BY t::text)), '') FROM ONLY {name} AS t"
                ),
                "S" => format!("SELECT concat(last_value, is_called) FROM {name}"),
                _ => "SELECT ''".to_owned(),
            };
            let rows: String = dba.query_one(&rows, &[]).await.unwrap().get(0);
            seen.push_str(&format!(
                "{} {} {rows}\n",
                if kind == "S" { "SEQUENCE" } else { "relation" },
                row.get::<_, &str>(3)
            ));
        }
        let of_the_server: String = self
            .value(
                "SELECT concat((SELECT array_agg(gid) FROM pg_prepared_xacts WHERE database = current_database()),
                   (SELECT array_agg(slot_name) FROM pg_replication_slots WHERE database = current_database()),
                   (SELECT array_agg(rolname::text) FROM pg_roles WHERE rolname LIKE '%escaped%'),
                   (SELECT array_agg(datname::text) FROM pg_database WHERE datname LIKE '%escaped%'),
                   (SELECT array_agg(objid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))",
            )
            .await;
        seen + &of_the_server
    }

    pub fn config(&self, role: &str) -> tokio_postgres::Config {
        self.server.config(&self.name, role)
    }

    pub fn database(&self, role: &str) -> Database {
        Database::new(self.server.config(&self.name, role)).unwrap()
    }

    pub async fn connect(&self, role: &str) -> Client {
        connect(self.server.config(&self.name, role)).await
    }

    /// The superuser.
    pub async fn dba(&self) -> Client {
        self.connect("postgres").await
    }

    /// Runs statements as the superuser.
    pub async fn sql(&self, sql: &str) {
        self.dba()
            .await
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// One value that the superuser sees.
    pub async fn value<T>(&self, sql: &str) -> T
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        let row = self.dba().await.query_one(sql, &[]).await;
        row.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
    }
}

/// How public.thing is governed: enforced, finalised at the commit.
pub fn govern_thing() -> Govern {
    Govern {
        collection: "thing".to_owned(),
        table: "public.thing".to_owned(),
        code_columns: vec!["code".to_owned()],
        mode: Mode::Enforce,
        form: None,
        finalize: "required".to_owned(),
        critical: false,
        rule: None,
        replaces: Vec::new(),
        open_permits: false,
        bound_columns: Vec::new(),
    }
}

/// The SQLSTATE of an error.
pub fn sqlstate(error: &tokio_postgres::Error) -> &str {
    error.code().map_or("no SQLSTATE", |code| code.code())
}

/// The refusal that a library call met; fails on anything else.
pub fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> RefusalCode {
    match outcome {
        Err(Error::Refused(refusal)) => refusal.code,
        other => panic!("no refusal: {other:?}"),
    }
}
