//! Where the programs of PostgreSQL are looked for.

use std::path::PathBuf;

use birthgate::private_server::Search;

/// A search for a version, or for any, in this folder, or wherever this environment points.
pub fn search(major: Option<u32>, bin_dir: Option<PathBuf>) -> Search {
    Search {
        major,
        bin_dir,
        cache: cache_folder(),
        path: std::env::var_os("PATH")
            .map(|path| std::env::split_paths(&path).collect())
            .unwrap_or_default(),
    }
}

/// The cache of fetched programs: where this system keeps such things. For root a place that the
/// server's unprivileged user can read.
fn cache_folder() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    if nix::unistd::Uid::effective().is_root() {
        return "/var/cache/birthgate".into();
    }
    variable("XDG_CACHE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("birthgate")
}
