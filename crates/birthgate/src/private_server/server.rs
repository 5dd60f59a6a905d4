//! Starting and stopping the server.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio_postgres::{Config, NoTls};

use super::error::last_lines;
use super::guard::Guard;
use super::running::{Running, Shared};
use super::user::ServerUser;
use super::walls::{self, Confinement, Passed, Place, Walls};
use super::{Binaries, Cache, Error, cluster, environment, leftovers};

/// Paths of unix sockets are short: 107 bytes on Linux, 103 on macOS, with `/.s.PGSQL.5432`.
const LONGEST_SOCKET_FOLDER: usize = 85;
/// How often a server that comes up or goes down is looked at, and for how long.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS: u32 = 12_000;

/// Ends the server when its owner is gone, however it went: the owner holds the other end of the
/// watchdog's input. `$1` is the data folder, `$2` the folder to remove or nothing. `$3` is the number of a server that
/// the kernel ends with its owner: what stands in its folder is not believed, and nothing is sent to it.
const WATCHDOG: &str = r#"
cat >/dev/null
if [ -n "$3" ]; then
  n=0
  while kill -0 "$3" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
  [ -z "$2" ] || rm -rf -- "$2"
  exit
fi
pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
  kill -INT "$pid" 2>/dev/null
  n=0
  while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
  kill -QUIT "$pid" 2>/dev/null
fi
[ -z "$2" ] || rm -rf -- "$2"
"#;

/// Where the server lives.
#[derive(Clone, Debug)]
pub enum Folder {
    /// In a new folder below this one, removed at the end.
    Temporary(PathBuf),
    /// In this folder, which stays. One that holds a server of ours is used again.
    Kept(PathBuf),
}

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The programs.
    pub binaries: Binaries,
    /// Where the server lives.
    pub folder: Folder,
    /// Whether a crash of the machine may lose data: no fsync, for what is thrown away anyway.
    pub disposable: bool,
    /// Where a new cluster is kept, so that the next server in a temporary folder begins with a copy of it;
    /// `None`: initdb makes each.
    pub cache: Option<Cache>,
    /// More settings, name and value.
    pub settings: Vec<(String, String)>,
    /// What it is kept within, when SQL of others is to run in it; `None`: it is not.
    pub walls: Option<Walls>,
}

/// A running server. It ends with this value, or with this process.
#[derive(Debug)]
pub struct PrivateServer {
    binaries: Binaries,
    user: ServerUser,
    folder: PathBuf,
    data: PathBuf,
    socket: PathBuf,
    port: u16,
    server: Shared,
    confinement: Confinement,
    refused: Vec<String>,
    guard: Option<Guard>,
    watchdog: Child,
    /// Held for as long as we live; a free lock marks what a dead owner left.
    _lock: File,
    _socket_folder: Option<TempDir>,
    temporary: Option<TempDir>,
}

impl PrivateServer {
    /// Starts a server: a new one, or the one that a kept folder holds.
    pub async fn start(options: Options) -> Result<PrivateServer, Error> {
        // Minutes of other programs' work, now and then: not for the threads that serve connections.
        let spawned = tokio::task::spawn_blocking(move || PrivateServer::spawn(options));
        let mut started = match spawned.await {
            Ok(started) => started?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        started.wait_until_ready().await?;
        Ok(started)
    }

    fn spawn(options: Options) -> Result<PrivateServer, Error> {
        let user = ServerUser::choose()?;
        let (folder, temporary) = match &options.folder {
            Folder::Temporary(root) => {
                leftovers::sweep(root);
                let folder = tempfile::Builder::new()
                    .prefix(leftovers::PREFIX)
                    .tempdir_in(root)
                    .map_err(Error::file(root))?;
                let real = folder.path().canonicalize().map_err(Error::file(folder.path()))?;
                (real, Some(folder))
            }
            Folder::Kept(folder) => {
                fs::create_dir_all(folder).map_err(Error::file(folder))?;
                (folder.canonicalize().map_err(Error::file(folder))?, None)
            }
        };
        let data = folder.join("data");
        let is_new = !data.join("PG_VERSION").is_file();
        if is_new && temporary.is_none() {
            let mut entries = fs::read_dir(&folder).map_err(Error::file(&folder))?;
            if entries.next().is_some() {
                return Err(Error::NotOurs(folder));
            }
        }
        let lock = match temporary.is_some() {
            true => make_lock(&folder)?,
            false => take_lock(&folder)?,
        };
        user.give(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
            .map_err(Error::file(&folder))?;
        check_readable(&user, &options.binaries)?;
        match &options.cache {
            Some(cache) if temporary.is_some() => {
                cluster::copy(&user, &options.binaries, &data, cache)?;
            }
            _ if is_new => cluster::init(&user, &options.binaries, &data)?,
            _ => {}
        }
        let found = fs::read_to_string(data.join("PG_VERSION")).map_err(Error::file(&data))?;
        if found.trim() != options.binaries.major.to_string() {
            return Err(Error::OtherVersion {
                folder,
                found: found.trim().to_owned(),
                ours: options.binaries.major,
            });
        }
        let own = match options.walls {
            Some(_) => folder.join("socket"),
            None => folder.clone(),
        };
        let socket_folder = if own.as_os_str().len() > LONGEST_SOCKET_FOLDER {
            let short = tempfile::Builder::new()
                .prefix("birthgate-socket-")
                .tempdir()
                .map_err(Error::file("the temporary folder"))?;
            user.give(short.path())?;
            Some(short)
        } else {
            None
        };
        let socket = match &socket_folder {
            Some(short) => short.path().canonicalize().map_err(Error::file(short.path()))?,
            None => own,
        };
        let stage = folder.join("root");
        if options.walls.is_some() {
            for made in [&socket, &stage] {
                fs::create_dir_all(made).map_err(Error::file(made))?;
            }
            user.give(&socket)?;
        }
        write_settings(&user, &data, &socket, &options)?;

        let begun = match &options.walls {
            None => None,
            Some(walls) => {
                let place = Place { data: &data, socket: &socket, stage: &stage };
                let log = open_log(&folder)?;
                Some(walls::start(walls, &user, &options.binaries, &place, &log)?)
            }
        };
        let (server, confinement, refused) = match begun {
            Some(Ok((process, confinement, refused))) => {
                (Running::Confined(process), confinement, refused)
            }
            free => {
                let server = spawn(&user, &options.binaries, &folder, &data)?;
                let refused = free.and_then(Result::err).unwrap_or_default();
                (Running::Free(server), Confinement::None, refused)
            }
        };
        let named = server.is_confined().then(|| server.id().to_string());
        let server = Shared::new(server);
        let guard = match &options.walls {
            None => None,
            Some(walls) => {
                let guard = Guard::begin(server.clone(), folder.clone(), walls.bounds);
                Some(guard.map_err(Error::file("a thread"))?)
            }
        };
        let watchdog = environment::command("sh")
            .args(["-c", WATCHDOG, "birthgate-watchdog"])
            .arg(&data)
            .arg(temporary.as_ref().map_or(Path::new(""), |folder| folder.path()))
            .arg(named.unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Out of reach of the terminal's Ctrl-C.
            .process_group(0)
            .spawn()
            .map_err(Error::file("sh"))?;
        let named = options.settings.iter().find(|(name, _)| name == "port");
        let port = named.and_then(|(_, port)| port.parse().ok()).unwrap_or(5432);
        Ok(PrivateServer {
            binaries: options.binaries,
            user,
            folder,
            data,
            socket,
            port,
            server,
            confinement,
            refused,
            guard,
            watchdog,
            _lock: lock,
            _socket_folder: socket_folder,
            temporary,
        })
    }

    /// How to connect to one of its databases, as its superuser.
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(&self.socket).port(self.port).user("postgres").dbname(database);
        config
    }

    /// The folder of its socket: the `host` for any client.
    pub fn socket_folder(&self) -> &Path {
        &self.socket
    }

    /// How the kernel confines it.
    pub fn confinement(&self) -> Confinement {
        self.confinement
    }

    /// Why the kernel confines it no better, for each kind that was tried in vain.
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// Lets its folder grow from what it holds now.
    pub fn begin_disk_anew(&self) {
        if let Some(guard) = &self.guard {
            guard.begin_disk_anew();
        }
    }

    /// Waits until it has passed a bound, and is ended for that.
    pub fn passed(&self) -> impl Future<Output = Passed> + Send + use<> {
        let passed = self.guard.as_ref().map(Guard::passed);
        async move {
            if let Some(mut passed) = passed
                && let Ok(found) = passed.wait_for(Option::is_some).await
                && let Some(found) = *found
            {
                return found;
            }
            std::future::pending().await
        }
    }

    /// Its data folder.
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// Its log.
    pub fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Its programs.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Stops the server (fast shutdown) and starts it again.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.end(Signal::SIGINT).await;
        self.start_again().await
    }

    /// Ends the server at once, without a checkpoint, as a crash would, and starts it again.
    pub async fn crash(&mut self) -> Result<(), Error> {
        self.end(Signal::SIGQUIT).await;
        self.start_again().await
    }

    async fn start_again(&mut self) -> Result<(), Error> {
        if self.server.lock().is_confined() {
            return Err(Error::Confined);
        }
        let server = spawn(&self.user, &self.binaries, &self.folder, &self.data)?;
        *self.server.lock() = Running::Free(server);
        self.wait_until_ready().await
    }

    /// Stops the server; a temporary folder is removed.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.end(self.last_signal()).await;
        self.end_watchdog();
        match self.temporary.take() {
            Some(folder) => folder.close().map_err(Error::file(&self.folder)),
            None => Ok(()),
        }
    }

    /// What goes with its folder needs no checkpoint.
    fn last_signal(&self) -> Signal {
        if self.temporary.is_some() { Signal::SIGQUIT } else { Signal::SIGINT }
    }

    async fn wait_until_ready(&mut self) -> Result<(), Error> {
        let config = self.config("postgres");
        for _ in 0..LOOKS {
            if let Ok((client, connection)) = config.connect(NoTls).await {
                drop(client);
                // Its end is of no interest: it was only a knock.
                let _ = connection.await;
                return Ok(());
            }
            if self.server.lock().has_ended() {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(Error::NotStarted { log: tail(&self.log_file()) })
    }

    async fn end(&mut self, signal: Signal) {
        drop(self.guard.take());
        self.server.lock().end(signal);
        for _ in 0..LOOKS {
            if self.server.lock().has_ended() {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        let mut server = self.server.lock();
        server.kill();
        server.wait();
    }

    /// Ends the watchdog when there is nothing left to watch.
    fn end_watchdog(&mut self) {
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut server = self.server.lock();
        server.end(self.last_signal());
        server.wait();
        drop(server);
        self.end_watchdog();
    }
}

fn check_readable(user: &ServerUser, binaries: &Binaries) -> Result<(), Error> {
    let Some(name) = user.name() else { return Ok(()) };
    let ran = user.command(&binaries.program("postgres")).arg("--version").output();
    match ran {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(Error::NotReadable { programs: binaries.bin_dir.clone(), user: name.to_owned() }),
    }
}

/// The lock of a new folder: held before it has its name, so that nobody who sweeps ever finds it free.
fn make_lock(folder: &Path) -> Result<File, Error> {
    let (made, place) = (folder.join("owner.lock.new"), folder.join(leftovers::LOCK));
    let lock = File::create_new(&made).map_err(Error::file(&made))?;
    lock.lock().map_err(Error::file(&made))?;
    fs::rename(&made, &place).map_err(Error::file(&place))?;
    Ok(lock)
}

fn take_lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(leftovers::LOCK);
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Error::file(&path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(Error::File { path, source }),
    }
}

/// Everything that makes the server private, and what the caller wants, in a file of its own.
fn write_settings(
    user: &ServerUser,
    data: &Path,
    socket: &Path,
    options: &Options,
) -> Result<(), Error> {
    let mut settings = vec![
        ("listen_addresses".to_owned(), String::new()),
        ("unix_socket_directories".to_owned(), socket.display().to_string()),
        ("shared_buffers".to_owned(), "256MB".to_owned()),
        ("max_wal_size".to_owned(), "4GB".to_owned()),
        ("checkpoint_timeout".to_owned(), "30min".to_owned()),
        ("max_prepared_transactions".to_owned(), "20".to_owned()),
    ];
    if options.disposable {
        for name in ["fsync", "synchronous_commit", "full_page_writes"] {
            settings.push((name.to_owned(), "off".to_owned()));
        }
    }
    settings.extend(options.settings.iter().cloned());
    let text: String = settings
        .iter()
        .map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")))
        .collect();
    let path = data.join("birthgate.conf");
    fs::write(&path, text).map_err(Error::file(&path))?;
    user.give(&path)?;
    let main = data.join("postgresql.conf");
    let include = "include = 'birthgate.conf'\n";
    let present = fs::read_to_string(&main).map_err(Error::file(&main))?;
    if !present.contains(include) {
        OpenOptions::new()
            .append(true)
            .open(&main)
            .and_then(|mut file| file.write_all(include.as_bytes()))
            .map_err(Error::file(&main))?;
    }
    Ok(())
}

fn spawn(
    user: &ServerUser,
    binaries: &Binaries,
    folder: &Path,
    data: &Path,
) -> Result<Child, Error> {
    let output = open_log(folder)?;
    let errors = output.try_clone().map_err(Error::file("the server's log"))?;
    let program = binaries.program("postgres");
    user.command(&program)
        .arg("-D")
        .arg(data)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(Error::file(&program))
}

fn open_log(folder: &Path) -> Result<File, Error> {
    let log = folder.join("log");
    OpenOptions::new().create(true).append(true).open(&log).map_err(Error::file(&log))
}

fn tail(log: &Path) -> String {
    fs::read_to_string(log).map_or_else(|error| error.to_string(), |text| last_lines(&text))
}
