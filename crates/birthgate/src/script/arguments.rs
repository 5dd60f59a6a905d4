//! The arguments of psql's commands, by the rules of its scanner (`psqlscanslash.l` of PostgreSQL).

use std::collections::BTreeMap;

/// The variables of psql that are set.
pub(super) type Variables = BTreeMap<String, String>;

/// The arguments of a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    pub values: Vec<String>,
    /// The bytes of the line that they take: another command, or SQL after `\\`, may follow.
    pub length: usize,
    /// Whether one of them is what a program prints.
    pub runs_a_program: bool,
    /// A variable in them that psql sets itself.
    pub of_psql: Option<String>,
}

/// Variables that psql sets itself, as far as a script may ask for their values.
const OF_PSQL: [&str; 20] = [
    "DBNAME",
    "USER",
    "HOST",
    "PORT",
    "ENCODING",
    "VERSION",
    "VERSION_NAME",
    "VERSION_NUM",
    "SERVER_VERSION_NAME",
    "SERVER_VERSION_NUM",
    "SERVICE",
    "SQLSTATE",
    "ERROR",
    "ROW_COUNT",
    "LAST_ERROR_MESSAGE",
    "LAST_ERROR_SQLSTATE",
    "SHELL_ERROR",
    "SHELL_EXIT_CODE",
    "AUTOCOMMIT",
    "ON_ERROR_STOP",
];

/// Whether psql sets this variable itself.
pub(super) fn is_of_psql(name: &str) -> bool {
    OF_PSQL.contains(&name)
}

/// Reads what follows a command's name on its line.
pub(super) fn read(rest: &str, variables: &Variables) -> Arguments {
    let mut reader = Reader { rest, at: 0, found: Arguments::default(), variables };
    while reader.one() {}
    reader.found.length = reader.at;
    reader.found
}

struct Reader<'a> {
    rest: &'a str,
    at: usize,
    found: Arguments,
    variables: &'a Variables,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest[self.at..].chars().next()
    }

    fn step(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Reads one argument; answers whether there was one.
    fn one(&mut self) -> bool {
        while self.peek().is_some_and(char::is_whitespace) {
            self.step();
        }
        let mut value = String::new();
        let begun = self.at;
        while let Some(c) = self.peek() {
            match c {
                c if c.is_whitespace() => break,
                '\\' => break,
                '\'' => self.quoted(&mut value),
                '"' => {
                    // The quotes are part of it.
                    let end = self.rest[self.at + 1..].find('"').map(|end| self.at + end + 2);
                    let end = end.unwrap_or(self.rest.len());
                    value.push_str(&self.rest[self.at..end]);
                    self.at = end;
                }
                '`' => {
                    self.found.runs_a_program = true;
                    let end = self.rest[self.at + 1..].find('`').map(|end| self.at + end + 2);
                    self.at = end.unwrap_or(self.rest.len());
                }
                ':' => self.variable(&mut value),
                c => {
                    value.push(c);
                    self.step();
                }
            }
        }
        let is_one = self.at > begun;
        if is_one {
            self.found.values.push(value);
        } else if self.rest[self.at..].starts_with("\\\\") {
            self.at += 2;
        }
        is_one
    }

    /// A string in single quotes.
    fn quoted(&mut self, value: &mut String) {
        self.step();
        while let Some(c) = self.step() {
            match c {
                '\'' if self.peek() == Some('\'') => {
                    self.step();
                    value.push('\'');
                }
                '\'' => return,
                '\\' => self.escaped(value),
                c => value.push(c),
            }
        }
    }

    fn escaped(&mut self, value: &mut String) {
        let digits = |reader: &Self, radix: u32, most: usize| {
            let rest = reader.rest[reader.at..].chars();
            rest.take(most).take_while(|c| c.is_digit(radix)).count()
        };
        let Some(c) = self.peek() else { return };
        let (radix, skipped, most) = match c {
            'x' => (16, 1, 2),
            '0'..='7' => (8, 0, 3),
            _ => (0, 0, 0),
        };
        if radix > 0 {
            self.at += skipped;
            let count = digits(self, radix, most);
            let code = u32::from_str_radix(&self.rest[self.at..self.at + count], radix);
            if let Some(c) = code.ok().and_then(char::from_u32) {
                self.at += count;
                return value.push(c);
            }
            self.at -= skipped;
        }
        self.step();
        value.push(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            c => c,
        });
    }

    /// What begins with a colon: a variable, whether there is one, or nothing of the kind.
    fn variable(&mut self, value: &mut String) {
        let rest = &self.rest[self.at + 1..];
        let (before, after) = match rest.as_bytes() {
            [b'\'', ..] => ("'", "'"),
            [b'"', ..] => ("\"", "\""),
            [b'{', b'?', ..] => ("{?", "}"),
            _ => ("", ""),
        };
        let inner = &rest[before.len()..];
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || !c.is_ascii();
        let name = &inner[..inner.find(|c| !is_part(c)).unwrap_or(inner.len())];
        if name.is_empty() || !inner[name.len()..].starts_with(after) {
            self.at += 1;
            return value.push(':');
        }
        let end = self.at + 1 + before.len() + name.len() + after.len();
        let known = self.variables.get(name);
        match (before, known) {
            ("{?", _) => {
                value.push_str(if known.is_some() || is_of_psql(name) { "TRUE" } else { "FALSE" });
            }
            ("'", Some(known)) => value.push_str(&literal(known)),
            ("\"", Some(known)) => value.push_str(&identifier(known)),
            (_, Some(known)) => value.push_str(known),
            (_, None) => {
                if is_of_psql(name) {
                    self.found.of_psql.get_or_insert(name.to_owned());
                }
                value.push_str(&self.rest[self.at..end]);
            }
        }
        self.at = end;
    }
}

/// A value as a literal of SQL, as libpq quotes it.
pub(super) fn literal(value: &str) -> String {
    let twice = value.replace('\'', "''");
    match value.contains('\\') {
        true => format!(" E'{}'", twice.replace('\\', "\\\\")),
        false => format!("'{twice}'"),
    }
}

/// A value as a quoted name of SQL.
pub(super) fn identifier(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_psql_reads_them() {
        let variables = [("dir", "/data"), ("odd", "it's \\ \"x\"")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (rest, values) in [
            (" a  b", &["a", "b"][..]),
            (" 'x y' 'it''s\\n\\x41\\101'", &["x y", "it's\nAA"]),
            (" \"a b\"c", &["\"a b\"c"]),
            (" :dir '/x' ':dir'", &["/data", "/x", ":dir"]),
            (" :dir/x.sql", &["/data/x.sql"]),
            (" :'odd' :\"dir\"", &[" E'it''s \\\\ \"x\"'", "\"/data\""]),
            (" :none :{?none} :{?dir} a::b", &[":none", "FALSE", "TRUE", "a::b"]),
            ("", &[]),
        ] {
            let found = read(rest, &variables);
            assert_eq!(found.values, values, "{rest}");
            assert_eq!(found.length, rest.len(), "{rest}");
        }
    }

    #[test]
    fn they_end_before_another_command_and_after_two_backslashes() {
        let none = Variables::new();
        assert_eq!(read(" a \\\\ SELECT 1;", &none).length, " a \\\\".len());
        assert_eq!(read(" a\\echo b", &none).length, " a".len());
        assert!(read(" `date`", &none).runs_a_program);
        assert_eq!(read(" :DBNAME", &none).of_psql.as_deref(), Some("DBNAME"));
    }
}
