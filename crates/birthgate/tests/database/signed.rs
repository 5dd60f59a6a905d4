//! A packet that was rehearsed, owners with real SSH keys, and their signatures: what the tests of the apply share.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use birthgate::apply::{self, Applied, Event, Options};
use birthgate::approval::{Approval, Subject};
use birthgate::declaration::{Binding, Declaration, Signed};
use birthgate::evidence::{self, Rehearsed, Sources};
use birthgate::owner::{Change, Owners};
use birthgate::plan::packet::{self, Packet};
use birthgate::private_server::Search;
use birthgate::rehearsal::{self, Rows};
use birthgate::{Database, Error};
use testkit::Db;
use tokio_postgres::Client;

/// A key made by ssh-keygen.
pub struct Key {
    pub folder: tempfile::TempDir,
    pub principal: String,
}

impl Key {
    pub fn new(principal: &str, kind: &[&str]) -> Key {
        let folder = tempfile::tempdir().unwrap();
        ssh_keygen(
            &[&["-q", "-N", "", "-C", principal, "-f", "key", "-t"], kind].concat(),
            folder.path(),
        );
        Key { folder, principal: principal.to_owned() }
    }

    pub fn ed25519(principal: &str) -> Key {
        Key::new(principal, &["ed25519"])
    }

    pub fn public(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("key.pub")).unwrap()
    }

    /// The line of allowed_signers that adds it.
    pub fn add(&self) -> Change {
        Change::Add {
            principal: self.principal.clone(),
            key: self.public(),
            namespaces: vec!["birthgate".to_owned()],
            valid_after: None,
            valid_before: None,
        }
    }

    pub fn sign_in(&self, text: &str, namespace: &str) -> Signed {
        let path = self.folder.path().join("text");
        std::fs::write(&path, text).unwrap();
        let _ = std::fs::remove_file(self.folder.path().join("text.sig"));
        ssh_keygen(&["-q", "-Y", "sign", "-n", namespace, "-f", "key", "text"], self.folder.path());
        let signature = std::fs::read_to_string(self.folder.path().join("text.sig")).unwrap();
        Signed { text: text.to_owned(), signature }
    }

    pub fn sign(&self, declaration: &Declaration) -> Signed {
        self.sign_in(&declaration.text(), "birthgate")
    }
}

pub fn ssh_keygen(arguments: &[&str], folder: &Path) {
    let output = Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("ssh-keygen is needed: apt-get install openssh-client");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The owners of these keys.
pub fn owners(keys: &[&Key]) -> Owners {
    let mut text = String::new();
    for key in keys {
        let mut change = key.add();
        if let Change::Add { principal, key, .. } = &mut change {
            let key: Vec<&str> = key.split_whitespace().take(2).collect();
            text.push_str(&format!("{principal} namespaces=\"birthgate\" {}\n", key.join(" ")));
        }
    }
    Owners::parse("allowed_signers", &text).unwrap()
}

/// A packet, and what its rehearsal left.
pub struct Prepared {
    pub folder: tempfile::TempDir,
    pub packet: Packet,
    pub rehearsed: Rehearsed,
    pub key: Key,
    pub owners: Owners,
}

/// Writes a packet into a folder.
pub fn write(folder: &Path, packet: &str, files: &[(&str, &str)]) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("packet.toml");
    std::fs::write(&path, packet).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    path
}

/// Rehearses a packet on a database, and writes the evidence; `role` reaches it.
pub async fn rehearse(database: &Database, path: &Path, evidence: &Path) -> (Packet, Rehearsed) {
    rehearse_with(database, path, evidence, testkit::search()).await
}

/// The same in a sandbox of these programs.
async fn rehearse_with(
    database: &Database,
    path: &Path,
    evidence: &Path,
    search: Search,
) -> (Packet, Rehearsed) {
    let packet = packet::read(path).unwrap();
    let options = rehearsal::Options {
        rows: Rows::All,
        max_time: Duration::from_secs(20),
        search,
        ..crate::rehearsal::options()
    };
    let said = rehearsal::rehearse(database, &packet.plan, &options).await.unwrap();
    let sources = Sources { packet: &packet, rehearsal: &said, key_change: None, dimensions: None };
    let written = evidence::write(evidence, sources).unwrap();
    let rehearsed =
        evidence::read(&written.folder).unwrap_or_else(|error| panic!("{error}: {said:#?}"));
    (packet, rehearsed)
}

impl Prepared {
    /// Rehearses on that database, and makes an owner.
    pub async fn new(db: &Db, packet: &str, files: &[(&str, &str)]) -> Prepared {
        Prepared::new_with(db, packet, files, testkit::search()).await
    }

    /// The same in a sandbox of these programs.
    pub async fn new_with(
        db: &Db,
        packet: &str,
        files: &[(&str, &str)],
        search: Search,
    ) -> Prepared {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder.path().join("packet"), packet, files);
        let database = db.database("postgres");
        let evidence = folder.path().join("evidence");
        let (packet, rehearsed) = rehearse_with(&database, &path, &evidence, search).await;
        let key = Key::ed25519("ada");
        let owners = owners(&[&key]);
        Prepared { folder, packet, rehearsed, key, owners }
    }

    pub fn subject(&self) -> Subject<'_> {
        Subject { packet: &self.packet, rehearsed: &self.rehearsed }
    }

    /// The text that is signed for that database.
    pub async fn declaration(&self, client: &Client, doors: &[&str]) -> Declaration {
        self.subject().record(client).await.unwrap();
        let doors: Vec<String> = doors.iter().map(|door| (*door).to_owned()).collect();
        let binding = Binding::make(client, Duration::from_secs(3600)).await.unwrap();
        self.subject().declaration(&doors, &binding).unwrap()
    }

    /// Signs for that database, and keeps it there.
    pub async fn approve(&self, client: &Client, doors: &[&str]) -> Approval {
        let signed = self.key.sign(&self.declaration(client, doors).await);
        self.subject().add(client, &self.owners, &signed).await.unwrap()
    }

    pub async fn apply(&self, database: &Database) -> Result<Applied, Error> {
        self.apply_as(database, &options(), &mut |_| {}).await
    }

    pub async fn apply_as(
        &self,
        database: &Database,
        options: &Options,
        observe: &mut (dyn FnMut(&Event<'_>) + Send),
    ) -> Result<Applied, Error> {
        apply::apply(database, self.subject(), &self.owners, options, observe).await
    }

    pub async fn undo(&self, database: &Database) -> Result<Applied, Error> {
        apply::undo(database, self.subject(), &self.owners, &options(), &mut |_| {}).await
    }
}

pub fn options() -> Options {
    Options {
        until: None,
        dry_run: false,
        found: None,
        max_block: Duration::from_millis(300),
        attempts: 8,
        strict_columns: false,
    }
}

/// The steps of an apply, with what became of each.
pub fn outcomes(applied: &Applied) -> Vec<String> {
    applied.steps.iter().map(|step| format!("{} {}", step.id, step.outcome)).collect()
}

/// The table of the tests of the apply.
pub const ORDERS: &str = "
    CREATE TABLE orders (id serial PRIMARY KEY, code text NOT NULL, note text, old text);
    INSERT INTO orders (code) SELECT 'O-' || n FROM generate_series(1, 500) AS n;
    CREATE FUNCTION order_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.orders';";

/// A packet with every kind of step: of tables, beside writers, of functions, of rows, behind a STOP, without a way back.
pub const PACKET: &str = "
macro = 'ORDERS'
next = 'AFTER'
[[watch]]
object = 'table public.orders'
[[step]]
id = 'column'
do = 'column.sql'
undo = 'column.undo.sql'
[[step]]
id = 'index'
do = 'index.sql'
undo = 'index.undo.sql'
transaction = false
[[step]]
id = 'function'
do = 'function.sql'
undo = 'function.undo.sql'
[[step]]
id = 'rows'
do = 'rows.sql'
undo = 'rows.undo.sql'
verify = 'rows.verify.sql'
[[step]]
id = 'check'
do = 'check.sql'
undo = 'check.undo.sql'
stop = 'before'
[[step]]
id = 'drop'
do = 'drop.sql'
door = 'one-way'
";

pub const FILES: &[(&str, &str)] = &[
    ("column.sql", "ALTER TABLE orders ADD COLUMN size integer"),
    ("column.undo.sql", "ALTER TABLE orders DROP COLUMN size"),
    ("index.sql", "CREATE UNIQUE INDEX CONCURRENTLY orders_code ON orders (code)"),
    ("index.undo.sql", "DROP INDEX CONCURRENTLY orders_code"),
    (
        "function.sql",
        "CREATE OR REPLACE FUNCTION order_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.orders WHERE size IS NULL'",
    ),
    (
        "function.undo.sql",
        "CREATE OR REPLACE FUNCTION order_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.orders'",
    ),
    ("rows.sql", "UPDATE orders SET note = coalesce(note, '') || 'x' WHERE id <= 100"),
    ("rows.undo.sql", "UPDATE orders SET note = NULL WHERE id <= 100"),
    ("rows.verify.sql", "SELECT count(*) = 100 FROM orders WHERE note = 'x'"),
    ("check.sql", "ALTER TABLE orders ADD CONSTRAINT orders_code_check CHECK (code <> '')"),
    ("check.undo.sql", "ALTER TABLE orders DROP CONSTRAINT orders_code_check"),
    ("drop.sql", "ALTER TABLE orders DROP COLUMN old"),
];

/// The steps of that packet.
pub const STEPS: [&str; 6] = ["column", "index", "function", "rows", "check", "drop"];
pub const DOORS: [&str; 2] = ["check", "drop"];

/// A database with the table, and the packet rehearsed on it.
pub async fn orders() -> (Db, Prepared) {
    let db = Db::empty().await;
    db.sql(ORDERS).await;
    let prepared = Prepared::new(&db, PACKET, FILES).await;
    (db, prepared)
}
