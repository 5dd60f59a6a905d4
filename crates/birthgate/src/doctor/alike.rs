//! Whether the same DDL makes the same objects: twice on a private server, and in a transaction on the live one that is rolled
//! back. Some minor release may write into its catalogs what Birthgate would take for a change.

use std::path::PathBuf;

use serde_json::Map;
use tokio_postgres::Client;

use super::{Findings, Found, Purpose};
use crate::database::Database;
use crate::error::{Doing, Error, Result};
use crate::fingerprint::{self, Difference, Fingerprint, Object, Scope};
use crate::private_server::{Binaries, Confinement, Folder, Options, PrivateServer, Walls};

const DOING: &str = "making objects and rolling them back";

/// The objects of the sample: what stands on them is looked at with them.
const SAMPLE: [&str; 7] = [
    "table birthgate_doctor.sample",
    "table birthgate_doctor.part",
    "table birthgate_doctor.part_of",
    "sequence birthgate_doctor.part_id_seq",
    "view birthgate_doctor.seen",
    "materialized view birthgate_doctor.kept",
    "function birthgate_doctor.told()",
];

/// Where the private server is made.
#[derive(Clone, Debug)]
pub struct Private {
    /// The programs of the sandbox.
    pub binaries: Binaries,
    /// Below which folder it lives.
    pub folder: PathBuf,
    /// Where a new cluster is kept.
    pub cache: PathBuf,
}

/// Tries it out, and says which attribute of which object is another each time. On the live server nothing is locked but what
/// it makes, and nothing stays.
pub async fn try_out(live: &Client, private: Private, findings: &mut Findings) -> Result<()> {
    use Purpose::Rehearse;
    let server = PrivateServer::start(Options {
        binaries: private.binaries.clone(),
        folder: Folder::Temporary(private.folder),
        disposable: true,
        cache: Some(private.cache.into()),
        settings: Vec::new(),
        walls: Some(Walls::default()),
    })
    .await;
    let server = match server {
        Ok(server) => server,
        Err(error) => {
            findings.add(
                Rehearse,
                Found::Lacking,
                format!("a private server does not start: {error}"),
                "--pg-bin DIR names other programs",
            );
            return Ok(());
        }
    };
    walls(&server, findings);
    let client = Database::new(server.config("postgres"))?.connect_for_others().await?;
    let (first, second) = (made(&client).await?, made(&client).await?);
    let version = &private.binaries.version;
    let twice = first.diff(&second);
    if !twice.is_empty() {
        let what = format!(
            "PostgreSQL {version}, of the sandbox, makes the same object otherwise each time: {}",
            told(&twice)
        );
        findings.add(
            Rehearse,
            Found::Lacking,
            what,
            "use another minor release for the sandbox: --pg-bin DIR; and tell Birthgate's authors",
        );
        return Ok(());
    }
    let on_live = match made(live).await {
        Ok(made) => made,
        // Without CREATE on the database, on a standby, or where something else refuses it.
        Err(Error::Database { source, .. }) if source.code().is_some() => {
            let why =
                source.as_db_error().map_or_else(String::new, |error| error.message().to_owned());
            let what = format!(
                "it was not tried out whether this server makes the same objects as the sandbox: {why}"
            );
            findings.add(
                Rehearse,
                Found::Limited,
                what,
                "GRANT CREATE on the database to this login, and ask again",
            );
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let differences = first.diff(&on_live);
    match differences.is_empty() {
        true => findings.good(Rehearse, format!("this server and one of PostgreSQL {version} make the same objects of the same DDL")),
        false => findings.add(
            Rehearse,
            Found::Lacking,
            format!("this server makes other objects of the same DDL than PostgreSQL {version}, of the sandbox, so that no apply is as rehearsed: {}", told(&differences)),
            "look for an event trigger or a setting that does it; else use the server's own minor release for the sandbox: --pg-bin DIR",
        ),
    }
    Ok(())
}

/// How the kernel confines what runs on it.
fn walls(server: &PrivateServer, findings: &mut Findings) {
    use Purpose::Rehearse;
    let refused = server.refused().join("; ");
    match server.confinement() {
        Confinement::Namespaces => {
            findings.good(Rehearse, "the sandbox is confined by the kernel: namespaces");
        }
        Confinement::Landlock => findings.good(
            Rehearse,
            format!("the sandbox is confined by the kernel: Landlock ({refused})"),
        ),
        Confinement::None => findings.add(
            Rehearse,
            Found::Limited,
            format!("the sandbox is not confined by the kernel ({refused}): it gets no rows, and what reaches out of a database does not run there"),
            "on Linux 5.12 or newer let this user make namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0, or run as root), or use Linux 6.12 with Landlock",
        ),
    }
}

/// The fingerprint of the sample, which is gone afterwards. Who owns it is left out: that is another on each server.
async fn made(client: &Client) -> Result<Fingerprint> {
    client.batch_execute("BEGIN").await.doing(DOING)?;
    let taken = async {
        client.batch_execute(include_str!("../../sql/doctor/sample.sql")).await.doing(DOING)?;
        let scope = Scope::Objects(SAMPLE.map(str::to_owned).to_vec());
        fingerprint::take_inside(client, &scope).await
    };
    let taken = taken.await;
    client.batch_execute("ROLLBACK").await.doing(DOING)?;
    let taken = taken?;
    let objects = taken.objects.into_iter().map(|(name, object)| {
        let kept = |(name, _): &(String, _)| !["owner", "acl", "type acl"].contains(&name.as_str());
        let attributes: Map<_, _> = object.attributes.into_iter().filter(kept).collect();
        let object = Object::new(&name, object.kind, attributes);
        (name, object)
    });
    Ok(Fingerprint::of(objects.collect(), taken.absent))
}

/// The first three.
fn told(differences: &[Difference]) -> String {
    let first: Vec<String> = differences.iter().take(3).map(ToString::to_string).collect();
    let more = differences.len().saturating_sub(3);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", first.join("; "))
}
