use birthgate::replication;

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

/// Make a database of its own of a copy
///
/// A copy is what `init --replication copy` prepared and a subscription filled. Arms every gate, renews
/// the incarnation, and lets Birthgate's identities go on where the publisher's ended. Refuses while a
/// subscription is enabled. Sequences of your own tables are yours to set: no subscription brings them.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  psql \"$DATABASE_URL\" -c 'ALTER SUBSCRIPTION s DISABLE' && birthgate promote"
)]
pub struct Args {}

pub async fn run(_: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    let mut client = connection.database()?.connect().await?;
    let collections = replication::promote(&mut client).await?;
    for collection in &collections {
        output.say(format!("{}: {}", collection.collection_name, collection.trust));
    }
    output.say("This database stands on its own. Set the sequences of your own tables.");
    output.result("promote", collections)
}
