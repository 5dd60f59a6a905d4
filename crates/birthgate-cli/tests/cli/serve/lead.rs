//! Who leads, and what it outlives: a kill, a hang, a network that swallows everything, a crash and a failover of the database.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::{PhysicalCopy, Server, connect};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

use super::{Daemon, GATE_DRIFT, prepared, until, value};

#[test]
fn one_leads_does_the_work_and_another_takes_over() {
    let mut server = Server::own(&[]);
    let name = server.make_database(true);
    let (first_folder, second_folder) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = format!("host={} user=postgres dbname={name}", server.socket_folder().display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = prepared(&server, &name).await;
        let first = Daemon::start(first_folder.path(), &url);
        first.says("/readyz", "this process leads").await;
        let second = Daemon::start(second_folder.path(), &url);
        second.says("/readyz", "this process waits").await;

        // Overdue permits end; nobody asks for that.
        let app = connect(server.config(&name, "app")).await;
        let request = "SELECT birthgate.permit_request('thing', 'A-1', p_ttl => '50 milliseconds')";
        app.batch_execute(request).await.unwrap();
        let expired =
            "SELECT count(*) FROM birthgate.birth_admission_permit WHERE state = 'EXPIRED'";
        until("expiry", async || value::<i64>(&client, expired).await == Some(1)).await;

        // What weakens the gate is found, and stops reservations.
        client.batch_execute("ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate").await.unwrap();
        until("drift", async || value::<i64>(&client, GATE_DRIFT).await > Some(0)).await;
        let refused = app.batch_execute("SELECT birthgate.permit_hold('thing', 'A-2')").await;
        assert_eq!(testkit::sqlstate(&refused.unwrap_err()), "PB017");

        // The leader is killed: another leads.
        drop(first);
        let begun = Instant::now();
        second.says("/readyz", "this process leads").await;
        eprintln!("another led after {:.1} s", begun.elapsed().as_secs_f64());

        // The database crashes: it leads again, and goes on.
        server.crash().await;
        second.says("/metrics", "birthgate_database_up 1").await;
        second.says("/readyz", "this process leads").await;
        let client = connect(server.config(&name, "postgres")).await;
        let observed =
            "SELECT observed_at FROM birthgate.block_observation WHERE dimension = 'gate_drift'";
        let before = value::<std::time::SystemTime>(&client, observed).await;
        until("an observation", async || {
            value::<std::time::SystemTime>(&client, observed).await > before
        })
        .await;
        assert!(value::<i64>(&client, GATE_DRIFT).await > Some(0), "it is still drift");
    });
}

/// A process that hangs keeps its connections, and its kernel answers for it.
#[test]
fn one_that_hangs_leads_no_longer() {
    let server = Server::own(&[]);
    let name = server.make_database(true);
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = format!("host={} user=postgres dbname={name}", server.socket_folder().display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let first = Daemon::start(folders.0.path(), &url);
        first.says("/readyz", "this process leads").await;
        let second = Daemon::start(folders.1.path(), &url);
        second.says("/readyz", "this process waits").await;
        let process = Pid::from_raw(first.process.id() as i32);
        kill(process, Signal::SIGSTOP).unwrap();
        let begun = Instant::now();
        second.says("/readyz", "this process leads").await;
        eprintln!("another led after {:.1} s", begun.elapsed().as_secs_f64());
        // Back again, it finds out at once that it leads no longer.
        kill(process, Signal::SIGCONT).unwrap();
        first.says("/readyz", "this process waits").await;
        second.says("/readyz", "this process leads").await;
    });
}

/// A network between a daemon and the database which can be made to swallow everything.
struct Network {
    port: u16,
    swallows: Arc<AtomicBool>,
}

impl Network {
    async fn before(socket_folder: &Path) -> Network {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let swallows = Arc::new(AtomicBool::new(false));
        let (socket, gone) = (socket_folder.join(".s.PGSQL.5432"), swallows.clone());
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = UnixStream::connect(&socket).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(carry(near_in, far_out, gone.clone()));
                tokio::spawn(carry(far_in, near_out, gone.clone()));
            }
        });
        Network { port, swallows }
    }
}

/// Carries bytes, until the network swallows them; the connections stay open then.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    swallows: Arc<AtomicBool>,
) {
    let mut bytes = [0; 8192];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if swallows.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
}

/// As when its machine, or the way to it, is gone: nobody is told that a connection ended.
#[test]
fn one_that_is_cut_off_leads_no_longer() {
    let server = Server::own(&[]);
    let name = server.make_database(true);
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let network = Network::before(server.socket_folder()).await;
        let far = format!("host=127.0.0.1 port={} user=postgres dbname={name}", network.port);
        let near = format!("host={} user=postgres dbname={name}", server.socket_folder().display());
        let first = Daemon::start(folders.0.path(), &far);
        first.says("/readyz", "this process leads").await;
        let second = Daemon::start(folders.1.path(), &near);
        second.says("/readyz", "this process waits").await;
        network.swallows.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        first.says("/metrics", "birthgate_leads 0").await;
        eprintln!("it knew after {:.1} s", begun.elapsed().as_secs_f64());
        second.says("/readyz", "this process leads").await;
        eprintln!("another led after {:.1} s", begun.elapsed().as_secs_f64());
    });
}

/// A daemon that reaches the standby alone shows what is there, and leads nothing. The primary is gone, and the standby takes its
/// place: the daemon that reaches both goes over to it.
#[test]
fn it_follows_a_failover() {
    let server = Server::own(&[]);
    let name = server.make_database(true);
    let folder = tempfile::tempdir().unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let birth = "INSERT INTO thing (code) SELECT 'BORN-1' FROM birthgate.permit_hold('thing', 'BORN-1')";
        prepared(&server, &name).await.batch_execute(birth).await.unwrap();
        let copied = PhysicalCopy::take(&server).await;
        let standby = PhysicalCopy::start(&server, copied, Some("standby.signal"), "").await;
        // The standby is asked first: it is passed over for as long as it is one.
        let url = format!(
            "host={},{} user=postgres dbname={name} target_session_attrs=read-write",
            standby.folder().display(),
            server.socket_folder().display()
        );
        let daemon = Daemon::start(folder.path(), &url);
        daemon.says("/readyz", "this process leads").await;
        let beside = tempfile::tempdir().unwrap();
        let url = format!("host={} user=postgres dbname={name}", standby.folder().display());
        let reader = Daemon::start(beside.path(), &url);
        reader.says("/registry", "BORN-1").await;
        reader.says("/permits", "BORN-1").await;
        reader.says("/readyz", "this process waits").await;
        drop(reader);
        tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
        daemon.says("/readyz", "503").await;
        let root = connect(standby.config(&name, "postgres")).await;
        root.batch_execute("SELECT pg_promote()").await.unwrap();
        daemon.says("/readyz", "this process leads").await;
        // And works there: what weakens the gate is found.
        root.batch_execute("ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate").await.unwrap();
        until("drift", async || value::<i64>(&root, GATE_DRIFT).await > Some(0)).await;
        tokio::task::spawn_blocking(move || drop(standby)).await.unwrap();
    });
}
