//! Reads what the NDJSON sink wrote, from where it was; run it again for what came since.
//! `consume_ndjson FOLDER STATE`: STATE is a file that holds the place.
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(folder), Some(state)) = (arguments.next(), arguments.next()) else {
        return Err("usage: consume_ndjson FOLDER STATE".into());
    };
    let place = fs::read_to_string(&state).unwrap_or_default();
    let (mut file, mut at) = place.split_once(' ').map_or((1, 0), |(file, at)| {
        (file.parse().unwrap_or(1), at.trim().parse().unwrap_or(0_usize))
    });
    loop {
        let text = match fs::read_to_string(format!("{folder}/events-{file:06}.ndjson")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            text => text?,
        };
        // A line without its end is still being written.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text[at.min(whole)..whole].lines() {
            let event: serde_json::Value = serde_json::from_str(line)?;
            println!("{} {}", event["id"], event["subject"]);
        }
        at = whole;
        fs::write(&state, format!("{file} {at}"))?;
        (file, at) = (file + 1, 0);
    }
    Ok(())
}
