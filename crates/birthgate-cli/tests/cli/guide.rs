//! README and guide, page after page: every command is run as a reader would run it, in an empty folder and with nothing in the
//! environment but DATABASE_URL, PATH and HOME, and does what the page says. A page's `localhost` is the reader's server.
//!
//! A page's fenced blocks say with the words after their language what becomes of them:
//! `sh` is run by bash; `sql` by psql, with `as=ROLE` as that role. A line that ends in `# exit code N` ends so; the codes (`PB001`) that the comments
//! of SQL name are those that PostgreSQL raises, in their order. `file=NAME` writes the block into that file instead. `text` after a
//! block is what that printed: its lines are found in the output in their order, with `…` for anything. `not-run` is not run, and
//! says so to whoever reads the page's source.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use birthgate::private_server::{Binaries, Folder, Options, PrivateServer};

/// One fenced block.
struct Block {
    line: usize,
    language: String,
    words: Vec<String>,
    text: String,
}

impl Block {
    fn word(&self, name: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (at, line) in page.lines().enumerate() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            open = !open;
            if open {
                let mut words = info.split_whitespace().map(str::to_owned);
                let language = words.next().unwrap_or_default();
                let words = words.collect();
                found.push(Block { line: at + 1, language, words, text: String::new() });
            }
        } else if open {
            let block = found.last_mut().unwrap();
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    assert!(!open, "a block is not closed");
    found
}

/// A reader: an empty folder, a database of their own, a key.
struct Reader {
    server: PrivateServer,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Reader {
    fn new() -> Reader {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let binaries = Binaries::find(&testkit::search()).unwrap();
        let folder = Folder::Temporary(std::env::temp_dir());
        let options = Options {
            binaries,
            folder,
            disposable: true,
            cache: None,
            settings: Vec::new(),
            walls: None,
        };
        let server = runtime.block_on(PrivateServer::start(options)).unwrap();
        let reader = Reader { server, folder: tempfile::tempdir().unwrap(), runtime };
        reader.sql("postgres", "CREATE ROLE dba LOGIN SUPERUSER");
        reader.sql("postgres", "CREATE ROLE app LOGIN");
        reader.sql("postgres", "CREATE DATABASE app OWNER dba");
        std::fs::create_dir(reader.folder.path().join(".ssh")).unwrap();
        let made = reader.bash("ssh-keygen -q -t ed25519 -N '' -C ada -f ~/.ssh/id_ed25519");
        assert!(made.0, "{}", made.1);
        reader
    }

    fn sql(&self, database: &str, sql: &str) {
        self.runtime.block_on(async {
            let database = birthgate::Database::new(self.server.config(database)).unwrap();
            database.connect_for_others().await.unwrap().batch_execute(sql).await.unwrap();
        });
    }

    /// Where the server is, as a URL has it.
    fn host(&self) -> String {
        self.server.socket_folder().to_str().unwrap().replace('/', "%2F")
    }

    fn url(&self, role: &str) -> String {
        format!("postgresql://{role}@{}/app", self.host())
    }

    fn command(&self, program: &str) -> Command {
        let programs = Path::new(env!("CARGO_BIN_EXE_birthgate")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("DATABASE_URL", self.url("dba"));
        command
    }

    /// Whether it ended well, and what it printed.
    fn bash(&self, script: &str) -> (bool, String) {
        let script = script.replace("@localhost/", &format!("@{}/", self.host()));
        let ended = self.command("bash").args(["-euo", "pipefail", "-c", &script]).output();
        printed(ended.unwrap())
    }

    /// The codes that were raised, and what was printed.
    fn psql(&self, role: &str, sql: &str) -> (Vec<String>, String) {
        let file = self.folder.path().join(".block.sql");
        std::fs::write(&file, format!("\\set VERBOSITY verbose\n{sql}")).unwrap();
        let url = self.url(role);
        let ended = self.command("psql").args([&url, "-X", "-q", "-f"]).arg(&file).output();
        let (_, text) = printed(ended.unwrap());
        let raised = text.lines().filter_map(|line| line.split_once("ERROR:  "));
        let codes = raised.map(|(_, rest)| rest.split(':').next().unwrap().to_owned()).collect();
        (codes, text)
    }
}

fn printed(ended: std::process::Output) -> (bool, String) {
    let text = [ended.stdout, ended.stderr].concat();
    (ended.status.success(), String::from_utf8_lossy(&text).into_owned())
}

const FOR_A_MOMENT: &str = "timeout --preserve-status --signal=INT 2";

/// What bash is to run: a line that is to end otherwise, and one that would go on for ever, say so themselves.
fn script(text: &str) -> String {
    let mut script = String::new();
    for line in text.lines() {
        let (command, comment) = line.split_once(" #").unwrap_or((line, ""));
        let listens = ["birthgate serve", "birthgate mcp --listen"];
        let listens =
            listens.iter().any(|way| command.starts_with(way)) && !command.contains("--new-token");
        let hands_off = command.starts_with("birthgate handoff run") && !command.contains("--once");
        let command = match (listens, hands_off) {
            // Long enough to begin, at a port that no other test has; it stops when it is asked to.
            (true, _) => format!(
                "{FOR_A_MOMENT} {} --listen 127.0.0.1:0",
                command.replace("--listen 127.0.0.1:7448", "")
            ),
            (_, true) => format!("{FOR_A_MOMENT} {command}"),
            _ => command.to_owned(),
        };
        match comment.trim_start().strip_prefix("exit code ") {
            Some(rest) => {
                let code: u8 =
                    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
                writeln!(script, "code=0; {{ {command}\n}} || code=$?; [ $code = {code} ] || {{ echo \"exit code $code\"; exit 1; }}").unwrap();
            }
            None => writeln!(script, "{command}").unwrap(),
        }
    }
    script
}

/// The codes that the comments of SQL name.
fn codes(sql: &str) -> Vec<String> {
    let comments = sql.lines().filter_map(|line| line.split_once("--"));
    let words =
        comments.flat_map(|(_, comment)| comment.split(|c: char| !c.is_ascii_alphanumeric()));
    let is_code = |word: &&str| word.len() == 5 && word.starts_with("PB");
    words.filter(is_code).map(str::to_owned).collect()
}

/// Fails unless the lines are in the output, in their order; `…` is anything.
fn shows(output: &str, expected: &str, place: &str) {
    let mut lines = output.lines();
    for line in expected.lines().filter(|line| !line.trim().is_empty()) {
        let found = lines.any(|printed| fits(printed.trim(), line.trim()));
        assert!(found, "{place}: the page says\n{line}\nand it was\n{output}");
    }
}

fn fits(printed: &str, pattern: &str) -> bool {
    // Columns are as wide as they have to be.
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (printed, pattern) = (squeezed(printed), squeezed(pattern));
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (at, part) in parts.iter().enumerate() {
        match (at + 1 == parts.len(), rest.find(part)) {
            (true, _) => return rest.ends_with(part),
            (false, Some(place)) => rest = &rest[place + part.len()..],
            (false, None) => return false,
        }
    }
    rest.is_empty()
}

/// Follows a page from its first block to its last.
fn follow(page: &str) {
    follow_with(page, "true");
}

/// The same, of a page that takes for granted what this script makes.
fn follow_with(page: &str, before: &str) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let text = std::fs::read_to_string(format!("{root}/{page}")).unwrap();
    let reader = Reader::new();
    let (well, said) = reader.bash(before);
    assert!(well, "{said}");
    let mut output = String::new();
    let mut ran = 0;
    for block in blocks(&text) {
        let place = format!("{page}:{}", block.line);
        if block.words.iter().any(|word| word == "not-run") {
            output.clear();
            continue;
        }
        if let Some(file) = block.word("file") {
            let path: PathBuf = reader.folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &block.text).unwrap();
            continue;
        }
        match block.language.as_str() {
            "sh" => {
                let (well, text) = reader.bash(&script(&block.text));
                assert!(well, "{place}:\n{}\n{text}", block.text);
                output = text;
                ran += 1;
            }
            "sql" => {
                let (raised, text) = reader.psql(block.word("as").unwrap_or("dba"), &block.text);
                assert_eq!(raised, codes(&block.text), "{place}:\n{}\n{text}", block.text);
                output = text;
                ran += 1;
            }
            "text" => shows(&output, &block.text, &place),
            "toml" | "json" | "yaml" | "" => {}
            other => panic!("{place}: {other} is neither run nor said not to be"),
        }
    }
    assert!(ran > 0, "{page} has no command");
}

#[test]
fn the_readme() {
    follow("README.md");
}

#[test]
fn the_tutorial_for_a_folder_of_migrations() {
    follow("docs/tutorial-migrations.md");
}

#[test]
fn the_tutorial_for_a_catalogue() {
    follow("docs/tutorial-catalogue.md");
}

#[test]
fn how_to_rehearse_in_ci() {
    follow("docs/how-to/ci.md");
}

#[test]
fn how_to_do_without_a_superuser() {
    follow("docs/how-to/managed.md");
}

#[test]
fn how_to_govern_partitions() {
    follow("docs/how-to/partitions.md");
}

#[test]
fn how_it_scales() {
    follow("docs/scale.md");
}

#[test]
fn how_to_load_in_bulk() {
    follow("docs/how-to/bulk.md");
}

#[test]
fn what_to_do_after_a_restore() {
    follow("docs/how-to/replicas.md");
}

#[test]
fn what_to_do_in_an_incident() {
    follow("docs/how-to/incidents.md");
}

/// A table `orders` that is there, and a packet whose last step is a door.
const PACKET: &str = "
psql \"$DATABASE_URL\" -q -c 'CREATE TABLE orders (code text PRIMARY KEY, old text)'
mkdir packet
echo 'ALTER TABLE orders ADD COLUMN region text;' > packet/010.do.sql
echo 'ALTER TABLE orders DROP COLUMN region;' > packet/010.undo.sql
echo 'ALTER TABLE orders DROP COLUMN old;' > packet/020.do.sql
cat > packet/packet.toml <<'END'
macro = \"ORDERS_BY_REGION\"
[[step]]
id = \"region\"
do = \"010.do.sql\"
undo = \"010.undo.sql\"
[[step]]
id = \"drop-old-key\"
do = \"020.do.sql\"
door = \"one-way\"
END
";

#[test]
fn how_a_packet_is_applied() {
    follow_with("docs/apply.md", PACKET);
}

#[test]
fn how_a_change_is_rehearsed() {
    let migrations = "mkdir migrations; cp packet/010.do.sql migrations/0001_region.up.sql; cp packet/010.undo.sql migrations/0001_region.down.sql; cp packet/010.do.sql V7__orders.sql";
    follow_with("docs/rehearsal.md", &format!("{PACKET}{migrations}"));
}

#[test]
fn how_drift_is_found() {
    follow_with("docs/drift.md", "birthgate init; birthgate owner add ada ~/.ssh/id_ed25519.pub");
}

#[test]
fn how_births_are_handed_off() {
    let sink = "[[handoff.sink]]\nname = \"archive\"\nkind = \"ndjson\"\ncapture = true\nfolder = \"archive\"\n";
    follow_with("docs/handoff.md", &format!("birthgate init; printf '{sink}' > birthgate.toml"));
}

#[test]
fn how_watch_is_kept() {
    follow_with("docs/serve.md", "birthgate init");
}

#[test]
fn how_agents_are_served() {
    let table =
        "psql \"$DATABASE_URL\" -q -c 'CREATE TABLE dot_tools (code text PRIMARY KEY, name text)'";
    follow_with(
        "docs/mcp.md",
        &format!(
            "{table}; birthgate init; birthgate collection govern public.dot_tools --code code"
        ),
    );
}

/// The way to a page is there, and every page is in the table of contents.
#[test]
fn every_page_is_listed_and_every_link_leads_somewhere() {
    let docs = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
    let contents = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let mut pages =
        vec![docs.join("../README.md"), docs.join("../ARCHITECTURE.md"), docs.join("SUMMARY.md")];
    for folder in ["", "how-to", "reference"] {
        for entry in std::fs::read_dir(docs.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(&docs).unwrap().display().to_string();
                assert!(
                    name == "SUMMARY.md" || contents.contains(&format!("({name})")),
                    "{name} is not in SUMMARY.md"
                );
                pages.push(path);
            }
        }
    }
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split(')').next().unwrap();
            let file = link.split('#').next().unwrap();
            if file.is_empty() || link.contains("://") {
                continue;
            }
            assert!(page.parent().unwrap().join(file).exists(), "{}: {link}", page.display());
        }
    }
}
