//! The tool files: small shell scripts named `dot-<domain>-<verb>`. Forty are in `dot_tools`,
//! sixteen are not.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use include_dir::{Dir, include_dir};

static TOOLS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/tools");

/// The names of the tool files, in order.
pub fn tool_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = TOOLS.files().filter_map(|file| file.path().to_str()).collect();
    names.sort_unstable();
    names
}

/// Writes the tool files into `dir`, which is made if it is missing, each with mode 755, and
/// returns how many they are. A file of the same name is overwritten.
///
/// # Errors
/// Whatever the file system says.
pub fn write_tools(dir: &Path) -> io::Result<usize> {
    fs::create_dir_all(dir)?;
    let mut written = 0;
    for file in TOOLS.files() {
        let path = dir.join(file.path());
        fs::write(&path, file.contents())?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        written += 1;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_domain_and_a_verb() {
        let names = tool_names();
        assert_eq!(names.len(), 56);
        for name in names {
            let parts: Vec<&str> = name.split('-').collect();
            assert_eq!(parts.len(), 3, "{name}");
            assert_eq!(parts[0], "dot", "{name}");
            assert!(!["dot-birth-admit", "dot-dot-register"].contains(&name), "{name}");
        }
    }

    #[test]
    fn files_are_written_executable() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let into = dir.path().join("tools");
        assert_eq!(write_tools(&into)?, 56);
        assert_eq!(write_tools(&into)?, 56, "a second time overwrites");
        for name in tool_names() {
            let mode = fs::metadata(into.join(name))?.permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{name}");
        }
        Ok(())
    }
}
