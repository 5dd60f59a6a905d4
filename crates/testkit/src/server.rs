//! The server of this test process. It ends with the process: the server's watchdog sees to that.

use std::sync::{Mutex, OnceLock};

use birthgate::private_server::{Binaries, Folder, Options, PrivateServer};
use tokio_postgres::{Client, Config, NoTls};

use crate::programs::search;

/// The roles of the tests. Roles belong to the whole server, so they are made once.
const ROLES: &str = include_str!("roles.sql");
const TEMPLATE: &str = "birth_template";

pub struct Server {
    server: PrivateServer,
    /// One database is made at a time: nobody may be connected to the template.
    making: Mutex<u32>,
    runtime: tokio::runtime::Runtime,
}

/// The server; started by the first test that asks.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| std::thread::spawn(|| Server::start(true, &[])).join().unwrap())
}

/// Another server, whose roles no test changes: roles belong to a whole server, and a strong one is drift in all of it.
pub async fn quiet_server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let start =
        || SERVER.get_or_init(|| std::thread::spawn(|| Server::start(true, &[])).join().unwrap());
    tokio::task::spawn_blocking(start).await.unwrap()
}

impl Server {
    /// A server of one's own that loses nothing when it is killed. Not from within a runtime.
    pub fn own(settings: &[(&str, &str)]) -> Server {
        Server::start(false, settings)
    }

    /// A server of these programs, for as long as the tests run. Not from within a runtime.
    pub fn of(binaries: Binaries, settings: &[(&str, &str)]) -> &'static Server {
        Box::leak(Box::new(Server::start_with(binaries, true, settings)))
    }

    /// Kills the server as a power failure would, and starts it again.
    pub async fn crash(&mut self) {
        self.server.crash().await.unwrap();
    }

    fn start(disposable: bool, settings: &[(&str, &str)]) -> Server {
        let binaries = Binaries::find(&search()).unwrap_or_else(|error| panic!("{error}"));
        Server::start_with(binaries, disposable, settings)
    }

    fn start_with(binaries: Binaries, disposable: bool, settings: &[(&str, &str)]) -> Server {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let search = search();
        let options = Options {
            binaries,
            folder: Folder::Temporary(std::env::temp_dir()),
            disposable,
            walls: None,
            cache: Some(search.cache.into()),
            settings: settings
                .iter()
                .chain(&[("max_connections", "250")])
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
        };
        let server = runtime.block_on(PrivateServer::start(options)).unwrap();
        runtime.block_on(async {
            let root = connect(server.config("postgres")).await;
            root.batch_execute(ROLES).await.unwrap();
            root.batch_execute(&format!("CREATE DATABASE {TEMPLATE}")).await.unwrap();
            let database = birthgate::Database::new(server.config(TEMPLATE)).unwrap();
            let mut client = database.connect().await.unwrap();
            birthgate::schema::init(&mut client).await.unwrap();
            client.batch_execute(include_str!("thing.sql")).await.unwrap();
        });
        Server { server, making: Mutex::new(0), runtime }
    }

    /// How to connect to a database, as a role.
    pub fn config(&self, database: &str, role: &str) -> Config {
        let mut config = self.server.config(database);
        config.user(role);
        config
    }

    pub fn socket_folder(&self) -> &std::path::Path {
        self.server.socket_folder()
    }

    pub fn data_folder(&self) -> &std::path::Path {
        self.server.data_folder()
    }

    pub fn program(&self, name: &str) -> std::path::PathBuf {
        self.server.binaries().program(name)
    }

    pub fn major(&self) -> u32 {
        self.server.binaries().major
    }

    /// A database, as pg_dump writes it.
    pub fn dump(&self, database: &str, arguments: &[&str]) -> String {
        let output = std::process::Command::new("pg_dump")
            .args(arguments)
            .args(["--username=postgres", "--host"])
            .arg(self.server.socket_folder())
            .arg(database)
            .output()
            .expect("pg_dump is needed: apt-get install postgresql-client, or brew install libpq");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What pg_dump writes of one database, given to psql in another.
    pub fn copy(&self, from: &str, to: &str, arguments: &[&str]) {
        let run = |program: &str, arguments: &[&str], input: Vec<u8>| {
            let mut child = std::process::Command::new(program)
                .args(["--username=postgres", "--host"])
                .arg(self.server.socket_folder())
                .args(arguments)
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap_or_else(|error| {
                    panic!("{program} is needed ({error}): apt-get install postgresql-client, or brew install libpq")
                });
            let mut stdin = child.stdin.take().unwrap();
            let writing = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &input));
            let output = child.wait_with_output().unwrap();
            let _ = writing.join().unwrap();
            assert!(
                output.status.success(),
                "{program}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            output.stdout
        };
        let dump = run("pg_dump", &[arguments, &[from]].concat(), Vec::new());
        run("psql", &["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--dbname", to], dump);
    }

    /// A new database: a copy of the template, or an empty one.
    pub fn make_database(&self, from_template: bool) -> String {
        let mut number = self.making.lock().unwrap();
        *number += 1;
        let name = format!("test_{number}");
        let template = if from_template { TEMPLATE } else { "template0" };
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
        let config = self.config("postgres", "postgres");
        self.runtime.block_on(async {
            let root = connect(config).await;
            // The client that built the template may still be leaving.
            let mut outcome = root.batch_execute(&sql).await;
            for _ in 0..200 {
                if outcome.is_ok() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(25)).await;
                outcome = root.batch_execute(&sql).await;
            }
            outcome.unwrap();
        });
        name
    }
}

/// Connects without TLS.
pub async fn connect(config: Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
