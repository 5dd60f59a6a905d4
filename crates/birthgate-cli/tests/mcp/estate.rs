//! A database as docs/mcp.md prepares it for an agent, and a folder with evidence, packets and a configuration.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use birthgate::evidence::{self, Sources};
use birthgate::plan::packet;
use birthgate::rehearsal::Rehearsal;
use birthgate::{block, collection, drift};
use testkit::Db;
use tokio::runtime::Runtime;
use tokio_postgres::config::Host;

pub struct Estate {
    pub runtime: Runtime,
    pub db: Db,
    pub folder: tempfile::TempDir,
}

/// What docs/mcp.md says, for the server of the tests; made once, for a role that changes is a change in every rehearsal. Of the
/// others one has Birthgate's role without a grant, and one has nothing.
const ROLES: &str = "
    CREATE ROLE agent LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
    GRANT birthgate_admitter, birthgate_auditor, pg_read_all_data TO agent;
    CREATE ROLE ungranted LOGIN; GRANT birthgate_admitter TO ungranted;
    CREATE ROLE stranger LOGIN;";

impl Estate {
    pub fn new() -> Estate {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        static MADE: OnceLock<()> = OnceLock::new();
        let db = runtime.block_on(Db::governed("statement"));
        MADE.get_or_init(|| runtime.block_on(db.sql(ROLES)));
        let db = runtime.block_on(async {
            db.sql("GRANT SELECT, INSERT ON thing TO agent").await;
            let mut dba = db.dba().await;
            collection::grant(&dba, "thing", "agent", None).await.unwrap();
            let actions = ["birth_admit:thing".to_owned()];
            drift::take_baseline(&dba, Some(&actions)).await.unwrap();
            block::refresh(&mut dba).await.unwrap();
            db
        });
        let folder = tempfile::tempdir().unwrap();
        let estate = Estate { runtime, db, folder };
        estate.configure("");
        estate.packet("orders", "CREATE TABLE orders (id int)", "DROP TABLE orders");
        for _ in 0..3 {
            estate.evidence("orders");
        }
        estate
    }

    /// The root of everything that the server reads.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn configure(&self, mcp: &str) {
        let text =
            format!("[evidence]\nfolder = \"{}/evidence\"\n[mcp]\n{mcp}", self.path().display());
        std::fs::write(self.path().join("birthgate.toml"), text).unwrap();
    }

    pub fn packet(&self, name: &str, does: &str, undo: &str) {
        let folder = self.path().join("packets").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let packet = format!(
            "macro = \"{}\"\n[[watch]]\nname = \"w\"\nquery = \"SELECT current_user\"\n[[step]]\nid = \"first\"\ndo = \"do.sql\"\nundo = \"undo.sql\"\n",
            name.to_uppercase()
        );
        std::fs::write(folder.join("packet.toml"), packet).unwrap();
        std::fs::write(folder.join("do.sql"), does).unwrap();
        std::fs::write(folder.join("undo.sql"), undo).unwrap();
    }

    /// Evidence of a packet, as its next revision.
    pub fn evidence(&self, name: &str) -> String {
        let file = self.path().join("packets").join(name).join("packet.toml");
        let packet = packet::read(&file).unwrap();
        let rehearsal = Rehearsal::of_unreadable(name, &[]);
        let sources =
            Sources { packet: &packet, rehearsal: &rehearsal, key_change: None, dimensions: None };
        evidence::write(&self.path().join("evidence"), sources).unwrap().id
    }

    pub fn url(&self, role: &str) -> String {
        let config = self.db.config(role);
        let host = match &config.get_hosts()[0] {
            Host::Unix(path) => path.display().to_string(),
            Host::Tcp(name) => name.clone(),
        };
        format!("host={host} user={role} dbname={}", config.get_dbname().unwrap())
    }

    /// How the server is started for a role.
    pub fn arguments(&self, role: &str) -> Vec<String> {
        let config = self.path().join("birthgate.toml").display().to_string();
        let url = self.url(role);
        ["mcp", "--config", &config, "--database-url", &url].map(str::to_owned).to_vec()
    }

    /// A client over stdio.
    pub fn client(&self, role: &str) -> crate::client::Client {
        let arguments = self.arguments(role);
        let mut all = vec![env!("CARGO_BIN_EXE_birthgate")];
        all.extend(arguments.iter().map(String::as_str));
        crate::client::Client::connect(&all, None)
    }

    /// A server over HTTP.
    pub fn listening(&self, role: &str) -> Listening {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(env!("CARGO_BIN_EXE_birthgate"))
            .args(self.arguments(role))
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let listening = Listening { process, port };
        crate::until("it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        listening
    }
}

pub struct Listening {
    process: Child,
    pub port: u16,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
