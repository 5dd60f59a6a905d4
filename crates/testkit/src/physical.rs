//! A physical copy of a server: a standby, or a database restored to a point in time.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tokio_postgres::Config;

use crate::server::{Server, connect};

/// Another server, made of a base backup. Ends when it is dropped.
pub struct PhysicalCopy {
    process: Child,
    folder: tempfile::TempDir,
}

impl Drop for PhysicalCopy {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

impl PhysicalCopy {
    /// Copies a running server's files between the start and the end of a backup. With `signal`
    /// (`standby.signal`, `recovery.signal`) and these settings the copy can then be started.
    pub async fn take(server: &Server) -> tempfile::TempDir {
        let root = connect(server.config("postgres", "postgres")).await;
        let (start, stop) = match server.major() {
            14 => (
                "SELECT pg_start_backup('copy', true, false)",
                "SELECT labelfile FROM pg_stop_backup(false, false)",
            ),
            _ => (
                "SELECT pg_backup_start('copy', true)",
                "SELECT labelfile FROM pg_backup_stop(false)",
            ),
        };
        root.batch_execute(start).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(server.data_folder())
            .arg(folder.path().join("data"))
            .status();
        assert!(copied.unwrap().success());
        let label: String = root.query_one(stop, &[]).await.unwrap().get(0);
        fs::write(folder.path().join("data/backup_label"), label).unwrap();
        // What was written until the backup's end is needed as well.
        let log = server.data_folder().join("pg_wal/.");
        let copied =
            Command::new("cp").arg("-a").arg(log).arg(folder.path().join("data/pg_wal")).status();
        assert!(copied.unwrap().success());
        fs::remove_file(folder.path().join("data/postmaster.pid")).unwrap();
        folder
    }

    /// Starts the copy with these settings.
    pub async fn start(
        server: &Server,
        folder: tempfile::TempDir,
        signal: Option<&str>,
        settings: &str,
    ) -> PhysicalCopy {
        if let Some(signal) = signal {
            fs::write(folder.path().join("data").join(signal), "").unwrap();
        }
        PhysicalCopy::run(server, &server.program("postgres"), folder, settings).await
    }

    async fn run(
        server: &Server,
        program: &Path,
        folder: tempfile::TempDir,
        settings: &str,
    ) -> PhysicalCopy {
        let data = folder.path().join("data");
        let socket = folder.path().display();
        let text =
            format!("unix_socket_directories = '{socket}'\nlisten_addresses = ''\n{settings}\n");
        fs::write(data.join("postgresql.auto.conf"), text).unwrap();
        give(folder.path(), server);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = as_owner(server, program);
        command.arg("-D").arg(&data).stdout(Stdio::null()).stderr(log);
        let copy = PhysicalCopy { process: command.spawn().unwrap(), folder };
        for _ in 0..1000 {
            if copy.config("postgres", "postgres").connect(tokio_postgres::NoTls).await.is_ok() {
                return copy;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{}", fs::read_to_string(copy.folder.path().join("log")).unwrap_or_default());
    }

    /// Stops the copy, lets the pg_upgrade of the programs there make a newer one of it, and starts that.
    pub async fn upgrade(mut self, server: &Server, programs: &Path) -> PhysicalCopy {
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        assert!(self.process.wait().unwrap().success());
        let folder = tempfile::tempdir().unwrap();
        give(folder.path(), server);
        let run = |command: &mut Command| {
            let output = command.current_dir(folder.path()).output().unwrap();
            let text = [output.stdout, output.stderr].concat();
            assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&text));
        };
        let data = folder.path().join("data");
        run(as_owner(server, &programs.join("initdb"))
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "-D"])
            .arg(&data));
        run(as_owner(server, &programs.join("pg_upgrade"))
            .arg("--old-bindir")
            .arg(server.program("postgres").canonicalize().unwrap().parent().unwrap())
            .arg("--old-datadir")
            .arg(self.folder.path().join("data"))
            .args(["--username=postgres", "--new-datadir"])
            .arg(&data)
            .arg("--socketdir")
            .arg(folder.path()));
        PhysicalCopy::run(server, &programs.join("postgres"), folder, "").await
    }

    /// Where its socket is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn config(&self, database: &str, role: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.folder.path()).dbname(database).user(role);
        config
    }
}

/// A command that runs as the server's user, where we are another.
fn as_owner(server: &Server, program: &Path) -> Command {
    let owner = fs::metadata(server.data_folder()).unwrap();
    let mut command = Command::new(program);
    command.current_dir("/");
    if nix::unistd::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command
}

/// Gives a folder and all in it to the server's user, where we are another.
fn give(folder: &Path, server: &Server) {
    if nix::unistd::geteuid().is_root() {
        let owner = fs::metadata(server.data_folder()).unwrap();
        let to = format!("{}:{}", owner.uid(), owner.gid());
        assert!(Command::new("chown").args(["-R", &to]).arg(folder).status().unwrap().success());
    }
}
