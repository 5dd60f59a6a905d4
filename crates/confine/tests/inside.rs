//! What a confined program can do, tried by a program in machine code: this test itself, run again.

#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, unsafe_code)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use birthgate_confine::{Cell, Kind, Limits, start};
use nix::libc;
use nix::unistd::Uid;

/// What is outside, and wanted.
const NAMES: [&str; 6] = ["SECRET", "CANARY", "PORT", "SOCKET", "OTHER", "OWN"];

/// What it needs to be of use: without these, nothing is told by the rest.
const NEEDED: [&str; 8] = [
    "fork",
    "write a file of its own",
    "listen on a socket of its own",
    "write to /dev/null",
    "read /dev/urandom",
    "read a library",
    "start a thread",
    "make a pair of sockets",
];

/// Run by [`confined`] alone: prints how each attempt went.
#[test]
#[ignore = "it is what the confined program runs"]
fn attempts() {
    let mut said = String::new();
    // As PostgreSQL does, to be told of a file's limit.
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    for (name, outcome) in attempt_all() {
        let outcome = outcome.map_or_else(|error| error.to_string(), |()| "done".to_owned());
        said.push_str(&format!("\n@{name}={outcome}"));
    }
    println!("{said}");
}

fn attempt_all() -> Vec<(&'static str, io::Result<()>)> {
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    let [secret, canary, port, socket, other, own] = NAMES.map(of);
    let own = PathBuf::from(own);
    let other: i32 = other.parse().unwrap();
    let call = |said: i64| if said < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    let raw = |number: libc::c_long, arguments: [usize; 5]| {
        let [a, b, c, d, e] = arguments;
        // SAFETY: nothing is passed but numbers and null.
        call(unsafe { libc::syscall(number, a, b, c, d, e) })
    };
    let socket_of =
        |family: i32, kind: i32| raw(libc::SYS_socket, [family as usize, kind as usize, 0, 0, 0]);
    // The tests themselves, listed and not run.
    let run = |program: &Path| Command::new(program).arg("--list").output().map(drop);
    let copied = own.join("program");
    let copy = fs::copy("/proc/self/exe", &copied)
        .or_else(|_| fs::copy(std::env::args().next().unwrap_or_default(), &copied));
    let _ = copy.and_then(|_| fs::set_permissions(&copied, fs::Permissions::from_mode(0o755)));
    let abstract_name = SocketAddr::from_abstract_name(&socket).unwrap();
    let datagram =
        || UnixDatagram::unbound()?.send_to(b"x", format!("{socket}.datagram")).map(drop);
    vec![
        ("fork", raw_fork(0)),
        ("start a thread", std::thread::Builder::new().spawn(|| ()).map(|one| drop(one.join()))),
        ("write a file of its own", fs::write(own.join("file"), "x")),
        ("listen on a socket of its own", UnixListener::bind(own.join("s")).map(drop)),
        ("write to /dev/null", fs::write("/dev/null", "x")),
        ("read /dev/urandom", File::open("/dev/urandom").map(drop)),
        ("read a library", fs::read_dir("/usr/lib").map(drop)),
        ("make a pair of sockets", UnixStream::pair().map(drop)),
        ("read a secret", fs::read(&secret).map(drop)),
        ("write a canary", fs::write(&canary, "x")),
        ("read passwords", fs::read("/etc/passwd").map(drop)),
        ("list users", fs::read_dir("/home").map(drop)),
        ("see processes", fs::read(format!("/proc/{other}/environ")).map(drop)),
        ("see its host's commands", fs::read("/proc/version").map(drop)),
        ("read the kernel's tables", fs::read_dir("/sys/kernel").map(drop)),
        ("write to a library's folder", fs::write("/usr/lib/birthgate-canary", "x")),
        ("connect", TcpStream::connect(("127.0.0.1", port.parse().unwrap())).map(drop)),
        (
            "send",
            UdpSocket::bind("127.0.0.1:0")
                .and_then(|one| one.send_to(b"x", format!("127.0.0.1:{port}")))
                .map(drop),
        ),
        ("connect to a path", UnixStream::connect(&socket).map(drop)),
        ("send to a path", datagram()),
        ("connect to an abstract name", UnixStream::connect_addr(&abstract_name).map(drop)),
        ("signal", raw(libc::SYS_kill, [other as usize, 0, 0, 0, 0])),
        ("signal a thread", raw(libc::SYS_tgkill, [other as usize, other as usize, 0, 0, 0])),
        ("trace", raw(libc::SYS_ptrace, [libc::PTRACE_ATTACH as usize, other as usize, 0, 0, 0])),
        ("read memory", raw(libc::SYS_process_vm_readv, [other as usize, 0, 0, 0, 0])),
        ("run a shell", run(Path::new("/bin/sh"))),
        ("run itself", run(Path::new(&std::env::args().next().unwrap_or_default()))),
        ("run what it wrote", run(&copied)),
        ("make a namespace", raw(libc::SYS_unshare, [libc::CLONE_NEWUSER as usize, 0, 0, 0, 0])),
        ("clone into a namespace", raw_fork(libc::CLONE_NEWUSER)),
        ("clone3", raw(libc::SYS_clone3, [0, 0, 0, 0, 0])),
        ("mount", raw(libc::SYS_mount, [0, 0, 0, 0, 0])),
        ("chroot", raw(libc::SYS_chroot, [c"/".as_ptr() as usize, 0, 0, 0, 0])),
        ("io_uring", raw(libc::SYS_io_uring_setup, [1, 0, 0, 0, 0])),
        ("bpf", raw(libc::SYS_bpf, [0, 0, 0, 0, 0])),
        ("keys", raw(libc::SYS_keyctl, [0, 0, 0, 0, 0])),
        ("perf", raw(libc::SYS_perf_event_open, [0, 0, 0, 0, 0])),
        ("internet", socket_of(libc::AF_INET, libc::SOCK_STREAM)),
        ("netlink", socket_of(libc::AF_NETLINK, libc::SOCK_RAW)),
        ("vsock", socket_of(libc::AF_VSOCK, libc::SOCK_STREAM)),
        ("packets", socket_of(libc::AF_PACKET, libc::SOCK_RAW)),
        ("become root", raw(libc::SYS_setuid, [0, 0, 0, 0, 0])),
        (
            "shared memory of others",
            raw(libc::SYS_shmget, [usize::try_from(key(&socket)).unwrap(), 1, 0, 0, 0]),
        ),
        (
            "too large a file",
            File::create(own.join("large")).and_then(|mut file| {
                file.set_len(1 << 27)?;
                file.write_all(b"x")
            }),
        ),
    ]
}

/// A key of shared memory that is another for each test.
fn key(socket: &str) -> i32 {
    let sum = socket.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    (sum & 0x3fff_ffff | 1).cast_signed()
}

fn raw_fork(flags: i32) -> io::Result<()> {
    // SAFETY: the child ends at once.
    match unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        0 => unsafe { libc::_exit(0) },
        pid => nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid as i32), None)
            .map(drop)
            .map_err(io::Error::from),
    }
}

/// A place with everything that is to be kept from the program.
struct Outside {
    folder: tempfile::TempDir,
    program: PathBuf,
    port: TcpListener,
    _listeners: (UnixListener, UnixDatagram, UnixListener),
    other: std::process::Child,
}

impl Outside {
    fn make() -> Outside {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        open(path);
        for name in ["own", "stage"] {
            fs::create_dir(path.join(name)).unwrap();
            open(&path.join(name));
        }
        fs::write(path.join("secret"), "x").unwrap();
        fs::create_dir(path.join("program")).unwrap();
        let program = path.join("program/attempts");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let socket = path.join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let datagram = UnixDatagram::bind(path.join("socket.datagram")).unwrap();
        for name in ["socket", "socket.datagram", "secret"] {
            open(&path.join(name));
        }
        let name = SocketAddr::from_abstract_name(socket.to_str().unwrap()).unwrap();
        let mut other = Command::new("sleep");
        other.arg("600").stdin(Stdio::null());
        if let Some((uid, gid)) = user() {
            other.uid(uid).gid(gid);
        }
        // SAFETY: it takes numbers.
        let shared =
            unsafe { libc::shmget(key(socket.to_str().unwrap()), 4096, libc::IPC_CREAT | 0o666) };
        assert!(shared >= 0);
        Outside {
            program,
            port: TcpListener::bind("127.0.0.1:0").unwrap(),
            _listeners: (listener, datagram, UnixListener::bind_addr(&name).unwrap()),
            other: other.spawn().unwrap(),
            folder,
        }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let values = [
            path("secret"),
            path("canary"),
            self.port.local_addr().unwrap().port().to_string(),
            path("socket"),
            self.other.id().to_string(),
            path("own"),
        ];
        NAMES.into_iter().zip(values).collect()
    }

    /// How the attempts of the confined program went.
    fn confined(&self, kind: Kind, loopback: bool) -> BTreeMap<String, String> {
        let path = self.folder.path();
        let log = File::create(path.join("log")).unwrap();
        let cell = Cell {
            program: self.program.clone(),
            arguments: arguments("attempts").map(Into::into).to_vec(),
            environment: self
                .environment()
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            user: user(),
            readable: Vec::new(),
            writable: vec![path.join("own")],
            stage: path.join("stage"),
            loopback,
            limits: Limits { file: 1 << 26, memory: 1 << 30, shared: 1 << 20, processes: 4000 },
            output: log,
        };
        let mut process = start(cell, kind).unwrap_or_else(|error| panic!("{error}"));
        process.wait();
        let said = fs::read_to_string(path.join("log")).unwrap();
        read(&said)
    }

    /// And those of one that is not.
    fn free(&self) -> BTreeMap<String, String> {
        let mut command = Command::new(&self.program);
        command.args(arguments("attempts")).envs(self.environment());
        if let Some((uid, gid)) = user() {
            command.uid(uid).gid(gid);
        }
        read(&String::from_utf8_lossy(&command.output().unwrap().stdout))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.other.kill();
        let _ = self.other.wait();
        let socket = self.folder.path().join("socket");
        // SAFETY: they take numbers.
        unsafe {
            let shared = libc::shmget(key(socket.to_str().unwrap()), 0, 0);
            libc::shmctl(shared, libc::IPC_RMID, std::ptr::null_mut());
        }
    }
}

fn arguments(test: &str) -> [&str; 5] {
    ["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]
}

fn open(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
}

/// Whom root makes it run as.
fn user() -> Option<(u32, u32)> {
    Uid::effective().is_root().then_some((65534, 65534))
}

fn read(said: &str) -> BTreeMap<String, String> {
    let pairs = said.lines().filter_map(|line| line.strip_prefix('@')?.split_once('='));
    let read: BTreeMap<_, _> = pairs.map(|(name, how)| (name.to_owned(), how.to_owned())).collect();
    assert!(read.len() > 30, "{said}");
    read
}

fn done(read: &BTreeMap<String, String>) -> Vec<&str> {
    read.iter().filter(|(_, how)| *how == "done").map(|(name, _)| name.as_str()).collect()
}

fn keeps(kind: Kind, spared: &[&str]) {
    let outside = Outside::make();
    let free = outside.free();
    // These are refused to everybody, or need no refusal to come to nothing.
    let never = [
        "become root",
        "bpf",
        "chroot",
        "clone3",
        "io_uring",
        "keys",
        "mount",
        "netlink",
        "packets",
        "perf",
        "read memory",
        "write to a library's folder",
        "vsock",
        "too large a file",
        "trace",
        "make a namespace",
        "clone into a namespace",
    ];
    let fs_canary = outside.folder.path().join("canary");
    for (name, how) in &free {
        assert!(how == "done" || never.contains(&name.as_str()), "{name}: {how}");
    }
    fs::remove_file(&fs_canary).unwrap();
    let _ = fs::remove_dir_all(outside.folder.path().join("own"));
    fs::create_dir(outside.folder.path().join("own")).unwrap();
    open(&outside.folder.path().join("own"));

    let confined = outside.confined(kind, false);
    let mut expected: Vec<&str> = NEEDED.iter().chain(spared).copied().collect();
    expected.sort_unstable();
    let mut done = done(&confined);
    // It may have written one to a folder of the same name in memory of its own.
    done.retain(|name| *name != "write a canary");
    assert_eq!(done, expected, "{confined:#?}");
    assert!(!fs_canary.exists());
    for name in ["io_uring", "mount", "keys", "perf", "bpf", "netlink", "vsock", "run a shell"] {
        let denied = ["Operation not permitted (os error 1)"];
        assert!(denied.contains(&confined[name].as_str()), "{name}: {}", confined[name]);
    }
}

#[test]
fn namespaces_keep_it() {
    keeps(Kind::Namespaces, &[]);
}

/// What is the system's for everybody to read is known; shared memory of the same user's is not kept from it.
#[test]
fn rules_keep_it() {
    keeps(Kind::Landlock, &["shared memory of others"]);
}

#[test]
fn the_loopback_interface_is_its_own() {
    let outside = Outside::make();
    let said = outside.confined(Kind::Namespaces, true);
    assert_eq!(said["internet"], "done");
    assert_eq!(said["send"], "done");
    assert!(said["connect"].contains("refused"), "{}", said["connect"]);
}

/// The same, for who is not root.
#[test]
fn somebody_else_than_root_has_it_as_well() {
    if !Uid::effective().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    open(folder.path());
    let program = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for test in ["namespaces_keep_it", "rules_keep_it", "the_loopback_interface_is_its_own"] {
        let output = Command::new(&program)
            .args(["--exact", test])
            .env("TMPDIR", folder.path())
            .uid(65534)
            .gid(65534)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}
