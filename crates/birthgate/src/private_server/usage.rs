//! What a server uses of the machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the processes of a server use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub processes: u32,
    /// Bytes of memory of their own, and the most that one of them shares.
    pub memory: u64,
}

/// What a process uses together with all that descend from it; nothing where the system has no `/proc`.
pub(super) fn of_processes(first: i32) -> Usage {
    let parents = parents();
    let mut usage = Usage::default();
    let mut shared = 0;
    for pid in parents.keys().filter(|pid| descends(**pid, first, &parents)) {
        usage.processes += 1;
        let Some(memory) = Memory::of(*pid) else { continue };
        usage.memory += memory.own;
        shared = shared.max(memory.shared);
    }
    usage.memory += shared;
    usage
}

/// The parent of each process.
fn parents() -> BTreeMap<i32, i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // Its name may hold anything, the last parenthesis ends it.
            let after_name = stat.rsplit_once(')')?.1;
            Some((pid, after_name.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect()
}

fn descends(pid: i32, first: i32, parents: &BTreeMap<i32, i32>) -> bool {
    let ways = std::iter::successors(Some(pid), |pid| parents.get(pid).copied());
    // Numbers that were used again could make a ring.
    ways.take(parents.len() + 1).any(|pid| pid == first)
}

struct Memory {
    own: u64,
    shared: u64,
}

impl Memory {
    fn of(pid: i32) -> Option<Memory> {
        // In pages: all, those in memory, and those of them that are shared.
        let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let mut words = text.split_whitespace().skip(1).map(|word| word.parse().ok());
        let (present, shared): (u64, u64) = (words.next()??, words.next()??);
        let page = page_size();
        Some(Memory { own: present.saturating_sub(shared) * page, shared: shared * page })
    }
}

fn page_size() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(4096)
}

/// The bytes that files below a folder take on the disk; of those that are there while it looks.
pub(super) fn of_folder(folder: &Path) -> u64 {
    /// What the entry of a file takes, be it empty.
    const ENTRY: u64 = 512;
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?, entry.path())))
        .map(|(found, path)| {
            let below = if found.is_dir() { of_folder(&path) } else { found.blocks() * 512 };
            below + ENTRY
        })
        .sum()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::process::{Command, Stdio};

    use super::{Usage, descends, of_folder, of_processes};

    #[test]
    fn what_descends_is_counted_and_nothing_else() {
        let mut shell = Command::new("sh")
            .args(["-c", "cat & cat; wait"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let pid = i32::try_from(shell.id()).unwrap();
        let all = loop {
            let usage = of_processes(pid);
            if usage.processes >= 2 {
                break usage;
            }
        };
        assert!(all.memory > 0, "{all:?}");
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert_eq!(of_processes(pid), Usage::default());
        let parents = BTreeMap::from([(1, 0), (2, 1), (3, 2), (4, 5), (5, 4)]);
        assert!(descends(3, 1, &parents) && descends(1, 1, &parents));
        assert!(!descends(1, 3, &parents) && !descends(4, 1, &parents));
    }

    #[test]
    fn holes_count_for_nothing_and_empty_files_for_something() {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("hole")).unwrap();
        file.set_len(1 << 30).unwrap();
        let size = of_folder(folder.path());
        assert!((1..1 << 20).contains(&size), "{size}");
        std::fs::create_dir(folder.path().join("below")).unwrap();
        std::fs::write(folder.path().join("below/full"), vec![1; 1 << 20]).unwrap();
        assert!(of_folder(folder.path()) > 1 << 20);
    }
}
