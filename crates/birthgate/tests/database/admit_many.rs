//! Many at once: a bad row costs itself, and the same input again admits nothing twice.

use birthgate::admission::input::{self, InputFormat};
use birthgate::admission::many::{self, Batches, Fate, Outcome, Summary};
use birthgate::{Database, Error, RefusalCode, collection};
use testkit::{Db, refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Admits an input as app; answers what became of each line, by line, and of all.
async fn admit(
    db: &Db,
    text: &[u8],
    batch: usize,
    max_failures: u64,
) -> (Vec<Outcome>, Result<Summary, Error>) {
    admit_as(db.database("app"), text, batch, max_failures).await
}

async fn admit_as(
    app: Database,
    text: &[u8],
    batch: usize,
    max_failures: u64,
) -> (Vec<Outcome>, Result<Summary, Error>) {
    let columns = many::columns(&app, "thing").await.unwrap();
    let what = Batches { collection: "thing".to_owned(), columns, batch, max_failures };
    let mut outcomes = Vec::new();
    let summary = match input::records(text, InputFormat::guess(text), &what.columns) {
        Ok(records) => {
            let records = futures_util::stream::iter(records);
            let report = |outcome: &Outcome| {
                outcomes.push(outcome.clone());
                Ok(())
            };
            many::admit_many(&app, &what, records, report, std::future::pending()).await
        }
        Err(error) => Err(error),
    };
    outcomes.sort_by_key(|outcome| outcome.line);
    (outcomes, summary)
}

fn fates(outcomes: &[Outcome]) -> Vec<(u64, Fate, &str)> {
    outcomes.iter().map(|o| (o.line, o.outcome, o.sqlstate.as_deref().unwrap_or(""))).collect()
}

async fn things(db: &Db) -> i64 {
    let births =
        "SELECT count(*) FROM birthgate.birth_registry b JOIN thing t ON t.code = b.entity_code
                   JOIN birthgate.birth_admission_permit p ON p.id = b.permit_id
                  WHERE b.status = 'finalized' AND p.state = 'FINALIZED'";
    let births = db.value::<i64>(births).await;
    assert_eq!(db.value::<i64>("SELECT count(*) FROM thing WHERE code <> 'O-1'").await, births);
    births
}

#[tokio::test]
async fn a_bad_row_costs_itself_in_csv() {
    let db = Db::governed("statement").await;
    let dba = db.dba().await;
    collection::set_rule(&dba, "thing", Some("^[A-Z]-[0-9]+$")).await.unwrap();
    dba.batch_execute("ALTER TABLE thing ADD CHECK (name <> 'bad')").await.unwrap();
    let csv = b"code,name\nA-1,one\nnot a code,x\nA-2\nA-1,other\nA-1,one\nA-3,bad\n\"A-4\",\"two\nlines\"\nA-5,\xff\nA-6,six\n";
    for batch in [2, 100] {
        let (outcomes, summary) = admit(&db, csv, batch, 100).await;
        // The row that stands twice: in the first run it is a duplicate, afterwards it was born before.
        let again = if batch == 2 { Fate::Duplicate } else { Fate::Already };
        let born = if batch == 2 { Fate::Admitted } else { Fate::Already };
        assert_eq!(
            fates(&outcomes),
            [
                (2, born, ""),
                (3, Fate::Refused, "PB004"),
                (4, Fate::Broken, ""),
                (5, Fate::Refused, "PB005"),
                (6, again, ""),
                (7, Fate::Refused, "23514"),
                (8, born, ""),
                (10, Fate::Broken, ""),
                (11, born, ""),
            ],
            "batch {batch}"
        );
        assert_eq!(summary.unwrap().refused, 3);
        assert_eq!(things(&db).await, 3);
    }
}

#[tokio::test]
async fn ndjson_rows_may_differ_in_columns() {
    let db = Db::governed("statement").await;
    let lines = b"{\"code\": \"A-1\"}\n\n{\"code\": \"A-2\", \"name\": \"two\"}\n[1]\n{\"code\": \"A-3\", \"colour\": \"red\"}\n{\"code\": \"A-4\"}";
    let (outcomes, _) = admit(&db, lines, 100, 100).await;
    assert_eq!(
        fates(&outcomes),
        [
            (1, Fate::Admitted, ""),
            (3, Fate::Admitted, ""),
            (4, Fate::Broken, ""),
            (5, Fate::Refused, "42703"),
            (6, Fate::Admitted, ""),
        ]
    );
    assert_eq!(things(&db).await, 3);
}

#[tokio::test]
async fn a_mended_input_admits_only_what_is_new() {
    let db = Db::governed("statement").await;
    let rows = |mended: &str| -> Vec<u8> {
        let mut text = "code,name\n".to_owned();
        for n in 0..300 {
            text += &format!("A-{n},{}\n", if n == 150 { mended } else { "n" });
        }
        text.into_bytes()
    };
    db.sql("ALTER TABLE thing ADD CHECK (name <> 'bad')").await;
    let (_, summary) = admit(&db, &rows("bad"), 64, 0).await;
    assert!(
        matches!(summary, Err(Error::TooManyFailures { failures: 1, line: 152, .. })),
        "{summary:?}"
    );
    let before = things(&db).await;
    assert!((64..300).contains(&before), "{before}");
    let (_, summary) = admit(&db, &rows("good"), 64, 0).await;
    let summary = summary.unwrap();
    assert_eq!((summary.already, summary.admitted), (before as u64, 300 - before as u64));
    assert_eq!(things(&db).await, 300);
}

#[tokio::test]
async fn what_concerns_every_row_ends_the_run() {
    let db = Db::governed("statement").await;
    let dba = db.dba().await;
    collection::grant(&dba, "thing", "app", Some(3)).await.unwrap();
    let (outcomes, summary) = admit(&db, b"code\nA\nB\nC\nD\nE\n", 4, 100).await;
    assert_eq!((outcomes.len(), refusal(summary)), (0, RefusalCode::QuotaReached));
    dba.batch_execute("SET ROLE birthgate_owner; INSERT INTO birthgate.stop (collection_name, reason) VALUES ('thing', 'moving house today')").await.unwrap();
    let (_, summary) = admit(&db, b"code\nA\n", 4, 100).await;
    assert_eq!(refusal(summary), RefusalCode::Blocked);
    assert_eq!(things(&db).await, 0);
}

#[tokio::test]
async fn junk_is_one_error_and_nothing_is_written() {
    let db = Db::governed("statement").await;
    let mut junk = vec![0x9e_u8; 4 << 20];
    for (n, byte) in junk.iter_mut().enumerate() {
        *byte ^= (n % 251) as u8;
    }
    let long_line = [b"{\"code\": \"".to_vec(), vec![b'x'; 20 << 20]].concat();
    for input in [&junk[..], b"colour\nred\n", b"{nonsense\n", &long_line] {
        let (outcomes, summary) = admit(&db, input, 100, 100).await;
        assert!(matches!(summary, Err(Error::BadInput(_))), "{summary:?}");
        assert!(outcomes.is_empty());
    }
    assert_eq!(things(&db).await, 0);
}

#[tokio::test]
async fn a_lost_connection_costs_no_row() {
    let db = Db::governed("statement").await;
    // The first batch commits; then the backend of the second is terminated while it waits.
    db.sql("CREATE FUNCTION hold_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
              IF NEW.code = 'A-150' AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 8) THEN
                PERFORM pg_advisory_xact_lock(7);
              END IF;
              RETURN NEW; END $$;
            CREATE TRIGGER hold_on BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION hold_on()")
        .await;
    let holder = db.dba().await;
    holder.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let killing = async {
        holder
            .batch_execute(
                "DO $$ DECLARE v_pid int; BEGIN
                   WHILE v_pid IS NULL LOOP
                     PERFORM pg_sleep(0.005);
                     SELECT pid INTO v_pid FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND objid = 7;
                   END LOOP;
                   PERFORM pg_advisory_lock(8);
                   PERFORM pg_terminate_backend(v_pid, 5000);
                 END $$",
            )
            .await
            .unwrap();
    };
    let text: String = (0..300).map(|n| format!("A-{n}\n")).collect();
    let input = format!("code\n{text}").into_bytes();
    let ((_, summary), ()) = tokio::join!(admit(&db, &input, 100, 0), killing);
    assert_eq!(summary.unwrap().admitted, 300);
    assert_eq!(things(&db).await, 300);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_told_as_what_it_is() {
    let db = Db::governed("statement").await;
    let server = db.config("app");
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
    let Host::Unix(socket) = &server.get_hosts()[0] else { panic!("no socket") };
    let socket = socket.join(".s.PGSQL.5432");
    // Between us and the server: the first answer that says "admitted" is swallowed, and the connection
    // with it. A statement of its own has committed by the time that its answer is sent.
    tokio::spawn(async move {
        let mut swallowed = false;
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = UnixStream::connect(&socket).await.unwrap();
            let (mut up, mut down) = ([0; 1 << 16], [0; 1 << 16]);
            loop {
                tokio::select! {
                    read = client.read(&mut up) => match read {
                        Ok(count) if count > 0 => server.write_all(&up[..count]).await.unwrap(),
                        _ => break,
                    },
                    read = server.read(&mut down) => match read {
                        Ok(count) if count > 0 => {
                            if !swallowed && down[..count].windows(8).any(|seen| seen == b"admitted") {
                                swallowed = true;
                                break;
                            }
                            client.write_all(&down[..count]).await.unwrap();
                        }
                        _ => break,
                    },
                }
            }
        }
    });
    let mut config = Config::new();
    config.host_path(folder.path()).dbname(server.get_dbname().unwrap()).user("app");
    let through = || Database::new(config.clone()).unwrap();
    let input = b"code\nA\nB\nA\nC\n";
    let (outcomes, summary) = admit_as(through(), input, 2, 1).await;
    let summary = summary.unwrap();
    assert_eq!((summary.admitted, summary.duplicate, summary.already), (3, 1, 0), "{outcomes:?}");
    assert_eq!(fates(&outcomes)[2], (4, Fate::Duplicate, ""));
    assert_eq!(things(&db).await, 3);
    // Again, and after the permits have gone to the archive: all of it was there before.
    for sql in ["SELECT 1", "SELECT birthgate.permit_archive('infinity')"] {
        db.sql(sql).await;
        let (outcomes, summary) = admit_as(through(), input, 2, 1).await;
        assert_eq!(summary.unwrap().already, 4, "{outcomes:?}");
    }
}
