//! What of the original is not in a dump of one database: its server's settings, roles and tablespaces, and what
//! this role may not read.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use super::extensions::{self, Extension};
use super::{list_items, literal, quote};
use crate::error::{Doing, Result};
use crate::private_server::{self, Cluster};
use crate::unprepared::Unprepared;

/// The database that initdb makes for people.
pub(in super::super) const FIRST: &str = "postgres";

const DOING: &str = "looking at what the sandbox has to be like";

/// The original, as one snapshot sees it.
#[derive(Clone, Debug)]
pub(in super::super) struct Original {
    /// Exported; valid while the transaction lasts that looked.
    pub snapshot: String,
    pub name: String,
    pub owner: String,
    /// The superuser that owns what initdb made.
    pub bootstrap: String,
    pub locale: Locale,
    pub tables: i64,
    pub(super) relations: i64,
    pub(super) locks: i64,
    pub(super) about: Vec<String>,
    /// Whether the schema public was dropped.
    pub(super) lacks_public: bool,
    pub(super) server_settings: Vec<(String, String)>,
    pub(super) roles: Vec<String>,
    pub(super) settings: Vec<Setting>,
    pub(super) tablespaces: Vec<String>,
    /// Roles that other databases depend on.
    pub(super) elsewhere: Vec<String>,
    pub(super) extensions: Vec<Extension>,
    pub(super) unreadable: Vec<Unreadable>,
    /// Materialized views that hold rows, or could.
    pub(super) populated: BTreeSet<String>,
    pub(super) sequences: Vec<String>,
}

/// How a database sorts.
#[derive(Clone, Debug)]
pub(in super::super) struct Locale {
    encoding: String,
    collate: String,
    ctype: String,
    provider: String,
    locale: Option<String>,
    icu_rules: Option<String>,
    pub(super) tablespace: Option<String>,
}

/// What ALTER DATABASE or ALTER ROLE … SET wrote.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    role: Option<String>,
    of_database: bool,
    name: String,
    value: String,
}

/// A table that pg_dump could not lock.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    pub schema: String,
    pub name: String,
    pub grant: String,
}

impl Original {
    /// Begins the snapshot on this connection, which has to stay as it is, and looks.
    pub async fn look(holder: &Client, database: &str) -> Result<Original> {
        let sql = include_str!("../../../sql/rehearsal/twin_settings.sql");
        let server_settings = holder.rows(sql, &[]).await.doing(DOING)?;
        holder
            .batch_execute(include_str!("../../../sql/rehearsal/twin_begin.sql"))
            .await
            .doing(DOING)?;
        let row = holder
            .one_row(include_str!("../../../sql/rehearsal/twin_database.sql"), &[])
            .await
            .doing(DOING)?;
        let first = async |sql: &str| -> Result<Vec<String>> {
            let rows = holder.rows(sql, &[]).await.doing(DOING)?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        };
        let quoted = quote(database);
        let mut about = vec![format!("REVOKE ALL ON DATABASE {quoted} FROM PUBLIC")];
        match row.get::<_, Option<Vec<String>>>("grants") {
            Some(grants) => about.extend(grants),
            None => about.clear(),
        }
        if let Some(comment) = row.get::<_, Option<String>>("comment") {
            about.push(format!("COMMENT ON DATABASE {quoted} IS {}", literal(&comment)));
        }
        let limit: i32 = row.get("connection_limit");
        if limit >= 0 {
            about.push(format!("ALTER DATABASE {quoted} CONNECTION LIMIT {limit}"));
        }
        let sql = include_str!("../../../sql/rehearsal/materialized_views.sql");
        let views = holder.rows(sql, &[]).await.doing(DOING)?;
        let populated = views.iter().filter(|row| row.get("populated"));
        Ok(Original {
            snapshot: row.get("snapshot"),
            name: database.to_owned(),
            owner: row.get("owner"),
            bootstrap: row.get("bootstrap"),
            locale: Locale {
                encoding: row.get("encoding"),
                collate: row.get("lc_collate"),
                ctype: row.get("lc_ctype"),
                provider: row.get("provider"),
                locale: row.get("locale"),
                icu_rules: row.get("icu_rules"),
                tablespace: row.get("tablespace"),
            },
            tables: row.get("tables"),
            relations: row.get("relations"),
            locks: row.get("locks"),
            about,
            lacks_public: row.get("lacks_public"),
            server_settings: server_settings
                .iter()
                .map(|row| (row.get("name"), row.get("value")))
                .collect(),
            roles: first(include_str!("../../../sql/rehearsal/roles.sql")).await?,
            settings: settings(holder).await?,
            tablespaces: first(include_str!("../../../sql/rehearsal/twin_tablespaces.sql")).await?,
            elsewhere: first(include_str!("../../../sql/rehearsal/roles_elsewhere.sql")).await?,
            extensions: extensions::of(holder).await?,
            unreadable: unreadable(holder).await?,
            populated: populated.map(|row| row.get("name")).collect(),
            sequences: sequences(holder).await?,
        })
    }

    /// The settings of its server that change what a statement does, for one of ours that need not be reached.
    /// Its lock table holds what the original's does, and at least every relation twice.
    pub fn server_settings(&self) -> Vec<(String, String)> {
        /// The default of a server: what `max_locks_per_transaction` is multiplied with.
        const CONNECTIONS: i64 = 100;
        let locks = self.locks.max(2 * self.relations + 10_000);
        let each = (locks / CONNECTIONS + 1).clamp(64, 100_000);
        let mut settings = vec![("max_locks_per_transaction".to_owned(), each.to_string())];
        for (name, value) in &self.server_settings {
            match name.as_str() {
                "shared_preload_libraries" | "lc_monetary" | "lc_numeric" | "lc_time" => {}
                _ => settings.push((name.clone(), value.clone())),
            }
        }
        settings
    }

    /// The libraries that its server preloads and that this one can.
    pub fn preloaded(&self, is_here: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let named =
            self.server_settings.iter().find(|(name, _)| name == "shared_preload_libraries");
        let named = named.map_or("", |(_, value)| value);
        let known = extensions::PRELOADED.iter().copied();
        known
            .filter(|library| {
                let is_named = named.split(',').any(|one| one.trim().trim_matches('"') == *library);
                // Who may not see the setting sees the extension.
                is_named || self.extensions.iter().any(|one| one.is(library))
            })
            .filter(|library| is_here(library))
            .collect()
    }

    /// What a session finds by a bare name.
    pub fn search_path(&self) -> String {
        let of_database = self.settings.iter().find(|setting| {
            setting.role.is_none() && setting.of_database && setting.name == "search_path"
        });
        let of_server = || self.server_settings.iter().find(|(name, _)| name == "search_path");
        match (of_database, of_server()) {
            (Some(setting), _) => list_items(&setting.value),
            (None, Some((_, value))) => list_items(value),
            (None, None) => "'$user', 'public'".to_owned(),
        }
    }

    /// The cluster that a server begins with whose first database becomes this one: nothing else is faster. None,
    /// where it sorts in another way than by libc, or lies elsewhere, or where something has to depend on roles in another
    /// database.
    pub fn cluster(&self) -> Option<Cluster> {
        let Locale { encoding, collate, ctype, provider, tablespace, .. } = &self.locale;
        let is_a_template = ["template0", "template1"].contains(&self.name.as_str());
        let (encoding, collate, ctype) = (encoding.clone(), collate.clone(), ctype.clone());
        let is_alone = self.elsewhere.is_empty();
        (provider == "c" && tablespace.is_none() && !is_a_template && is_alone)
            .then_some(Cluster::Single(private_server::Locale { encoding, collate, ctype }))
    }

    /// How the only database of such a cluster becomes this one. The session may be one of it.
    pub(super) fn take_over(&self) -> String {
        let (name, owner) = (quote(&self.name), quote(&self.owner));
        format!(
            "UPDATE pg_database SET datname = {} WHERE datname = {};
             ALTER DATABASE {name} OWNER TO {owner};
             COMMENT ON DATABASE {name} IS NULL",
            literal(&self.name),
            literal(FIRST)
        )
    }

    /// The ways to make the database, the most alike first: this machine may not know its locale.
    pub(super) fn create(&self) -> Vec<String> {
        let Locale { encoding, collate, ctype, provider, locale, icu_rules, tablespace } =
            &self.locale;
        let tablespace = tablespace
            .as_ref()
            .map_or(String::new(), |tablespace| format!(" TABLESPACE {}", quote(tablespace)));
        let base = format!(
            "CREATE DATABASE {} TEMPLATE template0 OWNER {} ENCODING {}{tablespace}",
            quote(&self.name),
            quote(&self.owner),
            literal(encoding)
        );
        let libc = format!("{base} LC_COLLATE {} LC_CTYPE {}", literal(collate), literal(ctype));
        let with = |what: &str, value: &Option<String>| {
            value.as_ref().map_or(String::new(), |value| format!(" {what} {}", literal(value)))
        };
        let exact = match provider.as_str() {
            "i" => Some(format!(
                "{libc} LOCALE_PROVIDER icu{}{}",
                with("ICU_LOCALE", locale),
                with("ICU_RULES", icu_rules)
            )),
            "b" => {
                Some(format!("{libc} LOCALE_PROVIDER builtin{}", with("BUILTIN_LOCALE", locale)))
            }
            _ => None,
        };
        let simple = format!("{base} LC_COLLATE 'C' LC_CTYPE 'C'");
        exact.into_iter().chain([libc, simple]).collect()
    }
}

impl Setting {
    /// The statement that writes it, for the database of this name.
    pub fn statement(&self, database: &str) -> Option<String> {
        const LISTS: [&str; 2] = ["search_path", "temp_tablespaces"];
        if self.name.ends_with("_preload_libraries") {
            return None;
        }
        let whose = match (&self.role, self.of_database) {
            (None, true) => format!("DATABASE {}", quote(database)),
            (None, false) => "ROLE ALL".to_owned(),
            (Some(role), true) => format!("ROLE {} IN DATABASE {}", quote(role), quote(database)),
            (Some(role), false) => format!("ROLE {}", quote(role)),
        };
        let name: Vec<String> = self.name.split('.').map(quote).collect();
        let value = match LISTS.contains(&self.name.as_str()) {
            true => list_items(&self.value),
            false => literal(&self.value),
        };
        Some(format!("ALTER {whose} SET {} TO {value}", name.join(".")))
    }
}

async fn settings(client: &Client) -> Result<Vec<Setting>> {
    let sql = include_str!("../../../sql/rehearsal/role_settings.sql");
    let rows = client.rows(sql, &[]).await.doing(DOING)?;
    let setting = |row: &tokio_postgres::Row| Setting {
        role: row.get("role"),
        of_database: row.get("of_database"),
        name: row.get("name"),
        value: row.get("value"),
    };
    Ok(rows.iter().map(setting).collect())
}

async fn unreadable(client: &Client) -> Result<Vec<Unreadable>> {
    let sql = include_str!("../../../sql/rehearsal/twin_unreadable.sql");
    let rows = client.rows(sql, &[]).await.doing(DOING)?;
    let unreadable = |row: &tokio_postgres::Row| Unreadable {
        schema: row.get("schema"),
        name: row.get("name"),
        grant: row.get("grant"),
    };
    Ok(rows.iter().map(unreadable).collect())
}

/// The statements that bring sequences to where they stand, whether or not that number was given out.
async fn sequences(client: &Client) -> Result<Vec<String>> {
    const AT_ONCE: usize = 200;
    let set = |name: &str, value: i64, called: bool| {
        format!("SELECT pg_catalog.setval({}, {value}, {called})", literal(name))
    };
    let sql = include_str!("../../../sql/rehearsal/twin_sequences.sql");
    let rows = client.rows(sql, &[]).await.doing(DOING)?;
    let mut statements = Vec::new();
    let mut unused: Vec<(String, i64)> = Vec::new();
    for row in &rows {
        match row.get::<_, Option<i64>>("value") {
            Some(value) => statements.push(set(row.get("name"), value, true)),
            None => unused.push((row.get("name"), row.get("start"))),
        }
    }
    for some in unused.chunks(AT_ONCE) {
        let one = |(at, (name, _)): (usize, &(String, i64))| {
            format!("SELECT {at}, last_value FROM {name}")
        };
        let sql: Vec<String> = some.iter().enumerate().map(one).collect();
        // Its locks end here; one that is dropped or locked by another stays where it began.
        client.batch_execute("SAVEPOINT sequences").await.doing(DOING)?;
        let found = client.rows(&sql.join(" UNION ALL "), &[]).await.unwrap_or_default();
        client.batch_execute("ROLLBACK TO SAVEPOINT sequences").await.doing(DOING)?;
        for row in found {
            let (at, value): (i32, i64) = (row.get(0), row.get(1));
            let found = usize::try_from(at).ok().and_then(|at| some.get(at));
            statements.extend(
                found.filter(|(_, start)| *start != value).map(|(name, _)| set(name, value, false)),
            );
        }
    }
    Ok(statements)
}
