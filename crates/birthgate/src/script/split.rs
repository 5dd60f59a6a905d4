//! Where the statements of a file end, by the rules of psql's own scanner (`psqlscan.l` and `psqlscanslash.l` of
//! PostgreSQL): quotes, dollar quotes, nested comments, parentheses, SQL bodies of functions, lines of COPY, and
//! commands that begin with a backslash.

use std::ops::Range;

/// A piece of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A statement, without the comments before it and without its semicolon.
    Statement {
        /// Its bytes.
        span: Range<usize>,
        /// The rows that follow a COPY from the client, without the line that ends them.
        rows: Option<Range<usize>>,
        /// The variables of psql that it names, as `:name`, `:'name'` or `:"name"`.
        variables: Vec<Range<usize>>,
        /// Whether a semicolon or the end of the file ends it, and no command of psql.
        sent: bool,
    },
    /// A command of psql: from its backslash to the end of its line.
    Command(Range<usize>),
}

/// A file on its way through the scanner.
pub(super) struct Pieces<'a> {
    text: &'a str,
    at: usize,
    /// Whether a backslash in an ordinary string is a backslash.
    pub standard_strings: bool,
    /// From which byte on that is otherwise: psql asks the server when it begins a line.
    turns: Option<usize>,
}

/// What the scanner knows of the statement that it is in.
#[derive(Default)]
struct Statement {
    start: Option<usize>,
    /// After its last byte that is neither space nor comment.
    end: usize,
    parentheses: u32,
    /// BEGIN and CASE that wait for their END, in the body of a function.
    begins: u32,
    /// The first letters of the words that it begins with, where psql looks at them.
    opening: Vec<u8>,
    words: usize,
    variables: Vec<Range<usize>>,
}

impl Statement {
    fn take(&mut self, at: usize, end: usize) {
        self.start.get_or_insert(at);
        self.end = end;
    }

    /// A word that is no quoted name: the bodies of `CREATE FUNCTION … BEGIN ATOMIC … END` hold semicolons.
    fn word(&mut self, word: &str) {
        let word = word.to_ascii_lowercase();
        if matches!(word.as_str(), "create" | "function" | "procedure" | "or" | "replace")
            && self.words < 4
        {
            self.opening.push(word.as_bytes()[0]);
        } else if self.words < 4 {
            self.opening.push(b'?');
        }
        self.words += 1;
        let makes_function = matches!(
            self.opening.as_slice(),
            [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p', ..]
        );
        if makes_function && self.parentheses == 0 {
            match word.as_str() {
                "begin" => self.begins += 1,
                "case" if self.begins > 0 => self.begins += 1,
                "end" => self.begins = self.begins.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.parentheses == 0 && self.begins == 0
    }
}

impl<'a> Pieces<'a> {
    pub fn of(text: &'a str) -> Pieces<'a> {
        Pieces { text, at: 0, standard_strings: true, turns: None }
    }

    /// From the next line on, a backslash in an ordinary string is a backslash or it is not.
    pub fn turn_strings(&mut self, standard: bool) {
        if self.standard_strings != standard {
            let end = self.text[self.at..].find('\n').map_or(self.text.len(), |end| self.at + end);
            self.turns = Some(end);
        } else {
            self.turns = None;
        }
    }

    /// Goes on at this byte: a command of psql does not take all of its line.
    pub fn resume(&mut self, at: usize) {
        self.at = at;
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// The byte after a quoted thing that begins at `from`; the text's end where it is not closed.
    fn closed(&self, from: usize, quote: u8, escapes: bool) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = from + 1;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if escapes => at += 1,
                byte if byte == quote => {
                    if bytes.get(at + 1) != Some(&quote) {
                        return at + 1;
                    }
                    at += 1;
                }
                _ => {}
            }
            at += 1;
        }
        bytes.len()
    }

    /// The byte after a comment that begins here, if one does.
    fn comment(&self) -> Option<usize> {
        let rest = self.rest();
        if rest.starts_with(b"--") {
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            return Some(self.at + end.unwrap_or(rest.len()));
        }
        if !rest.starts_with(b"/*") {
            return None;
        }
        let (mut depth, mut at) = (0_u32, 0);
        while at < rest.len() {
            if rest[at..].starts_with(b"/*") {
                depth += 1;
                at += 2;
            } else if rest[at..].starts_with(b"*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(self.at + at);
                }
            } else {
                at += 1;
            }
        }
        Some(self.text.len())
    }

    /// The byte after a dollar-quoted string that begins here, if one does.
    fn dollar_quoted(&self) -> Option<usize> {
        let rest = &self.text[self.at..];
        let tag = rest[1..].find('$').map(|end| &rest[..end + 2])?;
        let name = &tag[1..tag.len() - 1];
        let begins = |c: char| c.is_alphabetic() || c == '_' || !c.is_ascii();
        if !name.chars().next().is_none_or(begins)
            || !name.chars().all(|c| begins(c) || c.is_ascii_digit())
        {
            return None;
        }
        let end = rest[tag.len()..].find(tag).map(|at| at + 2 * tag.len());
        Some(self.at + end.unwrap_or(rest.len()))
    }

    /// The byte after the word that begins here.
    fn word(&self) -> usize {
        let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii();
        let rest = &self.text[self.at..];
        self.at + rest.find(|c: char| !part(c)).unwrap_or(rest.len())
    }

    /// The variable of psql that a colon begins here, if one does.
    fn variable(&self) -> Option<usize> {
        let rest = self.rest();
        let quote = rest.get(1).copied()?;
        let named = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        match quote {
            b'\'' | b'"' => {
                let length = rest[2..].iter().take_while(|byte| named(byte)).count();
                (length > 0 && rest.get(2 + length) == Some(&quote)).then(|| self.at + length + 3)
            }
            byte if named(&byte) => {
                Some(self.at + 1 + rest[1..].iter().take_while(|byte| named(byte)).count())
            }
            _ => None,
        }
    }

    /// The rows after a COPY from the client: the lines up to one that says `\.`.
    pub fn rows(&mut self) -> Range<usize> {
        let line = |from: usize| self.text[from..].find('\n').map(|at| from + at + 1);
        let Some(start) = line(self.at) else {
            let end = self.text.len();
            self.at = end;
            return end..end;
        };
        let mut at = start;
        loop {
            let next = line(at).unwrap_or(self.text.len());
            if self.text[at..next].trim_end_matches(['\n', '\r']) == "\\." || at == self.text.len()
            {
                self.at = next;
                return start..at;
            }
            at = next;
        }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let bytes = self.text.as_bytes();
        let mut statement = Statement::default();
        let ended = |mut statement: Statement| {
            let span = statement.start?..statement.end;
            Some((span, std::mem::take(&mut statement.variables)))
        };
        while self.at < bytes.len() {
            let (at, byte) = (self.at, bytes[self.at]);
            if self.turns.is_some_and(|from| at >= from) {
                self.turns = None;
                self.standard_strings = !self.standard_strings;
            }
            if let Some(end) = self.comment() {
                // One without an end is for the server to refuse.
                if end == bytes.len() && byte == b'/' && !self.text.ends_with("*/") {
                    statement.take(at, end);
                }
                self.at = end;
                continue;
            }
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b';' if statement.is_whole() => {
                    self.at += 1;
                    let copies = copies_from_client(self.text, &statement);
                    let Some((span, variables)) = ended(std::mem::take(&mut statement)) else {
                        continue;
                    };
                    let rows = copies.then(|| self.rows());
                    return Some(Piece::Statement { span, rows, variables, sent: true });
                }
                b'\\' => {
                    if let Some((span, variables)) = ended(statement) {
                        return Some(Piece::Statement { span, rows: None, variables, sent: false });
                    }
                    let end = self.text[at..].find('\n').map_or(bytes.len(), |end| at + end);
                    self.at = end;
                    return Some(Piece::Command(at..end));
                }
                b'\'' => {
                    self.at = self.closed(at, byte, !self.standard_strings);
                    statement.take(at, self.at);
                }
                b'"' => {
                    self.at = self.closed(at, byte, false);
                    statement.take(at, self.at);
                }
                b'$' => {
                    self.at = self.dollar_quoted().unwrap_or(at + 1);
                    statement.take(at, self.at);
                }
                b'(' | b'[' | b')' | b']' => {
                    match byte {
                        b'(' => statement.parentheses += 1,
                        b')' => statement.parentheses = statement.parentheses.saturating_sub(1),
                        _ => {}
                    }
                    self.at += 1;
                    statement.take(at, self.at);
                }
                b':' if bytes.get(at + 1) == Some(&b':') => {
                    self.at += 2;
                    statement.take(at, self.at);
                }
                b':' => {
                    let end = self.variable();
                    statement.variables.extend(end.map(|end| at..end));
                    self.at = end.unwrap_or(at + 1);
                    statement.take(at, self.at);
                }
                b'0'..=b'9' => {
                    // `1a` is a number and a word, `$1` no dollar quote.
                    let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit());
                    self.at += digits.count();
                    statement.take(at, self.at);
                }
                _ if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => {
                    let end = self.word();
                    let word = &self.text[at..end];
                    let quoted = bytes.get(end) == Some(&b'\'');
                    if quoted && word.eq_ignore_ascii_case("e") {
                        self.at = self.closed(end, b'\'', true);
                    } else {
                        self.at = end;
                        statement.word(word);
                    }
                    statement.take(at, self.at);
                }
                _ => {
                    self.at += 1;
                    statement.take(at, self.at);
                }
            }
        }
        // psql sends what is left at the end of a file, whole or not.
        let copies = copies_from_client(self.text, &statement);
        ended(statement).map(|(span, variables)| Piece::Statement {
            span,
            rows: copies.then_some(bytes.len()..bytes.len()),
            variables,
            sent: true,
        })
    }
}

/// Whether a statement is a COPY from the client.
fn copies_from_client(text: &str, statement: &Statement) -> bool {
    let Some(start) = statement.start else { return false };
    let text = &text[start..statement.end];
    if !text.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("copy")) {
        return false;
    }
    let words = crate::words::words(text);
    words.windows(2).any(|pair| pair[0].is("from") && pair[1].is("stdin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        Pieces::of(text)
            .map(|piece| match piece {
                Piece::Statement { span, .. } | Piece::Command(span) => &text[span],
            })
            .collect()
    }

    #[test]
    fn statements_end_where_psql_ends_them() {
        for (text, expected) in [
            ("SELECT 1; SELECT 2", &["SELECT 1", "SELECT 2"][..]),
            ("-- a; b\nSELECT ';' /* ; /* ; */ ; */;;", &["SELECT ';'"]),
            ("SELECT $a$ ; $b$ ; $a$; x", &["SELECT $a$ ; $b$ ; $a$", "x"]),
            ("SELECT E'\\'; ' ; SELECT '\\'; y", &["SELECT E'\\'; '", "SELECT '\\'", "y"]),
            ("SELECT \"a;\"\"b\"; y", &["SELECT \"a;\"\"b\"", "y"]),
            (
                "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); y",
                &["CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)", "y"],
            ),
            (
                "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; y",
                &[
                    "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
                    "y",
                ],
            ),
            ("BEGIN; SELECT 1; END; y", &["BEGIN", "SELECT 1", "END", "y"]),
            ("SELECT $1; SELECT a$b$c; y", &["SELECT $1", "SELECT a$b$c", "y"]),
            ("\\set a b\nSELECT 1 \\gset\ny", &["\\set a b", "SELECT 1", "\\gset", "y"]),
            ("SELECT 'open; SELECT 2;", &["SELECT 'open; SELECT 2;"]),
            ("SELECT 1 -- last", &["SELECT 1"]),
            ("SELECT 1; /* open", &["SELECT 1", "/* open"]),
            ("", &[]),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn rows_follow_a_copy_from_the_client() {
        for text in [
            "COPY t (a) FROM stdin;\n1;\n\\N\n\\.\nSELECT 1",
            "COPY t (a) FROM STDIN WITH (FORMAT text);\n1;\n\\N\n\\.\nSELECT 1",
            "copy t (a) from stdin csv ;\r\n1;\n\\N\n\\.\r\nSELECT 1",
        ] {
            let found: Vec<Piece> = Pieces::of(text).collect();
            let Piece::Statement { rows: Some(rows), .. } = &found[0] else {
                panic!("{text}: {found:?}")
            };
            assert_eq!(&text[rows.clone()], "1;\n\\N\n", "{text}");
            assert_eq!(found.len(), 2, "{text}");
        }
    }

    #[test]
    fn variables_are_found_and_casts_are_not() {
        let text = "SELECT :a, :'b', :\"c\", d::text, e[1:2], ':f'";
        let Some(Piece::Statement { variables, .. }) = Pieces::of(text).next() else { panic!() };
        let named: Vec<&str> = variables.into_iter().map(|span| &text[span]).collect();
        assert_eq!(named, [":a", ":'b'", ":\"c\"", ":2"]);
    }
}
