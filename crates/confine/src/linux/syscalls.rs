//! The filter of system calls: those that a database server has no use for, and that reach out of a sandbox or deep
//! into the kernel, fail with EPERM.

use std::collections::BTreeMap;

use nix::libc::{self, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use crate::Kind;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refused whatever their arguments are.
const NEVER: &[c_long] = &[
    libc::SYS_execveat,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    // What it sees.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // Ways around a filter, and large parts of the kernel.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_vhangup,
];

/// Refused where nothing but rules keeps it from what others have.
const NEVER_BY_RULES: &[c_long] = &[
    // Landlock asks nothing about sockets that have a path.
    libc::SYS_connect,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
];

/// New namespaces bring rights of their own with them.
const NAMESPACES: [i32; 8] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWTIME,
];

/// The filters, to be put in force one after the other. The one program that may still be run is that whose path is at
/// this address, which means nothing once it runs.
pub(super) fn filters(
    kind: Kind,
    program: u64,
    loopback: bool,
) -> Result<Vec<BpfProgram>, seccompiler::Error> {
    let mut rules: Rules = NEVER.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_execve, vec![when(&[is_not(0, program)?])?]);
    let mut families = vec![libc::AF_UNIX];
    if loopback {
        families.extend([libc::AF_INET, libc::AF_INET6]);
    }
    let others: Result<Vec<_>, _> =
        families.iter().map(|family| is_not(0, family.unsigned_abs().into())).collect();
    let others = when(&others?)?;
    rules.insert(libc::SYS_socket, vec![others.clone()]);
    rules.insert(libc::SYS_socketpair, vec![others]);
    let clones: Result<Vec<_>, seccompiler::Error> = NAMESPACES
        .iter()
        .map(|flag| {
            let flag = u64::from(flag.unsigned_abs());
            when(&[condition(0, SeccompCmpOp::MaskedEq(flag), flag)?])
        })
        .collect();
    rules.insert(libc::SYS_clone, clones?);
    if kind == Kind::Landlock {
        rules.extend(NEVER_BY_RULES.iter().map(|call| (*call, Vec::new())));
        // With an address it needs no connection.
        rules.insert(libc::SYS_sendto, vec![when(&[is_not(4, 0)?])?]);
    }
    let architecture =
        TargetArch::try_from(std::env::consts::ARCH).map_err(seccompiler::Error::Backend)?;
    let compile = |rules: Rules, errno: i32| {
        let refused = SeccompAction::Errno(errno.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)?;
        BpfProgram::try_from(filter)
    };
    // Its flags are in memory, where no filter can look. Who is told that there is no such call uses `clone`.
    let unknown: Rules = [(libc::SYS_clone3, Vec::new())].into();
    let mut filters = vec![compile(rules, libc::EPERM)?, compile(unknown, libc::ENOSYS)?];
    if cfg!(target_arch = "x86_64") {
        filters.push(no_other_numbers());
    }
    Ok(filters)
}

/// On x86-64 the same calls have other numbers for programs with short pointers, from this one on.
fn no_other_numbers() -> BpfProgram {
    const FIRST: u32 = 0x4000_0000;
    const REFUSE: u32 = 0x0005_0000 | libc::EPERM.unsigned_abs();
    const ALLOW: u32 = 0x7fff_0000;
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    // Load the number; if it is not less, go on, else skip one; answer.
    vec![
        instruction(0x20, 0, 0, 0),
        instruction(0x35, 0, 1, FIRST),
        instruction(0x06, 0, 0, REFUSE),
        instruction(0x06, 0, 0, ALLOW),
    ]
}

/// All of these.
fn when(conditions: &[SeccompCondition]) -> Result<SeccompRule, seccompiler::Error> {
    SeccompRule::new(conditions.to_vec()).map_err(seccompiler::Error::Backend)
}

fn is_not(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::Error> {
    condition(argument, SeccompCmpOp::Ne, value)
}

fn condition(
    argument: u8,
    how: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::Error> {
    // Families and flags are words of 32 bits, of which the kernel looks at no more.
    let length = match u32::try_from(value) {
        Ok(word) if word != 0 => SeccompCmpArgLen::Dword,
        _ => SeccompCmpArgLen::Qword,
    };
    SeccompCondition::new(argument, length, how, value).map_err(seccompiler::Error::Backend)
}
