//! Plans: packets and the files of migration tools, as they are.

mod foreign;
mod history;
mod psql;
mod sqitch;
mod tools;

use std::path::Path;

use birthgate::Error;
use birthgate::plan::{self, Plan, packet};
use birthgate::rehearsal::{self, Live, Options, Verdict};
use testkit::Db;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// A folder read as whose it seems to be; the folder is there as long as the first of the answer.
fn read(files: &[(&str, &str)]) -> (tempfile::TempDir, birthgate::Result<Plan>) {
    let folder = folder(files);
    let plan = plan::read(&[folder.path().to_owned()]);
    (folder, plan)
}

/// What is said of a folder that is not read, without its name.
fn refusal(files: &[(&str, &str)]) -> String {
    match read(files) {
        (folder, Err(error @ Error::Unready(_))) => {
            error.to_string().replace(&format!("{}/", folder.path().display()), "")
        }
        (_, answer) => panic!("{files:?}: {answer:?}"),
    }
}

/// The ids of the steps.
fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

/// What is said of a packet, without the folder's name.
fn problem_of(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    match packet::read(&folder.path().join("packet.toml")) {
        Ok(packet) => panic!("{packet:?}"),
        Err(error) => error.to_string().replace(&format!("{}/", folder.path().display()), ""),
    }
}

#[test]
fn the_errors_of_a_packet_point_into_its_file() {
    let step = "macro = \"M\"\n[[step]]\nid = \"a\"\n";
    let at = |rest: &str| {
        problem_of(&[("packet.toml", &format!("{step}{rest}")), ("a.sql", "SELECT 1")])
    };
    assert_eq!(
        at("do = \"b.sql\"\n"),
        "packet.toml:4:6: b.sql: No such file or directory (os error 2)"
    );
    assert!(
        at("do = \"a.sql\"\ndoor = \"three-way\"\n")
            .starts_with("packet.toml:5:8: unknown variant `three-way`")
    );
    assert!(
        at("do = \"a.sql\"\nundoo = \"a.sql\"\n")
            .starts_with("packet.toml:5:1: unknown field `undoo`")
    );
    assert!(
        at("do = \"a.sql\"\nstop = \"after\"\n")
            .starts_with("packet.toml:5:8: a stop stands \"before\"")
    );
    assert!(
        at("do = \"a.sql\"\n[[step]]\nid = \"a\"\ndo = \"a.sql\"")
            .starts_with("packet.toml:6:6: another step has this id")
    );
    assert!(problem_of(&[("packet.toml", "macro = \"M\"\n")]).contains("at least one [[step]]"));
    assert!(problem_of(&[("packet.toml", "macro = M\n")]).starts_with("packet.toml:1:9: "));
    let sql = problem_of(&[
        ("packet.toml", &format!("{step}do = \"a.sql\"")),
        ("a.sql", "SELECT 1;\nSELECT 2 \\gexec"),
    ]);
    assert!(sql.starts_with("a.sql:2:10: "), "{sql}");
    let outside =
        problem_of(&[("packet.toml", &format!("{step}do = \"a.sql\"")), ("a.sql", "VACUUM")]);
    assert!(outside.contains("say transaction = false"), "{outside}");
}

#[test]
fn the_digest_is_over_what_a_packet_says() {
    let digest = |packet: &str, sql: &str| {
        let folder = folder(&[("packet.toml", packet), ("a.sql", sql)]);
        packet::read(&folder.path().join("packet.toml")).unwrap().digest
    };
    let first = digest("macro = \"M\"\n[[step]]\nid = \"a\"\ndo = \"a.sql\"\n", "SELECT 1");
    assert_eq!(
        first,
        digest("# said otherwise\nmacro   = 'M'\nstep = [{ do = 'a.sql', id = 'a' }]", "SELECT 1")
    );
    assert_ne!(first, digest("macro = \"M\"\n[[step]]\nid = \"a\"\ndo = \"a.sql\"\n", "SELECT 2"));
    assert_ne!(
        first,
        digest(
            "macro = \"M\"\n[[step]]\nid = \"a\"\ndo = \"a.sql\"\nstop = \"before\"\n",
            "SELECT 1"
        )
    );
}

#[test]
fn a_new_packet_can_be_read_and_an_imported_one_says_what_the_files_said() {
    let new = tempfile::tempdir().unwrap();
    packet::new(new.path(), "M").unwrap();
    assert_eq!(packet::read(&new.path().join("packet.toml")).unwrap().plan.steps.len(), 1);
    assert!(matches!(packet::new(new.path(), "M"), Err(Error::BadInput(_))));
    let from = folder(&[
        ("1_a.up.sql", "BEGIN; CREATE TABLE a (x int); COMMIT;"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("2_b.up.sql", "CREATE INDEX CONCURRENTLY a_x ON a (x);"),
    ]);
    let to = tempfile::tempdir().unwrap();
    packet::import(&plan::read(&[from.path().to_owned()]).unwrap(), to.path(), "IMPORTED").unwrap();
    let imported = packet::read(&to.path().join("packet.toml")).unwrap().plan;
    let said: Vec<_> = imported
        .steps
        .iter()
        .map(|step| {
            (step.id.as_str(), step.does.text.as_str(), step.undo.is_some(), step.transaction)
        })
        .collect();
    assert_eq!(
        said,
        [
            ("1-a", "CREATE TABLE a (x int);\n", true, true),
            ("2-b", "CREATE INDEX CONCURRENTLY a_x ON a (x);\n", false, false)
        ]
    );
}

#[tokio::test]
async fn a_place_in_a_file_of_dbmate_is_the_place_in_the_file() {
    let folder = folder(&[(
        "1_a.sql",
        "-- migrate:up\nCREATE TABLE a (x int);\nCREATE TABLE a (x int);\n-- migrate:down\nDROP TABLE a;\n",
    )]);
    let db = Db::empty().await;
    let plan = plan::read(&[folder.path().to_owned()]).unwrap();
    let options = Options { live: Live::First, ..crate::rehearsal::options() };
    let said = rehearsal::rehearse(&db.database("postgres"), &plan, &options).await.unwrap();
    let place = said.reasons[0].place.clone().unwrap();
    assert_eq!(
        (Path::new(&place.path).file_name().unwrap(), place.line),
        ("1_a.sql".as_ref(), 3),
        "{said:#?}"
    );
}

#[tokio::test]
async fn an_empty_file_among_others_is_noted() {
    for (second, verdict) in [("CREATE TABLE b (x int);", Verdict::Pass), ("", Verdict::Incomplete)]
    {
        let folder = folder(&[("1_a.up.sql", "-- nothing to do here\n"), ("2_b.up.sql", second)]);
        let db = Db::empty().await;
        let plan = plan::read(&[folder.path().to_owned()]).unwrap();
        let options = crate::rehearsal::options();
        let said = rehearsal::rehearse(&db.database("postgres"), &plan, &options).await.unwrap();
        assert_eq!(said.verdict, verdict, "{said:#?}");
        let is_noted = said.notes.iter().any(|note| note.contains("1_a.up.sql holds no statement"));
        assert_eq!(is_noted, verdict == Verdict::Pass, "{said:#?}");
    }
}
