//! The commands of psql that a file holds: those that print or set something of psql itself are passed over, and
//! what only psql could do is said in a sentence.

use super::arguments::{self, Variables};
use super::branches::{Branches, Conditional, truth};

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
    /// It sends a COPY, with the rows of a file where it names one.
    Copies(Copy),
    /// It begins or ends a part that psql may pass over.
    Branches(Conditional),
    /// A rehearsal cannot know what it does.
    Unknown(String),
}

/// A `\copy`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub sql: String,
    pub rows: CopyRows,
}

/// Where the rows of a `\copy` come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CopyRows {
    /// A file, relative to the working folder.
    File(String),
    /// The lines after it.
    Here,
    /// It copies to the client.
    None,
}

/// Reads a command from its backslash; answers how much of the line it takes as well.
pub(super) fn read(line: &str, variables: &Variables, branches: &Branches) -> (Command, usize) {
    let is_end = |c: char| c.is_whitespace() || c == '\\';
    let name_end = line[1..].find(is_end).map_or(line.len(), |end| end + 1);
    let (name, rest) = line.split_at(name_end.max(1));
    // These take the line as it stands.
    let whole =
        ["\\!", "\\copy", "\\ef", "\\ev", "\\sf", "\\sf+", "\\sv", "\\sv+", "\\h", "\\help"];
    if whole.contains(&name) || name.starts_with("\\!") {
        let command = match name {
            _ if !branches.run() => Command::Ignored,
            "\\copy" => copy(rest).map_or_else(|| unknown(name), Command::Copies),
            "\\ef" | "\\ev" => unknown(name),
            name if name.starts_with("\\!") => unknown("\\!"),
            _ => Command::Ignored,
        };
        return (command, line.len());
    }
    let arguments = arguments::read(rest, variables);
    let length = name.len() + arguments.length;
    let runs_a_program = arguments.runs_a_program;
    let depends = arguments.of_psql.clone();
    let command = meaning(name, arguments.values, branches);
    let asks = branches.run() || matches!(command, Command::Branches(Conditional::Elif(_)));
    let command = match (&command, depends) {
        (Command::Branches(Conditional::Elif(_)), _) if !branches.asks(true) => command,
        (Command::Ignored, _) => command,
        _ if asks && runs_a_program => unknown(&format!("{name} with a program")),
        (_, Some(variable)) if asks => unknown(&format!("{name} with :{variable}")),
        _ => command,
    };
    (command, length)
}

fn unknown(name: &str) -> Command {
    Command::Unknown(format!(
        "{name} is a command of psql, and what it would do here only psql knows"
    ))
}

fn meaning(name: &str, arguments: Vec<String>, branches: &Branches) -> Command {
    // psql takes what is neither true nor false for false.
    let holds = || truth(&arguments.join(" ")).unwrap_or(false);
    match name {
        "\\if" => return Command::Branches(Conditional::If(branches.run() && holds())),
        "\\elif" => return Command::Branches(Conditional::Elif(branches.asks(true) && holds())),
        "\\else" => return Command::Branches(Conditional::Else),
        "\\endif" => return Command::Branches(Conditional::Endif),
        _ if !branches.run() => return Command::Ignored,
        _ => {}
    }
    match name.trim_end_matches('+') {
        "\\set" => match arguments.as_slice() {
            [] => Command::Ignored,
            [name, values @ ..] => sets(name, values),
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
        | "\\restrict" | "\\unrestrict" | "\\encoding" | "\\copyright" | "\\?" | "\\l"
        | "\\list" | "\\z" | "\\\\" | "\\" => Command::Ignored,
        // Every \d… lists something.
        name if name.starts_with("\\d") => Command::Ignored,
        name => unknown(name),
    }
}

fn sets(name: &str, values: &[String]) -> Command {
    let value = values.concat();
    let is_on = || value.is_empty() || truth(&value) != Some(false);
    match name {
        "ON_ERROR_STOP" => Command::StopOnError(is_on()),
        // Without it nothing is committed until the file says so; with that one, a line's end ends a statement.
        "AUTOCOMMIT" if !is_on() => unknown("\\set AUTOCOMMIT off"),
        "SINGLELINE" if is_on() => unknown("\\set SINGLELINE on"),
        _ => Command::Sets(name.to_owned(), Some(value)),
    }
}

/// A `\copy` as the COPY that psql sends; `None`: it runs a program, or is none that psql takes.
fn copy(rest: &str) -> Option<Copy> {
    let words = crate::words::words(rest);
    let mut depth = 0_u32;
    let at = words.iter().position(|word| {
        match word.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (word.is("from") || word.is("to"))
    })?;
    let (direction, target) = (&words[at], words.get(at + 1)?);
    // The words are parts of the line.
    let offset = |text: &str| text.as_ptr() as usize - rest.as_ptr() as usize;
    let before = rest[..offset(direction.text)].trim();
    let mut after = rest[offset(target.text) + target.text.len()..].trim();
    after = after.strip_suffix(';').unwrap_or(after).trim_end();
    let is_from = direction.is("from");
    let rows = match target.text {
        "stdin" if is_from => CopyRows::Here,
        "stdout" if !is_from => CopyRows::None,
        text if text.starts_with('\'') => {
            let name = arguments::read(&rest[offset(text)..], &Variables::new());
            match is_from {
                true => CopyRows::File(name.values.into_iter().next()?),
                // psql writes a file of the client, and a rehearsal writes none.
                false => CopyRows::None,
            }
        }
        _ => return None,
    };
    let way = if is_from { "FROM STDIN" } else { "TO STDOUT" };
    Some(Copy { sql: format!("COPY {before} {way} {after}").trim_end().to_owned(), rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(line: &str) -> Command {
        let variables = [("yes".to_owned(), "on".to_owned())].into();
        read(line, &variables, &Branches::default()).0
    }

    #[test]
    fn commands_are_read_as_psql_reads_them() {
        for (line, command) in [
            ("\\set ON_ERROR_STOP on", Command::StopOnError(true)),
            ("\\set ON_ERROR_STOP 0", Command::StopOnError(false)),
            ("\\set a 'x y'", Command::Sets("a".to_owned(), Some("x y".to_owned()))),
            ("\\set a :yes '/' b", Command::Sets("a".to_owned(), Some("on/b".to_owned()))),
            ("\\unset a", Command::Sets("a".to_owned(), None)),
            ("\\i a.sql", Command::Reads { file: "a.sql".to_owned(), beside_this: false }),
            ("\\ir 'a b.sql'", Command::Reads { file: "a b.sql".to_owned(), beside_this: true }),
            ("\\dt+ *.*", Command::Ignored),
            ("\\echo `date`", Command::Ignored),
            ("\\g", Command::Sends),
            ("\\q", Command::Quits),
            ("\\if :yes", Command::Branches(Conditional::If(true))),
            ("\\if :{?no}", Command::Branches(Conditional::If(false))),
            ("\\if :no", Command::Branches(Conditional::If(false))),
            ("\\else", Command::Branches(Conditional::Else)),
        ] {
            assert_eq!(meant(line), command, "{line}");
        }
        for line in [
            "\\gexec",
            "\\gset",
            "\\if `test`",
            "\\if :SERVER_VERSION_NUM",
            "\\connect other",
            "\\copy t from program 'x'",
            "\\! rm",
            "\\set a `date`",
            "\\set AUTOCOMMIT off",
            "\\;",
        ] {
            assert!(matches!(meant(line), Command::Unknown(_)), "{line}");
        }
    }

    #[test]
    fn a_copy_of_psql_is_one_of_the_server() {
        for (line, sql, rows) in [
            (
                "\\copy s.t (a, \"from\") from 'a b.csv' with (format csv);",
                "COPY s.t (a, \"from\") FROM STDIN with (format csv)",
                CopyRows::File("a b.csv".to_owned()),
            ),
            ("\\copy t FROM stdin", "COPY t FROM STDIN", CopyRows::Here),
            (
                "\\copy (select a from t) to '/x' csv",
                "COPY (select a from t) TO STDOUT csv",
                CopyRows::None,
            ),
        ] {
            let copy = Copy { sql: sql.to_owned(), rows };
            assert_eq!(meant(line), Command::Copies(copy), "{line}");
        }
    }
}
