//! Between fork and exec. The process that forks has many threads, and any of them may hold a lock that nobody will let
//! go here: so there are system calls and nothing else, on what was made before.

use std::convert::Infallible;
use std::ffi::{CStr, CString, NulError};
use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use landlock::RulesetCreated;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc::{self, c_char};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::{set_no_new_privs, set_pdeathsig};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::stat::Mode;
use nix::unistd::{
    Gid, Pid, Uid, chdir, mkdir, pivot_root, setgroups, setresgid, setresuid, setsid, symlinkat,
    write,
};
use seccompiler::BpfProgram;

use super::process::last_signal;
use super::view::Act;
use crate::{Cell, Kind, Limits};

const ROOT: &CStr = c"/";
const HERE: &CStr = c".";

/// Everything that the child needs.
pub(super) struct Prepared {
    kind: Kind,
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    stage: CString,
    acts: Vec<Act>,
    ruleset: Option<RulesetCreated>,
    filters: Vec<BpfProgram>,
    user: Option<(Uid, Gid)>,
    /// What maps our user and group to themselves; `None`: we may do without a user namespace.
    maps: Option<[CString; 2]>,
    loopback: bool,
    limits: Limits,
    input: File,
    output: File,
}

/// The lists of strings as `execve` reads them. Good for as long as what they were made of is not changed.
pub(super) struct Pointers {
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
}

impl Prepared {
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        cell: Cell,
        kind: Kind,
        program: CString,
        stage: CString,
        acts: Vec<Act>,
        ruleset: Option<RulesetCreated>,
        filters: Vec<BpfProgram>,
        input: File,
        own_users: bool,
    ) -> Result<Prepared, NulError> {
        let mut arguments = vec![program.clone()];
        for argument in &cell.arguments {
            arguments.push(CString::new(argument.as_bytes())?);
        }
        let mut environment = Vec::new();
        for (name, value) in &cell.environment {
            let pair = [name.as_bytes(), b"=", value.as_bytes()].concat();
            environment.push(CString::new(pair)?);
        }
        let map = |id: u32| CString::new(format!("{id} {id} 1\n"));
        let maps = match own_users && kind == Kind::Namespaces {
            true => Some([map(Gid::effective().as_raw())?, map(Uid::effective().as_raw())?]),
            false => None,
        };
        Ok(Prepared {
            kind,
            program,
            arguments,
            environment,
            stage,
            acts,
            ruleset,
            filters,
            user: cell.user.map(|(uid, gid)| (Uid::from_raw(uid), Gid::from_raw(gid))),
            maps,
            loopback: cell.loopback,
            limits: cell.limits,
            input,
            output: cell.output,
        })
    }

    pub fn pointers(&self) -> Pointers {
        let list = |strings: &[CString]| {
            strings.iter().map(|one| one.as_ptr()).chain([std::ptr::null()]).collect()
        };
        Pointers { arguments: list(&self.arguments), environment: list(&self.environment) }
    }
}

/// Where it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Step {
    Fork,
    Unshare,
    MapUser,
    Stage,
    Show,
    Loopback,
    EnterRoot,
    Output,
    Limit,
    Capabilities,
    Become,
    EndWithUs,
    NoNewPrivileges,
    Rules,
    Filter,
    Run,
}

impl Step {
    const ALL: [Step; 16] = [
        Step::Fork,
        Step::Unshare,
        Step::MapUser,
        Step::Stage,
        Step::Show,
        Step::Loopback,
        Step::EnterRoot,
        Step::Output,
        Step::Limit,
        Step::Capabilities,
        Step::Become,
        Step::EndWithUs,
        Step::NoNewPrivileges,
        Step::Rules,
        Step::Filter,
        Step::Run,
    ];

    fn of(self, errno: Errno) -> Stopped {
        (self, errno)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Fork => "forking",
            Step::Unshare => "making namespaces",
            Step::MapUser => "mapping the user in a namespace",
            Step::Stage => "mounting a folder in memory",
            Step::Show => "mounting what it needs",
            Step::Loopback => "bringing the loopback interface up",
            Step::EnterRoot => "entering its root folder",
            Step::Output => "opening its output",
            Step::Limit => "limiting it",
            Step::Capabilities => "dropping capabilities",
            Step::Become => "changing the user",
            Step::EndWithUs => "binding its end to ours",
            Step::NoNewPrivileges => "forbidding new privileges",
            Step::Rules => "putting rules in force",
            Step::Filter => "filtering system calls",
            Step::Run => "running it",
        })
    }
}

type Stopped = (Step, Errno);

/// What the child says to the process that forked it.
pub(super) enum Message {
    /// The program has this number.
    Is(Pid),
    Failed(Step, Errno),
}

impl Message {
    pub const LENGTH: usize = 12;

    fn bytes(&self) -> [u8; Message::LENGTH] {
        let [tag, step, value] = match self {
            Message::Is(pid) => [0, 0, pid.as_raw()],
            Message::Failed(step, errno) => [1, *step as i32, *errno as i32],
        };
        let mut bytes = [0; Message::LENGTH];
        bytes[..4].copy_from_slice(&tag.to_ne_bytes());
        bytes[4..8].copy_from_slice(&step.to_ne_bytes());
        bytes[8..].copy_from_slice(&value.to_ne_bytes());
        bytes
    }

    pub fn read(bytes: [u8; Message::LENGTH]) -> Message {
        let word = |at: usize| {
            i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if word(0) == 0 {
            return Message::Is(Pid::from_raw(word(8)));
        }
        let step = usize::try_from(word(4)).ok().and_then(|at| Step::ALL.get(at).copied());
        Message::Failed(step.unwrap_or(Step::Fork), Errno::from_raw(word(8)))
    }
}

/// Becomes the program, or says why not and ends.
pub(super) fn run(prepared: &mut Prepared, pointers: &Pointers, messages: &OwnedFd) -> ! {
    let (step, errno) = match become_program(prepared, pointers, messages) {
        Err(stopped) => stopped,
        Ok(never) => match never {},
    };
    // The pipe holds it, and its reader waits.
    let _ = write(messages, &Message::Failed(step, errno).bytes());
    leave(127)
}

fn leave(code: i32) -> ! {
    // SAFETY: it ends this process at once, without anything that was to run at its end.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(code)
    }
}

fn become_program(
    prepared: &mut Prepared,
    pointers: &Pointers,
    messages: &OwnedFd,
) -> Result<Infallible, Stopped> {
    if prepared.kind == Kind::Namespaces {
        make_root(prepared)?;
        if let Some(pid) = first_of_its_namespace()? {
            let _ = write(messages, &Message::Is(pid).bytes());
            leave(0);
        }
    }
    shed(prepared, messages)?;
    execute(prepared, pointers)
}

/// New namespaces, and in them a root folder with what the program may see.
fn make_root(prepared: &Prepared) -> Result<(), Stopped> {
    let mut flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    flags.set(CloneFlags::CLONE_NEWUSER, prepared.maps.is_some());
    unshare(flags).map_err(|errno| Step::Unshare.of(errno))?;
    if let Some([group, user]) = &prepared.maps {
        write_file(c"/proc/self/setgroups", c"deny")
            .and_then(|()| write_file(c"/proc/self/gid_map", group))
            .and_then(|()| write_file(c"/proc/self/uid_map", user))
            .map_err(|errno| Step::MapUser.of(errno))?;
    }
    stage(&prepared.stage).map_err(|errno| Step::Stage.of(errno))?;
    for act in &prepared.acts {
        perform(act).map_err(|errno| Step::Show.of(errno))?;
    }
    if prepared.loopback {
        bring_loopback_up().map_err(|errno| Step::Loopback.of(errno))?;
    }
    enter(&prepared.stage).map_err(|errno| Step::EnterRoot.of(errno))
}

fn write_file(path: &CStr, text: &CStr) -> Result<(), Errno> {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(&file, text.to_bytes()).map(drop)
}

const NONE: Option<&CStr> = None;

/// An empty folder in memory, which nobody else sees.
fn stage(stage: &CStr) -> Result<(), Errno> {
    mount(NONE, ROOT, NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let options = c"mode=755,size=1m,nr_inodes=1000";
    mount(Some(c"tmpfs"), stage, Some(c"tmpfs"), flags, Some(options))
}

fn perform(act: &Act) -> Result<(), Errno> {
    let bind = |from: &CString, at: &CString| {
        mount(Some(from.as_c_str()), at.as_c_str(), NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)
    };
    let there = |made: Result<(), Errno>| match made {
        Err(Errno::EEXIST) => Ok(()),
        made => made,
    };
    match act {
        Act::Folder { at } => there(mkdir(at.as_c_str(), Mode::from_bits_truncate(0o755))),
        Act::File { at } => {
            let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
            open(at.as_c_str(), flags, Mode::from_bits_truncate(0o644)).map(drop)
        }
        Act::Link { to, at } => {
            there(symlinkat(to.as_c_str(), nix::fcntl::AT_FDCWD, at.as_c_str()))
        }
        Act::Read { from, at } => {
            bind(from, at)?;
            let plain = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
            restrict(at, plain | libc::MOUNT_ATTR_RDONLY, true)
        }
        Act::Write { from, at } => {
            bind(from, at)?;
            // What it writes is no program.
            let plain = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
            restrict(at, plain | libc::MOUNT_ATTR_NOEXEC, true)
        }
        Act::Device { from, at } => {
            bind(from, at)?;
            restrict(at, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC, false)
        }
        Act::Memory { at, options } => {
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
            mount(Some(c"tmpfs"), at.as_c_str(), Some(c"tmpfs"), flags, Some(options.as_c_str()))
        }
    }
}

/// Adds flags to a mount, and to those below it if they are meant as well.
fn restrict(at: &CStr, flags: u64, with_those_below: bool) -> Result<(), Errno> {
    let how = if with_those_below { libc::AT_RECURSIVE } else { 0 };
    let set = libc::mount_attr { attr_set: flags, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: path and structure outlive the call, which reads as many bytes as it is told.
    #[allow(unsafe_code)]
    let said = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            at.as_ptr(),
            how,
            std::ptr::from_ref(&set),
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(said).map(drop)
}

fn bring_loopback_up() -> Result<(), Errno> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: zeros are a request without a name; the union is written before the kernel reads it.
    #[allow(unsafe_code)]
    let said = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as c_char;
        request.ifr_name[1] = b'o' as c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, std::ptr::from_ref(&request))
    };
    Errno::result(said).map(drop)
}

/// Makes the stage the root folder, and lets go of the old one.
fn enter(stage: &CStr) -> Result<(), Errno> {
    chdir(stage)?;
    pivot_root(HERE, HERE)?;
    umount2(HERE, MntFlags::MNT_DETACH)?;
    chdir(ROOT)?;
    restrict(ROOT, libc::MOUNT_ATTR_RDONLY, false)
}

/// Forks the first process of the new namespace as a sibling, so that who forked us is told of its end; answers its
/// number, and to itself nothing.
fn first_of_its_namespace() -> Result<Option<Pid>, Stopped> {
    // SAFETY: as with fork, and there is but one thread. With no stack of its own it goes on with a copy of this one.
    #[allow(unsafe_code)]
    let said = unsafe {
        libc::syscall(
            libc::SYS_clone,
            libc::CLONE_PARENT | libc::SIGCHLD,
            0usize,
            0usize,
            0usize,
            0usize,
        )
    };
    let pid = Errno::result(said).map_err(|errno| Step::Fork.of(errno))?;
    Ok(i32::try_from(pid).ok().filter(|pid| *pid != 0).map(Pid::from_raw))
}

/// Lets go of everything that it is not to have.
fn shed(prepared: &mut Prepared, messages: &OwnedFd) -> Result<(), Stopped> {
    // No terminal; it fails for who leads a group, which a new process does not.
    let _ = setsid();
    put_output(prepared).map_err(|errno| Step::Output.of(errno))?;
    limit(prepared).map_err(|errno| Step::Limit.of(errno))?;
    drop_bounding_set();
    if let Some((uid, gid)) = prepared.user {
        setgroups(&[gid])
            .and_then(|()| setresgid(gid, gid, gid))
            .and_then(|()| setresuid(uid, uid, uid))
            .map_err(|errno| Step::Become.of(errno))?;
    }
    drop_capabilities().map_err(|errno| Step::Capabilities.of(errno))?;
    end_with_us(prepared.kind, messages).map_err(|errno| Step::EndWithUs.of(errno))?;
    set_no_new_privs().map_err(|errno| Step::NoNewPrivileges.of(errno))?;
    if let Some(rules) = prepared.ruleset.take() {
        rules.restrict_self().map_err(|_| Step::Rules.of(Errno::last()))?;
    }
    for filter in &prepared.filters {
        seccompiler::apply_filter(filter).map_err(|_| Step::Filter.of(Errno::last()))?;
    }
    Ok(())
}

fn limit(prepared: &Prepared) -> Result<(), Errno> {
    let Limits { file, memory, processes, .. } = prepared.limits;
    at_most(Resource::RLIMIT_FSIZE, file)?;
    at_most(Resource::RLIMIT_DATA, memory)?;
    at_most(Resource::RLIMIT_CORE, 0)?;
    if prepared.maps.is_some() {
        at_most(Resource::RLIMIT_NPROC, processes)?;
    }
    Ok(())
}

/// What is limited to less stays so.
fn at_most(resource: Resource, most: u64) -> Result<(), Errno> {
    let (_, hard) = getrlimit(resource)?;
    let most = most.min(hard);
    setrlimit(resource, most, most)
}

/// The kernel ends it when the thread ends that forked it. Changing the user would undo this, so it comes after.
fn end_with_us(kind: Kind, messages: &OwnedFd) -> Result<(), Errno> {
    set_pdeathsig(last_signal(kind))?;
    // It may have ended before: then nobody reads what we say.
    let mut reader = [PollFd::new(messages.as_fd(), PollFlags::empty())];
    poll(&mut reader, PollTimeout::ZERO)?;
    match reader[0].revents() {
        Some(gone) if gone.contains(PollFlags::POLLERR) => leave(127),
        _ => Ok(()),
    }
}

/// Its input, output and errors; no other file stays open when the program begins.
fn put_output(prepared: &Prepared) -> Result<(), Errno> {
    nix::unistd::dup2_stdin(prepared.input.as_fd())?;
    nix::unistd::dup2_stdout(prepared.output.as_fd())?;
    nix::unistd::dup2_stderr(prepared.output.as_fd())?;
    // SAFETY: it marks files, which are closed by exec alone.
    #[allow(unsafe_code)]
    let said =
        unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    Errno::result(said).map(drop)
}

/// So that no program whose file bears capabilities gets them. What is not ours to drop stays.
fn drop_bounding_set() {
    for capability in 0..64u64 {
        // SAFETY: it takes a number and changes nothing but this process.
        #[allow(unsafe_code)]
        let said = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        if said != 0 {
            break;
        }
    }
}

fn drop_capabilities() -> Result<(), Errno> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    // _LINUX_CAPABILITY_VERSION_3, of this process; two words each of effective, permitted and inheritable.
    let header = Header { version: 0x2008_0522, pid: 0 };
    let none = [0u32; 6];
    // SAFETY: both outlive the call, and have the size that this version reads.
    #[allow(unsafe_code)]
    let said = unsafe {
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        libc::syscall(libc::SYS_capset, std::ptr::from_ref(&header), none.as_ptr())
    };
    Errno::result(said).map(drop)
}

fn execute(prepared: &Prepared, pointers: &Pointers) -> Result<Infallible, Stopped> {
    SigSet::empty().thread_set_mask().map_err(|errno| Step::Run.of(errno))?;
    // SAFETY: Rust ignores this signal; the lists end with nothing, and what they point to is alive.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::execve(
            prepared.program.as_ptr(),
            pointers.arguments.as_ptr(),
            pointers.environment.as_ptr(),
        );
    }
    Err(Step::Run.of(Errno::last()))
}
