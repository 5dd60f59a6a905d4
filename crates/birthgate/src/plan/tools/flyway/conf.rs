//! What `V1__name.sql.conf` says of `V1__name.sql`.

use super::super::Reading;
use crate::error::Result;
use crate::plan::folder::File;
use crate::plan::unready::Unready;

pub(super) struct Conf {
    /// `None`: Flyway decides.
    pub in_transaction: Option<bool>,
    /// Whether Flyway runs the file at all.
    pub executes: bool,
    /// Whether `${…}` is filled in.
    pub replaces: bool,
}

impl Conf {
    pub fn of(file: &File, reading: &mut Reading) -> Result<Conf> {
        let mut conf = Conf { in_transaction: None, executes: true, replaces: true };
        let Some(beside) = file.beside(&format!("{}.conf", file.name())) else { return Ok(conf) };
        let text = beside.read()?;
        for line in String::from_utf8_lossy(&text).lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim());
            let refuse = || Unready::Rule {
                file: beside.path.display().to_string(),
                rule: format!("Flyway decides by {key}={value}"),
            };
            let flag = match value.to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            };
            match (key, flag) {
                ("executeInTransaction", Some(flag)) => conf.in_transaction = Some(flag),
                ("shouldExecute", Some(flag)) => conf.executes = flag,
                ("placeholderReplacement", Some(flag)) => conf.replaces = flag,
                ("executeInTransaction" | "shouldExecute" | "placeholderReplacement", None) => {
                    return Err(refuse().into());
                }
                ("encoding", _) if !value.eq_ignore_ascii_case("UTF-8") => {
                    return Err(refuse().into());
                }
                _ => {}
            }
        }
        reading.known.insert(beside.within);
        Ok(conf)
    }
}
