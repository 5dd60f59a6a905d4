//! The commands of psql that a file holds: those that print or set something of psql itself are passed over, and
//! what only psql could do is said in a sentence.

/// What a command of psql means for a rehearsal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// It changes nothing that the server sees.
    Ignored,
    /// It ends the statement before it, as a semicolon does.
    Sends,
    /// It ends the file.
    Quits,
    /// Whether errors end the file from here on.
    StopOnError(bool),
    /// It sets a variable, or removes it.
    Sets(String, Option<String>),
    /// It reads another file, whose name is relative to this file's folder or to the working folder.
    Reads { file: String, beside_this: bool },
    /// A rehearsal cannot know what it does.
    Unknown(String),
}

/// Reads a command from its backslash to its line's end.
pub(super) fn read(line: &str) -> Command {
    let line = line.trim_end();
    let name_end = line.find(char::is_whitespace).unwrap_or(line.len());
    let (name, rest) = line.split_at(name_end);
    let arguments = arguments(rest);
    match name.trim_end_matches('+') {
        "\\set" => match arguments.as_slice() {
            [] => Command::Ignored,
            [name] if name == "ON_ERROR_STOP" => Command::StopOnError(true),
            [name, value, ..] if name == "ON_ERROR_STOP" => {
                let off = ["off", "0", "false", "no"];
                Command::StopOnError(!off.contains(&value.to_ascii_lowercase().as_str()))
            }
            [name, values @ ..] => Command::Sets(name.clone(), Some(values.concat())),
        },
        "\\unset" => match arguments.first() {
            Some(name) if name == "ON_ERROR_STOP" => Command::StopOnError(false),
            Some(name) => Command::Sets(name.clone(), None),
            None => Command::Ignored,
        },
        "\\i" | "\\include" | "\\ir" | "\\include_relative" => match arguments.into_iter().next() {
            Some(file) => Command::Reads { file, beside_this: name.contains('r') },
            None => Command::Unknown(format!("{name} without a file")),
        },
        "\\g" | "\\gx" if arguments.is_empty() => Command::Sends,
        "\\q" | "\\quit" => Command::Quits,
        "\\echo" | "\\qecho" | "\\warn" | "\\timing" | "\\pset" | "\\x" | "\\t" | "\\a" | "\\f"
        | "\\C" | "\\H" | "\\T" | "\\p" | "\\print" | "\\conninfo" | "\\errverbose"
        | "\\restrict" | "\\unrestrict" | "\\encoding" | "\\copyright" | "\\h" | "\\help"
        | "\\?" | "\\l" | "\\list" | "\\sf" | "\\sv" | "\\z" => Command::Ignored,
        // Every \d… lists something.
        name if name.starts_with("\\d") => Command::Ignored,
        name => Command::Unknown(format!(
            "{name} is a command of psql, and what it would do here only psql knows"
        )),
    }
}

/// The arguments of a command: words, with quotes as psql has them.
fn arguments(rest: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in rest.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => found.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_psql_reads_them() {
        for (line, command) in [
            ("\\set ON_ERROR_STOP on", Command::StopOnError(true)),
            ("\\set ON_ERROR_STOP 0", Command::StopOnError(false)),
            ("\\set a 'x y'", Command::Sets("a".to_owned(), Some("x y".to_owned()))),
            ("\\unset a", Command::Sets("a".to_owned(), None)),
            ("\\i a.sql", Command::Reads { file: "a.sql".to_owned(), beside_this: false }),
            ("\\ir 'a b.sql'", Command::Reads { file: "a b.sql".to_owned(), beside_this: true }),
            ("\\dt+ *.*", Command::Ignored),
            ("\\g", Command::Sends),
            ("\\q", Command::Quits),
        ] {
            assert_eq!(read(line), command, "{line}");
        }
        for line in ["\\gexec", "\\gset", "\\if :x", "\\connect other", "\\copy t from x", "\\! rm"]
        {
            assert!(matches!(read(line), Command::Unknown(_)), "{line}");
        }
    }
}
