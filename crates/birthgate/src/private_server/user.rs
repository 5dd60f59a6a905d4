//! Who runs the server: ourselves, or as root an unprivileged user, since PostgreSQL refuses root.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Gid, Uid, User, chown};

use super::{Error, environment};

/// The user that runs the server.
#[derive(Clone, Debug)]
pub(super) struct ServerUser {
    /// `None`: ourselves.
    other: Option<(Uid, Gid, String)>,
}

impl ServerUser {
    /// Ourselves, or as root the user postgres, else nobody.
    pub fn choose() -> Result<ServerUser, Error> {
        if !Uid::effective().is_root() {
            return Ok(ServerUser { other: None });
        }
        for name in ["postgres", "nobody"] {
            if let Ok(Some(user)) = User::from_name(name) {
                return Ok(ServerUser { other: Some((user.uid, user.gid, user.name)) });
            }
        }
        Err(Error::NoUser)
    }

    /// A command that runs as this user, in a folder that it can be in.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = environment::command(program);
        // It is no place for files of ours, as a home with a .pgpass would be.
        command.current_dir("/").env("HOME", "/");
        if let Some((uid, gid, _)) = &self.other {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        command
    }

    /// Gives a folder to this user.
    pub fn give(&self, path: &Path) -> Result<(), Error> {
        match &self.other {
            None => Ok(()),
            Some((uid, gid, _)) => chown(path, Some(*uid), Some(*gid))
                .map_err(|errno| Error::File { path: path.to_owned(), source: errno.into() }),
        }
    }

    /// The numbers of user and group, when it is not ourselves.
    pub fn id(&self) -> Option<(u32, u32)> {
        self.other.as_ref().map(|(uid, gid, _)| (uid.as_raw(), gid.as_raw()))
    }

    /// Its name, when it is not ourselves.
    pub fn name(&self) -> Option<&str> {
        self.other.as_ref().map(|(_, _, name)| name.as_str())
    }
}
