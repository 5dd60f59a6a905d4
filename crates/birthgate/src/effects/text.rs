//! A text of SQL as what it says: names as PostgreSQL folds them, and literals as they are once they are read.

use squawk_lexer::{LiteralKind, TokenKind};

use crate::words::{Word, words};

/// How deep texts within literals are read.
const DEPTH: usize = 12;

/// A word of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, or a keyword where it was not quoted.
    Name { name: String, quoted: bool },
    /// The content of a literal, or of several that stand on lines below each other or are put together by `||`.
    Literal(String),
    /// A mark, a number or a parameter, as it stands there.
    Other(String),
}

impl Token {
    /// Whether it is this keyword.
    pub fn is(&self, keyword: &str) -> bool {
        matches!(self, Token::Name { name, quoted: false } if name == keyword)
    }

    /// Whether it is this mark.
    pub fn is_mark(&self, mark: &str) -> bool {
        matches!(self, Token::Other(text) if text == mark)
    }

    pub fn name(&self) -> Option<&str> {
        match self {
            Token::Name { name, .. } => Some(name),
            _ => None,
        }
    }

    pub fn literal(&self) -> Option<&str> {
        match self {
            Token::Literal(content) => Some(content),
            _ => None,
        }
    }
}

/// Where a text stands: in the open, or within how many literals.
pub(super) type Depth = usize;

/// Shows each statement of a text, and then those of its literals, to `see`, which answers whether the literals
/// are to be shown. A body is as one within a literal.
pub(super) fn each(sql: &str, is_body: bool, see: &mut impl FnMut(&[Token], Depth) -> bool) {
    read_deeper(sql, usize::from(is_body), see);
}

fn read_deeper(sql: &str, depth: Depth, see: &mut impl FnMut(&[Token], Depth) -> bool) {
    let tokens = read(sql);
    for statement in statements(&tokens, depth > 0) {
        if !see(statement, depth) || depth == DEPTH {
            continue;
        }
        // Shorter than the shortest call there is.
        for content in statement.iter().filter_map(Token::literal).filter(|text| text.len() > 4) {
            read_deeper(content, depth + 1, see);
        }
    }
}

/// The statements of a text. Within a body, they begin after BEGIN, THEN, ELSE and LOOP as well.
fn statements(tokens: &[Token], in_body: bool) -> Vec<&[Token]> {
    let mut statements = Vec::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        let whole = if in_body { None } else { atomic(rest) };
        let end = whole.or_else(|| rest.iter().position(|token| ends(token, in_body)));
        let (statement, after) = match end {
            Some(end) => (&rest[..end], rest.get(end + 1..).unwrap_or_default()),
            None => (rest, &[][..]),
        };
        if !statement.is_empty() {
            statements.push(statement);
        }
        rest = after;
    }
    statements
}

fn ends(token: &Token, in_body: bool) -> bool {
    let begins_another = ["begin", "then", "else", "loop", "declare"];
    token.is_mark(";") || in_body && begins_another.iter().any(|keyword| token.is(keyword))
}

/// Where a CREATE FUNCTION ends whose body stands in the open: BEGIN ATOMIC … END, with CASE … END in it.
fn atomic(tokens: &[Token]) -> Option<usize> {
    let end = tokens.iter().position(|token| token.is_mark(";")).unwrap_or(tokens.len());
    let begin = tokens[..end].windows(2).position(|w| w[0].is("begin") && w[1].is("atomic"))?;
    let mut open = 1_usize;
    for (at, token) in tokens.iter().enumerate().skip(begin + 2) {
        if token.is("case") {
            open += 1;
        } else if token.is("end") {
            open = open.saturating_sub(1);
        } else if open == 0 && token.is_mark(";") {
            return Some(at);
        }
    }
    Some(tokens.len())
}

/// The words of a text.
pub(super) fn read(sql: &str) -> Vec<Token> {
    let words = words(sql);
    let mut tokens: Vec<Token> = Vec::with_capacity(words.len());
    let mut at = 0;
    let mut goes_on = false;
    while let Some(word) = words.get(at) {
        let escape = escape(&words[at..]);
        at += if escape.is_some() { 3 } else { 1 };
        let Some(content) = content(word, escape.unwrap_or('\\')) else {
            tokens.push(other(word, escape.unwrap_or('\\')));
            continue;
        };
        // In DO LANGUAGE 'plpgsql' $$ … $$ they are two.
        let joins = goes_on && !is_dollar_quoted(word);
        goes_on = !is_dollar_quoted(word);
        append(&mut tokens, content, joins);
    }
    tokens
}

fn is_dollar_quoted(word: &Word<'_>) -> bool {
    matches!(word.kind, TokenKind::Literal { kind: LiteralKind::DollarQuotedString { .. } })
}

/// Joins a literal to the one before it that `||` or, where it may, nothing parts from it.
fn append(tokens: &mut Vec<Token>, content: String, mut joins: bool) {
    if let [.., Token::Literal(_), first, second] = &tokens[..]
        && first.is_mark("|")
        && second.is_mark("|")
    {
        tokens.truncate(tokens.len() - 2);
        joins = true;
    }
    match tokens.last_mut() {
        Some(Token::Literal(before)) if joins => before.push_str(&content),
        _ => tokens.push(Token::Literal(content)),
    }
}

fn other(word: &Word<'_>, escape: char) -> Token {
    if let TokenKind::QuotedIdent { uescape: true, .. } = word.kind {
        let name = unicode(&within(word.text, 3, '"'), escape);
        return Token::Name { name, quoted: true };
    }
    match word.name() {
        Some(name) => Token::Name { name, quoted: word.kind != TokenKind::Ident },
        None => Token::Other(word.text.to_owned()),
    }
}

/// The character that UESCAPE after this word says.
fn escape(words: &[Word<'_>]) -> Option<char> {
    let [word, uescape, said, ..] = words else { return None };
    let takes_one = matches!(
        word.kind,
        TokenKind::QuotedIdent { uescape: true, .. }
            | TokenKind::Literal { kind: LiteralKind::UnicodeEscStr { .. } }
    );
    (takes_one && uescape.is("uescape")).then(|| said.text.chars().nth(1)).flatten()
}

/// The content of a literal of characters.
fn content(word: &Word<'_>, escape: char) -> Option<String> {
    let TokenKind::Literal { kind } = word.kind else { return None };
    match kind {
        LiteralKind::Str { .. } => Some(within(word.text, 1, '\'')),
        LiteralKind::NationalStr { .. } => Some(within(word.text, 2, '\'')),
        LiteralKind::EscStr { .. } => Some(backslashes(&within(word.text, 2, '\''))),
        LiteralKind::UnicodeEscStr { .. } => Some(unicode(&within(word.text, 3, '\''), escape)),
        LiteralKind::DollarQuotedString { .. } => {
            let tag = word.text[1..].find('$').map_or(0, |at| at + 2);
            let end = word.text.len().saturating_sub(tag);
            Some(word.text.get(tag..end).unwrap_or_default().to_owned())
        }
        _ => None,
    }
}

/// What stands between quotes, of which doubled ones are one; the last may be missing.
fn within(text: &str, prefix: usize, quote: char) -> String {
    let text = text.get(prefix..).unwrap_or_default();
    let text = text.strip_suffix(quote).unwrap_or(text);
    text.replace(&format!("{quote}{quote}"), &quote.to_string())
}

/// With the escapes of E'…' read.
fn backslashes(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        read.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(said) = rest.chars().next() else { return read };
        let (radix, digits, most) = match said {
            'x' => (16, &rest[1..], 2),
            'u' => (16, &rest[1..], 4),
            'U' => (16, &rest[1..], 8),
            '0'..='7' => (8, rest, 3),
            _ => (0, "", 0),
        };
        let length = digits.chars().take(most).take_while(|c| c.is_digit(radix.max(2))).count();
        match u32::from_str_radix(&digits[..length], radix.max(2)).ok().and_then(char::from_u32) {
            Some(character) => {
                read.push(character);
                rest = &digits[length..];
            }
            None => {
                read.push(match said {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                });
                rest = &rest[said.len_utf8()..];
            }
        }
    }
    read.push_str(rest);
    read
}

/// With the escapes of U&'…' read.
fn unicode(text: &str, escape: char) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(escape) {
        read.push_str(&rest[..at]);
        rest = &rest[at + escape.len_utf8()..];
        if let Some(after) = rest.strip_prefix(escape) {
            read.push(escape);
            rest = after;
            continue;
        }
        let (digits, length) = match rest.strip_prefix('+') {
            Some(digits) => (digits, 6),
            None => (rest, 4),
        };
        let said = digits.get(..length).and_then(|said| u32::from_str_radix(said, 16).ok());
        if let Some(character) = said.and_then(char::from_u32) {
            read.push(character);
            rest = &digits[length..];
        }
    }
    read.push_str(rest);
    read
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Token, each, read};

    fn literal(sql: &str) -> String {
        match &read(sql)[..] {
            [Token::Literal(content)] => content.clone(),
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn literals_are_read_as_the_server_reads_them() {
        assert_eq!(literal("'it''s'"), "it's");
        assert_eq!(literal("'next'\n  -- here\n 'val'"), "nextval");
        assert_eq!(literal("'next' || $$val$$ || E'\\x28'"), "nextval(");
        assert_eq!(literal("E'\\156ext\\166\\u0061l\\n\\'\\\\'"), "nextval\n'\\");
        assert_eq!(literal("U&'n\\0065xt\\+000076al\\\\'"), "nextval\\");
        assert_eq!(literal("U&'n!0065xtval' UESCAPE '!'"), "nextval");
        assert_eq!(literal("$a$ $b$ it's $b$ $a$"), " $b$ it's $b$ ");
        assert_eq!(literal("N'x'"), "x");
        assert_eq!(literal("'not closed"), "not closed");
        assert_eq!(literal("E'\\u'"), "u");
        assert_eq!(read("'a' $$b$$").len(), 2);
        assert_eq!(read("$$a$$ 'b'").len(), 2);
    }

    #[test]
    fn names_are_read_as_the_server_reads_them() {
        let quoted = |name: &str| Token::Name { name: name.to_owned(), quoted: true };
        assert_eq!(read("U&\"n\\0065xtval\""), [quoted("nextval")]);
        assert_eq!(read("U&\"n#0065xtval\" uescape '#'"), [quoted("nextval")]);
        assert_eq!(read("\"a\"\"b\""), [quoted("a\"b")]);
        assert_eq!(read("NextVal"), [Token::Name { name: "nextval".to_owned(), quoted: false }]);
    }

    #[test]
    fn texts_within_literals_are_shown() {
        let mut seen = Vec::new();
        let sql = "DO $$ BEGIN EXECUTE 'SELECT f(''g(10)'')'; END $$; SELECT 1";
        each(sql, false, &mut |tokens, depth| {
            let first = tokens.iter().find_map(Token::name).unwrap_or_default();
            seen.push(format!("{depth} {first}"));
            true
        });
        assert_eq!(seen, ["0 do", "1 execute", "2 select", "3 g", "1 end", "0 select"]);
    }

    #[test]
    fn a_body_in_the_open_is_of_its_statement() {
        let mut seen = 0;
        let sql = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3";
        each(sql, false, &mut |_, _| {
            seen += 1;
            true
        });
        assert_eq!(seen, 2);
    }
}
