//! A project of Directus, governed as docs/directus.md says.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::http::Request;

/// A version that was seen to run.
const DIRECTUS: &str = "directus@10.13.1";
pub const GUIDE: &str = include_str!("../../../../../docs/directus.md");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
pub const ADMIN: Option<&str> = Some("the-token-of-the-admin");

/// Directus's modules, fetched once: some 470 MB. One of them is compiled; nothing is taken from elsewhere than npm.
fn modules() -> std::path::PathBuf {
    testkit::fetched::npm_then(&[DIRECTUS], |folder| {
        let mut rebuild = Command::new("npm");
        rebuild
            .args(["rebuild", "--loglevel=error", "isolated-vm", "--prefix"])
            .arg(folder)
            .current_dir(folder);
        // Without node's headers beside node, node-gyp would fetch them.
        let node = Command::new("node").args(["-p", "process.execPath"]).output();
        let node = String::from_utf8(node.expect("Node.js 20 is needed").stdout).unwrap();
        let prefix = Path::new(node.trim()).ancestors().nth(2).unwrap();
        if prefix.join("include/node/node.h").exists() {
            rebuild.env("npm_config_nodedir", prefix);
        }
        testkit::fetched::succeed(&mut rebuild, "npm is needed: install Node.js 20 or newer");
    })
}

/// A Directus with a database of its own, where its login owns everything, as Directus has it.
pub struct Directus {
    database: String,
    pub folder: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl Drop for Directus {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Directus {
    /// With the collections of the guide, governed, and with the extension where that is asked for.
    pub fn governed(extension: bool) -> Directus {
        let mut directus = Directus::new();
        if extension {
            let to = directus.folder.path().join("extensions/birthgate");
            std::fs::create_dir_all(&to).unwrap();
            for file in ["package.json", "index.js"] {
                let from = format!("{ROOT}/integrations/directus/{file}");
                std::fs::copy(from, to.join(file)).unwrap();
            }
        }
        directus.start(&[]);
        directus.make_collections();
        for line in [
            "birthgate init",
            "birthgate collection govern public.dot_tools --code code --rule '^DOT-[0-9]+$'",
            "birthgate collection govern public.orders --code id --open-permits",
            "birthgate collection grant dot_tools gatekeeper",
            "birthgate collection grant orders gatekeeper",
        ] {
            directus.guide("postgres", line);
        }
        directus
    }

    /// The same, where Directus holds the permits of its items itself.
    pub fn holding() -> Directus {
        let mut directus = Directus::governed(true);
        directus.guide("postgres", "birthgate collection grant dot_tools directus");
        directus.guide("postgres", "birthgate collection grant orders directus");
        directus.start(&[("BIRTHGATE_HOLD", "dot_tools, orders")]);
        directus
    }

    pub fn new() -> Directus {
        let server = testkit::server();
        let database = server.make_database(false);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("package.json"), "{}").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directus = Directus { database, folder, port, process: None };
        directus.sql(&format!(
            "DO $$ BEGIN IF to_regrole('directus') IS NULL THEN
               CREATE ROLE directus LOGIN; CREATE ROLE gatekeeper LOGIN;
             END IF; END $$;
             ALTER DATABASE {} OWNER TO directus",
            directus.database
        ));
        testkit::fetched::succeed(&mut directus.command("bootstrap"), "Node.js 20 is needed");
        directus
    }

    pub fn url(&self, role: &str) -> String {
        let socket = testkit::server().socket_folder().to_str().unwrap().replace('/', "%2F");
        format!("postgresql://{role}@{socket}/{}", self.database)
    }

    pub fn command(&self, what: &str) -> Command {
        let mut command = Command::new("node");
        command
            .arg(modules().join("node_modules/directus/cli.js"))
            .arg(what)
            .current_dir(self.folder.path())
            .env("DB_CLIENT", "pg")
            .env("DB_HOST", testkit::server().socket_folder())
            .env("DB_PORT", "5432")
            .env("DB_DATABASE", &self.database)
            .env("DB_USER", "directus")
            .env("DB_PASSWORD", "")
            .env("KEY", "a key of a test's own")
            .env("SECRET", "a secret of a test's own")
            .env("ADMIN_EMAIL", "admin@example.org")
            .env("ADMIN_PASSWORD", "a password of a test's own")
            .env("ADMIN_TOKEN", ADMIN.unwrap())
            .env("TELEMETRY", "false")
            .env("HOST", "127.0.0.1")
            .env("PORT", self.port.to_string())
            .env("PUBLIC_URL", format!("http://127.0.0.1:{}", self.port));
        command
    }

    /// Starts it, with these variables besides, and waits until it answers.
    pub fn start(&mut self, variables: &[(&str, &str)]) {
        self.stop();
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = self.command("start");
        command.envs(variables.iter().copied()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.stdin(Stdio::null()).spawn().expect("Node.js 20 is needed"));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(120) {
            let health = format!("http://127.0.0.1:{}/server/health", self.port);
            if ureq::get(health).call().is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{}", std::fs::read_to_string(self.folder.path().join("log")).unwrap());
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub fn make_collections(&self) {
        for (collection, fields) in [
            ("dot_tools", json!([key("code", "string", false), text("name")])),
            ("orders", json!([key("id", "integer", true), text("note")])),
        ] {
            let made =
                json!({ "collection": collection, "schema": {}, "meta": {}, "fields": fields });
            self.ask("POST", "/collections", ADMIN, made).expect(200);
        }
    }

    /// Runs a line of the guide, as this login.
    pub fn guide(&self, role: &str, line: &str) -> String {
        assert!(GUIDE.lines().any(|said| said == line), "the guide does not say: {line}");
        self.run(role, line)
    }

    pub fn run(&self, role: &str, line: &str) -> String {
        let birthgate = Path::new(env!("CARGO_BIN_EXE_birthgate")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-ec", line])
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", birthgate.display()))
            .env("DATABASE_URL", self.url(role))
            .env("HOME", self.folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{line}\n{said}");
        said
    }

    pub fn sql(&self, sql: &str) -> String {
        let mut psql = Command::new("psql");
        psql.args([&self.url("postgres"), "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        let output = psql.output().expect("psql is needed: apt-get install postgresql-client");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Whether Directus's login may do this.
    pub fn may(&self, sql: &str) -> bool {
        let mut psql = Command::new("psql");
        psql.args([&self.url("directus"), "-qX", "-c", sql]).output().unwrap().status.success()
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        kind: &str,
        body: String,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{}{path}", self.port))
            .header("Content-Type", kind);
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = match body.is_empty() {
            true => agent.run(request.body(()).unwrap()),
            false => agent.run(request.body(body).unwrap()),
        }
        .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        Answer {
            status: answer.status().as_u16(),
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    pub fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, token, "application/json", body)
    }

    /// Creates a tool as the admin.
    pub fn create(&self, code: &str) -> Answer {
        self.ask("POST", "/items/dot_tools", ADMIN, json!({ "code": code, "name": "a tool" }))
    }

    pub fn import(&self, kind: &str, name: &str, file: &str) -> Answer {
        let body = format!(
            "--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n{file}\r\n--part--\r\n"
        );
        let form = "multipart/form-data; boundary=part";
        self.send("POST", "/utils/import/dot_tools", ADMIN, form, body)
    }

    /// Somebody whose role may do these things with tools; their token.
    pub fn user(&self, name: &str, may: &[&str]) -> String {
        let role = self.ask("POST", "/roles", ADMIN, json!({ "name": name })).expect(200);
        let role = &role["data"]["id"];
        for action in may {
            let permission = json!({ "role": role, "collection": "dot_tools", "action": action, "fields": ["*"] });
            self.ask("POST", "/permissions", ADMIN, permission).expect(200);
        }
        let token = format!("the-token-of-{name}");
        let user = json!({ "email": format!("{name}@example.org"), "role": role, "token": token });
        self.ask("POST", "/users", ADMIN, user).expect(200);
        token
    }

    pub fn codes(&self) -> String {
        self.sql("SELECT coalesce(string_agg(code, ' ' ORDER BY code), '') FROM dot_tools")
    }
}

/// A field that is the primary key.
pub fn key(name: &str, kind: &str, is_made: bool) -> Value {
    let schema = json!({ "is_primary_key": true, "has_auto_increment": is_made });
    json!({ "field": name, "type": kind, "meta": {}, "schema": schema })
}

pub fn text(name: &str) -> Value {
    json!({ "field": name, "type": "string", "meta": {}, "schema": {} })
}

/// What Directus answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Fails unless it is Birthgate's refusal, as the extension shows it.
    #[track_caller]
    pub fn refused(self, code: &str, message: &str) {
        let body = self.expect(403);
        let error = &body["errors"][0];
        assert_eq!(error["extensions"]["code"], code, "{body}");
        assert_eq!(error["message"], message, "{body}");
        for more in ["detail", "hint"] {
            assert!(
                error["extensions"][more].as_str().is_some_and(|text| !text.is_empty()),
                "{body}"
            );
        }
    }
}
