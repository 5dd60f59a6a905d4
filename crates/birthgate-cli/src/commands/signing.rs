//! How a command gets a text signed: it writes the text and says how to sign it, has ssh-keygen sign it, or takes
//! signatures that were made elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use birthgate::declaration::{Declaration, Signed};
use birthgate::owner::Owners;
use birthgate::signature::NAMESPACE;

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Kind, Result};
use crate::output::Output;

/// The flags that say who signs, and how.
#[derive(clap::Args, Debug)]
pub struct SigningArgs {
    /// Have ssh-keygen sign at once, with this key; the public half of one that an agent or a hardware key holds will do
    #[arg(long, value_name = "KEY", help_heading = "Signing")]
    sign: Option<PathBuf>,
    /// A signature that was made of the text: FILE.sig beside FILE; may be given again
    #[arg(long, value_name = "FILE.sig", help_heading = "Signing", conflicts_with = "sign")]
    add: Vec<PathBuf>,
    /// The text that all of these signatures are of, where it is not beside them
    #[arg(long, value_name = "FILE", help_heading = "Signing", requires = "add")]
    text: Option<PathBuf>,
    /// Where the text to be signed is written
    #[arg(long, value_name = "FILE", help_heading = "Signing")]
    out: Option<PathBuf>,
    /// How long the signed text may be used
    #[arg(long, value_name = "TIME", default_value = "24h", help_heading = "Signing")]
    expires: humantime::Duration,
    #[command(flatten)]
    owners: OwnersArgs,
}

/// The flag that says who the owners are.
#[derive(clap::Args, Debug)]
pub struct OwnersArgs {
    /// The file of the owners [default: that of birthgate.toml, else allowed_signers]
    #[arg(
        long,
        value_name = "FILE",
        env = "BIRTHGATE_ALLOWED_SIGNERS",
        hide_env_values = true,
        help_heading = "Signing"
    )]
    allowed_signers: Option<PathBuf>,
}

impl OwnersArgs {
    /// The file.
    pub fn path(&self, connection: &ConnectionArgs) -> Result<PathBuf> {
        match &self.allowed_signers {
            Some(path) => Ok(path.clone()),
            None => Ok(connection.config_file()?.allowed_signers()),
        }
    }

    /// The owners.
    pub fn owners(&self, connection: &ConnectionArgs) -> Result<Owners> {
        let path = self.path(connection)?;
        match Owners::read(&path) {
            Err(birthgate::Error::File { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Err(CommandError {
                    hint: Some("birthgate owner add NAME KEY.pub makes it; --allowed-signers says where it is".to_owned()),
                    ..CommandError::no(format!("there are no owners: {} is not there", path.display()))
                })
            }
            other => Ok(other?),
        }
    }
}

/// What is there of signatures.
pub enum Signing {
    /// The text is written and waits to be signed.
    Asked(PathBuf),
    /// Signed texts.
    Signed(Vec<Signed>),
}

impl SigningArgs {
    /// How long a signed text may be used.
    pub fn valid_for(&self) -> std::time::Duration {
        *self.expires
    }

    /// The owners.
    pub fn owners(&self, connection: &ConnectionArgs) -> Result<Owners> {
        self.owners.owners(connection)
    }

    /// The file of the owners.
    pub fn owners_file(&self, connection: &ConnectionArgs) -> Result<PathBuf> {
        self.owners.path(connection)
    }

    /// Whether signatures are brought, so that no text need be made.
    pub fn brings(&self) -> bool {
        !self.add.is_empty()
    }

    /// The signatures that are brought.
    pub fn brought(&self) -> Result<Vec<Signed>> {
        self.add.iter().map(|path| read(path, self.text.as_deref())).collect()
    }

    /// Has a text signed, or writes it and says how that is done. `command` is what takes the signature.
    pub fn have_signed(
        &self,
        declaration: &Declaration,
        name: &str,
        command: &str,
        output: &Output,
    ) -> Result<Signing> {
        let path = self.out.clone().unwrap_or_else(|| name.into());
        let failed = |source| birthgate::Error::File { path: path.display().to_string(), source };
        std::fs::write(&path, declaration.text()).map_err(failed)?;
        let signature = signature_of(&path);
        let Some(key) = &self.sign else {
            output.say(declaration.text());
            output.say(format!(
                "This is in {0}. An owner signs it:\n  ssh-keygen -Y sign -n {NAMESPACE} -f ~/.ssh/id_ed25519 {0}\nand then:\n  {command} --add {1}",
                path.display(),
                signature.display()
            ));
            return Ok(Signing::Asked(path));
        };
        // ssh-keygen asks before it writes over a signature.
        if let Err(error) = std::fs::remove_file(&signature)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
        sign(key, &path)?;
        Ok(Signing::Signed(vec![read(&signature, Some(&path))?]))
    }
}

fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Has ssh-keygen sign a file; it may ask for a passphrase, or for a touch.
pub fn sign(key: &Path, path: &Path) -> Result {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", NAMESPACE, "-f"])
        .arg(key)
        .arg(path)
        .status()
        .map_err(|error| CommandError {
            hint: Some("Debian, Ubuntu: apt-get install openssh-client".to_owned()),
            ..unknown(format!("ssh-keygen could not be run: {error}"))
        })?;
    match status.success() {
        true => Ok(()),
        false => Err(unknown(format!("ssh-keygen did not sign {}: {status}", path.display()))),
    }
}

fn unknown(message: String) -> CommandError {
    CommandError { kind: Kind::Unknown, message, detail: None, hint: None }
}

/// A signature and its text, which is beside it where nobody says otherwise.
fn read(path: &Path, text: Option<&Path>) -> Result<Signed> {
    let name = path.display().to_string();
    let text = match (text, name.strip_suffix(".sig")) {
        (Some(text), _) => text,
        (None, Some(text)) => Path::new(text),
        (None, None) => {
            return Err(CommandError::usage(format!(
                "{name} does not end in .sig: say with --text which text it is of"
            )));
        }
    };
    let text_of = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|source| birthgate::Error::File { path: path.display().to_string(), source })
    };
    Ok(Signed { text: text_of(text)?, signature: text_of(path)? })
}
