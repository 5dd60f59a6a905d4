//! The commands of psql in a file: what they make of its statements.

use birthgate::plan;
use birthgate::rehearsal::{self, Verdict};
use testkit::Db;

use super::{folder, read};

/// The statements that psql would send of a file.
fn sent(text: &str) -> Vec<String> {
    let (_folder, plan) = read(&[("a.sql", text)]);
    let plan = plan.unwrap_or_else(|error| panic!("{text}: {error}"));
    let does = &plan.steps[0].does;
    does.statements.iter().map(|one| does.text_of(one).to_owned()).collect()
}

#[test]
fn variables_stand_for_what_set_says() {
    for (text, sql) in [
        ("\\set d /data\n\\set f :d '/x.csv'\nSELECT :'f';", "SELECT '/data/x.csv'"),
        ("\\set t \"My Table\"\nSELECT * FROM :t;", "SELECT * FROM \"My Table\""),
        ("\\set t 'My Table'\nSELECT * FROM :\"t\";", "SELECT * FROM \"My Table\""),
        ("\\set w 'it''s'\nSELECT :'w';", "SELECT 'it''s'"),
        ("\\set w 'a\\\\b'\nSELECT :'w';", "SELECT  E'a\\\\b'"),
        ("\\set a 1 \\\\ SELECT :a;", "SELECT 1"),
        ("\\set a 1 \\set a 2\nSELECT :a;", "SELECT 2"),
        ("SELECT ':a', a[1:2], :none;", "SELECT ':a', a[1:2], :none"),
    ] {
        assert_eq!(sent(text), [sql], "{text}");
    }
}

#[test]
fn of_the_parts_of_an_if_one_is_sent() {
    for (text, number) in [
        ("\\if true\nSELECT 1;\n\\else\nSELECT 2;\n\\endif", 1),
        ("\\if off\nSELECT 1;\n\\elif 1\nSELECT 2;\n\\else\nSELECT 3;\n\\endif", 2),
        ("\\if :{?x}\n\\else\n\\set x 4\n\\endif\nSELECT :x;", 4),
        ("\\set x no\n\\if :x\n\\if true\nSELECT 1;\n\\endif\n\\else\nSELECT 2;\n\\endif", 2),
        ("\\if false\n\\! rm x\n\\i none.sql\nSELECT 1 \\gset\n\\endif\nSELECT 2;", 2),
        ("\\if no sense\nSELECT 1;\n\\endif\nSELECT 2;", 2),
        ("\\if false\n\\q\n\\endif\nSELECT 2;\n\\q\nSELECT 3;", 2),
    ] {
        assert_eq!(sent(text), [format!("SELECT {number}")], "{text}");
    }
}

#[test]
fn what_only_psql_knows_is_said() {
    for (text, says) in [
        ("SELECT 1 AS x \\gset\n", "\\gset is a command of psql"),
        ("\\if `test -e x`\n\\endif", "\\if with a program"),
        ("\\set now `date`\nSELECT 1;", "\\set with a program"),
        ("\\if :SERVER_VERSION_NUM\n\\endif", ":SERVER_VERSION_NUM"),
        ("GRANT CONNECT ON DATABASE :DBNAME TO app;", ":DBNAME is a variable of psql"),
        ("\\set AUTOCOMMIT off\nSELECT 1;", "AUTOCOMMIT off"),
        ("\\set x 'SELECT 1; SELECT 2'\n:x;", "more than a part of a statement"),
        ("\\if true\nSELECT 1;", "without \\endif"),
        ("\\endif\nSELECT 1;", "no \\if is open"),
        ("SELECT 1\n\\echo done\nSELECT 2;", "stands within this statement"),
        ("\\if false\nCOPY t FROM stdin;\n1\n\\.\n\\endif", "reads its rows as SQL"),
        ("\\copy t FROM none.csv", "\\copy is a command of psql"),
        ("\\copy t FROM 'none.csv'", "none.csv: No such file"),
    ] {
        let (_folder, plan) = read(&[("a.sql", text)]);
        let said = plan.expect_err(text).to_string();
        assert!(said.contains(says), "{text}: {said}");
    }
}

#[tokio::test]
async fn a_copy_of_psql_brings_its_rows() {
    let folder = folder(&[("rows.csv", "1,one\n2,two\n"), ("again.csv", "1\n")]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let db = Db::empty().await;
    db.sql("CREATE TABLE t (a int PRIMARY KEY, b text)").await;
    let count = "DO $$ BEGIN ASSERT (SELECT count(*) FROM t) = 2; END $$;";
    for (text, verdict) in [
        (format!("\\copy t (a, b) FROM '{}' CSV\n{count}", path("rows.csv")), Verdict::Pass),
        (format!("\\copy t FROM stdin (FORMAT csv)\n1,x\n2,y\n\\.\n{count}"), Verdict::Pass),
        (format!("\\copy t (c) FROM '{}' csv", path("again.csv")), Verdict::Fail),
        (format!("\\copy (SELECT 1) TO '{}'", path("out.csv")), Verdict::Pass),
    ] {
        let file = folder.path().join("a.sql");
        std::fs::write(&file, &text).unwrap();
        let plan = plan::read(&[file]).unwrap();
        let options = crate::rehearsal::options();
        let said = rehearsal::rehearse(&db.database("postgres"), &plan, &options).await.unwrap();
        assert_eq!(said.verdict, verdict, "{text}: {said:#?}");
    }
    assert!(!folder.path().join("out.csv").exists());
}
