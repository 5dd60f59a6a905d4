//! SQL as a row of words, for what needs no grammar: PL/pgSQL has the same words.

use squawk_lexer::{TokenKind, tokenize};

/// A word of SQL: a name, a literal, a mark.
pub(crate) struct Word<'a> {
    pub kind: TokenKind,
    pub text: &'a str,
    /// The byte at which it begins.
    pub start: usize,
}

impl Word<'_> {
    /// The name that it is, as PostgreSQL folds it.
    pub fn name(&self) -> Option<String> {
        match self.kind {
            TokenKind::Ident => Some(self.text.to_lowercase()),
            TokenKind::QuotedIdent { terminated: true, uescape: false } => {
                Some(self.text[1..self.text.len() - 1].replace("\"\"", "\""))
            }
            _ => None,
        }
    }

    /// Whether it is this keyword.
    pub fn is(&self, keyword: &str) -> bool {
        self.kind == TokenKind::Ident && self.text.eq_ignore_ascii_case(keyword)
    }
}

/// The words, without what is between them.
pub(crate) fn words(sql: &str) -> Vec<Word<'_>> {
    first(sql, usize::MAX)
}

/// No more than so many of the first words.
pub(crate) fn first(sql: &str, most: usize) -> Vec<Word<'_>> {
    let mut start = 0;
    let mut words = Vec::new();
    for token in tokenize(sql) {
        let from = start;
        start += token.len as usize;
        let between = matches!(
            token.kind,
            TokenKind::Whitespace
                | TokenKind::LineComment
                | TokenKind::BlockComment { .. }
                | TokenKind::Eof
        );
        if !between {
            words.push(Word { kind: token.kind, text: &sql[from..start], start: from });
        }
        if words.len() == most {
            break;
        }
    }
    words
}
