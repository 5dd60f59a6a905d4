//! A signature is shown as one only if it is.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use birthgate::declaration::{Binding, Declaration};
use birthgate::{evidence, evidence_log};
use serde_json::json;

use crate::estate::Estate;
use crate::http::{get, get_with};

const PACKET: &str = "/packets/orders-2026-01-31-r1";

fn ssh_keygen(folder: &Path, arguments: &[&str]) {
    let made = Command::new("ssh-keygen").args(arguments).current_dir(folder).output();
    let made = made.expect("ssh-keygen is needed: apt-get install openssh-client");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// The public half of a new key of that name.
fn key(folder: &Path, name: &str) -> String {
    ssh_keygen(folder, &["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", name]);
    std::fs::read_to_string(folder.join(format!("{name}.pub"))).unwrap().trim().to_owned()
}

impl Estate {
    /// The text that approves the rehearsal in this database, with another value of some of its lines.
    async fn text(&self, other: &[(&str, &str)]) -> String {
        let dba = self.db.dba().await;
        let binding = Binding::make(&dba, Duration::from_secs(3600)).await.unwrap();
        let one = evidence::list(self.folder.path()).unwrap().remove(0);
        let rehearsed = evidence::read(&one.folder).unwrap();
        let fields = [
            ("packet", "ORDERS".to_owned()),
            ("packet-sha256", "d1gest".to_owned()),
            ("rehearsal", rehearsed.id.clone()),
            ("rehearsal-sha256", rehearsed.hash.clone()),
            ("verdict", "PASS".to_owned()),
            ("touches-sha256", rehearsed.states.entry_hash()),
            ("code-sha256", rehearsed.states.code.as_ref().unwrap().hash()),
            ("steps", "add-key, drop-key".to_owned()),
            ("doors", "drop-key".to_owned()),
        ];
        let text = Declaration::bound("approval", &fields, &binding).text();
        let line = |line: &str| {
            let (name, _) = line.split_once(": ")?;
            let (_, value) = other.iter().find(|(other, _)| *other == name)?;
            Some(format!("{name}: {value}"))
        };
        text.lines().map(|said| line(said).unwrap_or(said.to_owned()) + "\n").collect()
    }

    /// Signs a text with a key, and writes down that ada has signed `recorded`; answers the entry.
    async fn sign(&self, keys: &Path, key: &str, text: &str, recorded: &str) -> i64 {
        std::fs::write(keys.join("text"), text).unwrap();
        let _ = std::fs::remove_file(keys.join("text.sig"));
        ssh_keygen(keys, &["-q", "-Y", "sign", "-n", "birthgate", "-f", key, "text"]);
        let signature = std::fs::read_to_string(keys.join("text.sig")).unwrap();
        let hash = evidence::list(self.folder.path()).unwrap()[0].hash.clone();
        let body = json!({
            "packet": "ORDERS", "digest": "d1gest", "rehearsal": hash, "principal": "ada",
            "text": recorded, "signature": signature,
        });
        evidence_log::append(&self.db.dba().await, "approval", &body).await.unwrap()
    }

    /// What the page says of an entry.
    async fn said(&self, entry: i64) -> String {
        let page = get(self.address, PACKET).await;
        page.has(&[&format!("(entry {entry})")]);
        let approvals = page.body.split("<details").skip(1);
        let its = approvals.filter(|one| one.contains(&format!("(entry {entry})")));
        its.map(|one| one.split("</summary>").next().unwrap().to_owned()).next().unwrap()
    }
}

#[tokio::test]
async fn an_approval_is_shown_as_one_only_if_it_holds() {
    let estate = Estate::new().await;
    let keys = tempfile::tempdir().unwrap();
    let (ada, _) = (key(keys.path(), "ada"), key(keys.path(), "mallory"));
    let file = estate.folder.path().join("allowed_signers");
    let owners = format!("ada namespaces=\"birthgate\" {ada}\n");
    std::fs::write(&file, &owners).unwrap();

    let text = estate.text(&[]).await;
    let good = estate.sign(keys.path(), "ada", &text, &text).await;
    let said = estate.said(good).await;
    assert!(said.contains("✓</span> holds</span> signed by <strong>ada</strong>"), "{said}");
    assert!(said.contains("Doors that it opens: drop-key"), "{said}");

    // Whoever writes to the database can write all of these.
    let again = text.replace("doors: drop-key", "doors: none");
    for (key, signed, recorded, why) in [
        ("mallory", text.clone(), text.clone(), "is no owner"),
        ("ada", text.clone(), again, "not of this text"),
        (
            "ada",
            estate.text(&[("rehearsal-sha256", "0")]).await,
            String::new(),
            "of another rehearsal-sha256",
        ),
        ("ada", estate.text(&[("instance", "0")]).await, String::new(), "of another instance"),
        (
            "ada",
            estate.text(&[("expires", "2020-01-01T00:00:00Z")]).await,
            String::new(),
            "has expired",
        ),
        (
            "ada",
            estate.text(&[("accepts", "x"), ("verdict", "FAIL")]).await,
            String::new(),
            "of another verdict",
        ),
        ("ada", "anything".to_owned(), String::new(), "no text that Birthgate made"),
    ] {
        let recorded = if recorded.is_empty() { &signed } else { &recorded };
        let entry = estate.sign(keys.path(), key, &signed, recorded).await;
        let said = estate.said(entry).await;
        assert!(
            said.contains("does not count</span> recorded as of") && said.contains(why),
            "{why}: {said}"
        );
        assert!(!said.contains('✓'), "{said}");
    }
    assert!(estate.said(good).await.contains("holds"));

    // The file of now counts.
    std::fs::write(&file, owners.replace("ada ", "ada valid-before=\"20200101Z\",")).unwrap();
    let said = estate.said(good).await;
    assert!(said.contains("does not count") && said.contains("expired or was revoked"), "{said}");
    get(estate.address, PACKET).await.has(&["no approval of this rehearsal holds"]);
    std::fs::remove_file(&file).unwrap();
    assert!(estate.said(good).await.contains("not verified"));
    std::fs::write(&file, &owners).unwrap();
    assert!(estate.said(good).await.contains("holds"));

    // What was used up holds no more.
    let hash = evidence::list(estate.folder.path()).unwrap()[0].hash.clone();
    let dba = estate.db.dba().await;
    let body =
        json!({ "packet": "ORDERS", "digest": "d1gest", "rehearsal": hash, "approvals": [good] });
    let run = evidence_log::append(&dba, "apply", &body).await.unwrap();
    assert!(estate.said(good).await.contains("holds"));
    let body = json!({ "run": run, "ended": "done" });
    evidence_log::append(&dba, "end", &body).await.unwrap();
    let said = estate.said(good).await;
    assert!(
        said.contains("used up") && said.contains("it was used by an apply that ended"),
        "{said}"
    );
}

#[tokio::test]
async fn without_an_owners_file_nothing_is_said_to_be_verified() {
    let estate = Estate::with_token(Some("secret")).await;
    let keys = tempfile::tempdir().unwrap();
    key(keys.path(), "ada");
    let text = estate.text(&[]).await;
    estate.sign(keys.path(), "ada", &text, &text).await;
    let page = get_with(estate.address, PACKET, "Authorization: Bearer secret\r\n").await;
    page.has(&["not verified</span> recorded as of <strong>ada</strong>", "names no owners' file"]);
}
