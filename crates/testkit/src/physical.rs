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
        fs::remove_file(folder.path().join("data/postmaster.pid")).unwrap();
        folder
    }

    /// Starts the copy with these settings.
    pub async fn start(
        server: &Server,
        folder: tempfile::TempDir,
        signal: &str,
        settings: &str,
    ) -> PhysicalCopy {
        let data = folder.path().join("data");
        let owner = fs::metadata(server.data_folder()).unwrap();
        let socket = folder.path().display();
        fs::write(data.join(signal), "").unwrap();
        fs::write(
            data.join("postgresql.auto.conf"),
            format!("unix_socket_directories = '{socket}'\n{settings}\n"),
        )
        .unwrap();
        give(folder.path(), &owner);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(server.program("postgres"));
        command.arg("-D").arg(&data).current_dir("/").stdout(Stdio::null()).stderr(log);
        if nix::unistd::geteuid().is_root() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let copy = PhysicalCopy { process: command.spawn().unwrap(), folder };
        for _ in 0..1000 {
            if copy.config("postgres", "postgres").connect(tokio_postgres::NoTls).await.is_ok() {
                return copy;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{}", fs::read_to_string(copy.folder.path().join("log")).unwrap_or_default());
    }

    pub fn config(&self, database: &str, role: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.folder.path()).dbname(database).user(role);
        config
    }
}

/// Gives a folder and all in it to the server's user, where we are another.
fn give(folder: &Path, owner: &fs::Metadata) {
    if nix::unistd::geteuid().is_root() {
        let to = format!("{}:{}", owner.uid(), owner.gid());
        assert!(Command::new("chown").args(["-R", &to]).arg(folder).status().unwrap().success());
    }
}
