//! A NATS server with JetStream. Ends when it is dropped.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The server, and its folder.
pub struct Nats {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Nats {
    /// Starts one.
    pub async fn start() -> Nats {
        Nats::with(true).await
    }

    /// Starts one without JetStream.
    pub async fn plain() -> Nats {
        Nats::with(false).await
    }

    async fn with(jetstream: bool) -> Nats {
        let folder = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let nats = Nats { process: Nats::spawn(folder.path(), port, jetstream), port, folder };
        nats.wait().await;
        nats
    }

    fn spawn(folder: &Path, port: u16, jetstream: bool) -> Child {
        // Debian has it where only root's PATH looks.
        let debian = "/usr/sbin/nats-server";
        let program = if Path::new(debian).exists() { debian } else { "nats-server" };
        Command::new(program)
            .args(["-a", "127.0.0.1", "-p", &port.to_string()])
            .args(jetstream.then_some("-js"))
            .arg("-sd")
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(
                "nats-server is needed: apt-get install nats-server, or brew install nats-server",
            )
    }

    /// Waits until it answers.
    pub async fn wait(&self) {
        let address = ("127.0.0.1", self.port);
        crate::until("nats-server answers", async || {
            tokio::net::TcpStream::connect(address).await.is_ok()
        })
        .await;
    }

    /// Kills it as a crash would, and starts it again.
    pub fn crash(&mut self) {
        self.kill();
        self.process = Nats::spawn(self.folder.path(), self.port, true);
    }

    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
