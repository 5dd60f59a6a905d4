//! The rules of Landlock.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use super::view::{DEVICES, Readable};
use crate::Cell;

/// The first that keeps signals and abstract sockets inside.
const NEEDED: ABI = ABI::V6;

/// Whatever is not allowed here is refused: files, ports, and signals to processes outside.
pub(super) fn ruleset(cell: &Cell, readable: &Readable) -> Result<RulesetCreated, RulesetError> {
    let all = AccessFs::from_all(NEEDED);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(NEEDED))?
        .scope(Scope::from_all(NEEDED))?
        .create()?;
    for path in &readable.paths {
        rules = allow(rules, path, AccessFs::from_read(NEEDED))?;
    }
    for path in DEVICES.iter().map(Path::new).filter(|path| path.exists()) {
        rules = allow(rules, path, AccessFs::ReadFile | AccessFs::WriteFile)?;
    }
    for path in &cell.writable {
        rules = allow(rules, path, all & !AccessFs::Execute)?;
    }
    Ok(rules)
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    // It was there a moment ago; if it is gone, nothing is to be allowed.
    let Ok(file) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEEDED) };
    rules.add_rule(PathBeneath::new(file, access))
}
