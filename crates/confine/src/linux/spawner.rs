//! The thread that starts confined programs. The kernel ends them when this thread ends, which is when the process
//! does.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::SigSet;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, Uid, pipe2, read};

use super::child::{self, Message, Prepared, Step};
use super::process::Process;
use super::rules;
use super::syscalls;
use super::view::{self, Readable, c_path};
use crate::{Cell, Error, Kind};

struct Job {
    prepared: Prepared,
    answer: Sender<Result<Pid, (Step, Errno)>>,
}

static SPAWNER: OnceLock<Option<Sender<Job>>> = OnceLock::new();

/// Starts a program, confined in this way. It has begun to run when this returns.
pub fn start(cell: Cell, kind: Kind) -> Result<Process, Error> {
    let program = cell.program.clone();
    let prepared = prepare(cell, kind)?;
    let refused = |problem: String| Error::Refused { kind, problem };
    let spawner = SPAWNER
        .get_or_init(spawner)
        .as_ref()
        .ok_or_else(|| refused("no thread could be started".to_owned()))?;
    let (answer, answered) = channel();
    let gone = "the thread that starts programs has ended";
    spawner.send(Job { prepared, answer }).map_err(|_| refused(gone.to_owned()))?;
    match answered.recv().map_err(|_| refused(gone.to_owned()))? {
        Ok(pid) => Ok(Process::new(pid, kind)),
        Err((Step::Run, errno)) => Err(Error::NotRun { program, source: errno.into() }),
        Err((step, errno)) => Err(refused(format!("{step}: {}", errno.desc()))),
    }
}

fn spawner() -> Option<Sender<Job>> {
    let (jobs, job) = channel::<Job>();
    let run = move || {
        // No handler of this process is to run between fork and exec.
        let _ = SigSet::all().thread_block();
        for Job { prepared, answer } in job {
            // Who asked may have gone.
            let _ = answer.send(fork(prepared));
        }
    };
    thread::Builder::new().name("birthgate-confine".to_owned()).spawn(run).ok().map(|_| jobs)
}

/// Everything that takes memory is done here, before the fork.
fn prepare(cell: Cell, kind: Kind) -> Result<Prepared, Error> {
    let refused = |problem: String| Error::Refused { kind, problem };
    let program = cell
        .program
        .canonicalize()
        .map_err(|source| Error::NotRun { program: cell.program.clone(), source })?;
    let cell = Cell { program, ..cell };
    let readable = Readable::of(&cell);
    let nul = |error: std::ffi::NulError| refused(error.to_string());
    let acts = match kind {
        Kind::Namespaces => view::acts(&cell, &readable).map_err(nul)?,
        Kind::Landlock => Vec::new(),
    };
    let ruleset = match kind {
        Kind::Namespaces => None,
        Kind::Landlock if cell.loopback => {
            return Err(refused("it leaves no loopback interface".to_owned()));
        }
        Kind::Landlock => {
            Some(rules::ruleset(&cell, &readable).map_err(|error| refused(error.to_string()))?)
        }
    };
    let program = c_path(&cell.program).map_err(nul)?;
    let address = program.as_ptr() as u64;
    let filters = syscalls::filters(kind, address, cell.loopback)
        .map_err(|error| refused(error.to_string()))?;
    let stage = c_path(&cell.stage).map_err(nul)?;
    let input = File::open("/dev/null").map_err(|error: io::Error| refused(error.to_string()))?;
    let root = Uid::effective().is_root();
    Prepared::new(cell, kind, program, stage, acts, ruleset, filters, input, !root).map_err(nul)
}

fn fork(mut prepared: Prepared) -> Result<Pid, (Step, Errno)> {
    let (messages, to_us) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| (Step::Fork, errno))?;
    let pointers = prepared.pointers();
    // SAFETY: the child calls nothing but what may be called between fork and exec, and does not return.
    #[allow(unsafe_code)]
    let forked = unsafe { nix::unistd::fork() };
    match forked {
        Ok(ForkResult::Child) => child::run(&mut prepared, &pointers, &to_us),
        Ok(ForkResult::Parent { child }) => {
            drop(to_us);
            listen(&messages, child)
        }
        Err(errno) => Err((Step::Fork, errno)),
    }
}

/// Reads what the child says until the program runs, or something is refused.
fn listen(messages: &OwnedFd, child: Pid) -> Result<Pid, (Step, Errno)> {
    let mut runs = None;
    let mut failed = None;
    loop {
        let mut message = [0; Message::LENGTH];
        match read(messages, &mut message) {
            Ok(Message::LENGTH) => match Message::read(message) {
                Message::Is(pid) => runs = Some(pid),
                Message::Failed(step, errno) => failed = Some((step, errno)),
            },
            Err(Errno::EINTR) => {}
            // The other end is closed.
            _ => break,
        }
    }
    let program = runs.unwrap_or(child);
    if program != child {
        // It has made the program our child, and has ended.
        let _ = waitpid(child, None);
    }
    match failed {
        None => Ok(program),
        Some(failed) => {
            let _ = waitpid(program, None);
            Err(failed)
        }
    }
}
