//! The private server of a benchmark, and its databases.

use birthgate::collection::{self, Govern, Mode};
use birthgate::private_server::{Binaries, Folder, Options, PrivateServer, Search};
use birthgate::{Database, Error, schema};
use tokio_postgres::Client;

use crate::births::Result;

/// A server with fsync, in a folder of its own that is removed at the end.
pub struct Server {
    server: PrivateServer,
    root: Client,
}

impl Server {
    /// Starts it, with the newest PostgreSQL that is found.
    pub async fn start() -> Result<Server> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let search = Search { path: std::env::split_paths(&path).collect(), ..Search::default() };
        // Autovacuum would come in the middle of somebody's run; each run begins with a VACUUM.
        let settings = [
            ("autovacuum", "off"),
            ("max_connections", "50"),
            ("max_locks_per_transaction", "1024"),
        ];
        let options = Options {
            binaries: Binaries::find(&search).map_err(Error::from)?,
            folder: Folder::Temporary(std::env::temp_dir()),
            disposable: false,
            walls: None,
            cache: None,
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        };
        let server = PrivateServer::start(options).await.map_err(Error::from)?;
        let root = Database::new(server.config("postgres"))?.connect_for_others().await?;
        Ok(Server { server, root })
    }

    /// A new database.
    pub async fn empty_database(&self, name: &str) -> Result<()> {
        run(&self.root, "making a database", &format!("CREATE DATABASE {name}")).await
    }

    /// A copy of a database that nobody is connected to; who was may still be leaving.
    pub async fn copy_database(&self, from: &str, name: &str) -> Result<()> {
        let sql = format!("CREATE DATABASE {name} TEMPLATE {from}");
        for _ in 0..100 {
            if self.root.batch_execute(&sql).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        run(&self.root, "copying a database", &sql).await
    }

    /// Drops a database, with whoever is in it.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        run(&self.root, "dropping a database", &format!("DROP DATABASE {name} WITH (FORCE)")).await
    }

    /// Where its socket is.
    pub fn socket_folder(&self) -> &std::path::Path {
        self.server.socket_folder()
    }

    /// A new database with Birthgate and the governed table public.item.
    pub async fn database(&self, name: &str) -> Result<()> {
        self.empty_database(name).await?;
        let mut root = self.connect(name, "postgres").await?;
        schema::init(&mut root).await?;
        run(&root, "making the table", include_str!("../sql/item.sql")).await?;
        let govern = Govern {
            collection: "item".to_owned(),
            table: "public.item".to_owned(),
            code_columns: vec!["code".to_owned()],
            mode: Mode::Enforce,
            form: Some("statement".to_owned()),
            finalize: "required".to_owned(),
            critical: false,
            rule: Some("^[A-Z]+-[0-9]+$".to_owned()),
            replaces: Vec::new(),
            open_permits: false,
            bound_columns: Vec::new(),
        };
        collection::govern(&mut root, &govern).await?;
        collection::grant(&root, "item", "bench_app", None).await?;
        Ok(())
    }

    /// A connection of its own.
    pub async fn connect(&self, database: &str, role: &str) -> Result<Client> {
        Ok(self.reach(database, role)?.connect_for_others().await?)
    }

    /// How a database is reached.
    pub fn reach(&self, database: &str, role: &str) -> Result<Database> {
        let mut config = self.server.config(database);
        config.user(role);
        Ok(Database::new(config)?)
    }

    /// So that nobody pays for what another has dirtied.
    pub async fn checkpoint(&self) -> Result<()> {
        run(&self.root, "making a checkpoint", "CHECKPOINT").await
    }

    /// A setting of the server.
    pub async fn setting(&self, name: &str) -> Result<String> {
        let row = self
            .root
            .query_one("SELECT current_setting($1)", &[&name])
            .await
            .map_err(|source| Error::database("reading a setting", source))?;
        Ok(row.get(0))
    }

    /// Ends it.
    pub async fn stop(self) -> Result<()> {
        drop(self.root);
        Ok(self.server.stop().await.map_err(Error::from)?)
    }
}

/// Runs statements.
pub async fn run(client: &Client, doing: &str, sql: &str) -> Result<()> {
    Ok(client.batch_execute(sql).await.map_err(|source| Error::database(doing, source))?)
}
