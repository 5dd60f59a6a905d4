//! The code that texts can run in a database: functions, and what makes a server call them without a text that names them,
//! such as casts, operators, triggers and policies.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio_postgres::Client;

use super::reach::{Body, Reach};
use super::text::{Token, each, read};
use super::unseen::{Unseen, of_body, of_script};
use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

/// Something that a name may mean.
struct Node {
    oid: u32,
    schema: String,
    is_function: bool,
    /// Whether `t.f` may be a call of it.
    takes_a_row: bool,
}

/// Everything that a database could run.
pub(crate) struct Code {
    reach: Reach,
    names: HashMap<String, Vec<Node>>,
    ways: HashMap<u32, Vec<u32>>,
    /// Functions of Birthgate: what they put together is of names that they quote.
    ours: BTreeSet<u32>,
}

/// What some texts can run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closure {
    /// The rows of the catalogs by oid; of rows that have none, the oid of what they belong to.
    pub oids: BTreeSet<u32>,
    /// Where what runs cannot be told from here: in the text itself (`None`), or in a function.
    pub unseen: BTreeMap<Option<String>, Unseen>,
}

/// What a text names, as it can be looked up.
#[derive(Default)]
struct Names {
    /// Each with the name before its dot.
    names: BTreeSet<(Option<String>, String)>,
    operators: BTreeSet<String>,
}

/// The schema of the evidence log, where no bare name leads.
const EVIDENCE: &str = "birthgate_evidence";

/// The longest operator that is looked for within a row of marks.
const LONGEST_OPERATOR: usize = 8;

impl Names {
    fn of(text: &str, is_body: bool) -> Names {
        let mut found = Names::default();
        // Of a body's literals too: any may be run.
        each(text, is_body, &mut |statement, _| {
            found.take(statement);
            true
        });
        found
    }

    fn take(&mut self, statement: &[Token]) {
        let mut marks = String::new();
        for (at, token) in statement.iter().enumerate() {
            match token {
                Token::Other(mark) if mark.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c)) => {
                    marks.push_str(mark);
                    continue;
                }
                _ => self.take_operators(&std::mem::take(&mut marks)),
            }
            let Some(name) = token.name() else { continue };
            self.operators.extend(implied(token).iter().map(|one| (*one).to_owned()));
            let before = at.checked_sub(2).filter(|_| statement[at - 1].is_mark("."));
            let before = before.and_then(|at| statement[at].name()).map(str::to_owned);
            self.names.insert((before, name.to_owned()));
        }
        self.take_operators(&marks);
        // A name within a literal: 'public.f'::regproc.
        for content in statement.iter().filter_map(Token::literal).filter(|one| one.len() <= 4) {
            let names: Vec<Token> = read(content);
            self.names
                .extend(names.iter().filter_map(Token::name).map(|one| (None, one.to_owned())));
        }
    }

    /// The lexer tells no operators from each other that stand side by side: `= -1`.
    fn take_operators(&mut self, marks: &str) {
        for from in 0..marks.len() {
            for to in from + 1..=marks.len().min(from + LONGEST_OPERATOR) {
                self.operators.insert(marks[from..to].to_owned());
            }
        }
    }
}

/// The operators that a keyword stands for: they are looked up by the search_path as well.
fn implied(token: &Token) -> &'static [&'static str] {
    match token {
        Token::Name { name, quoted: false } => match name.as_str() {
            "in" | "any" | "some" | "all" | "case" | "nullif" | "distinct" | "using"
            | "natural" => &["=", "<>"],
            "between" => &["<", "<=", ">", ">="],
            "like" => &["~~", "!~~"],
            "ilike" => &["~~*", "!~~*"],
            "similar" => &["~", "!~"],
            _ => &[],
        },
        _ => &[],
    }
}

impl Code {
    /// Reads what is there. The client's names are pinned.
    pub async fn read(client: &Client) -> Result<Code> {
        const DOING: &str = "looking for the code of the database";
        let reach = Reach::read(client).await?;
        let (mut names, mut ours) = (HashMap::<String, Vec<Node>>::new(), BTreeSet::new());
        let sql = include_str!("../../sql/code/nodes.sql");
        for row in client.rows(sql, &[]).await.doing(DOING)? {
            let node = Node {
                oid: row.get("oid"),
                schema: row.get("schema"),
                is_function: row.get::<_, &str>("kind") == "function",
                takes_a_row: row.get::<_, Option<bool>>("takes_a_row").unwrap_or_default(),
            };
            if row.get("is_ours") {
                ours.insert(node.oid);
            }
            names.entry(row.get("name")).or_default().push(node);
        }
        let mut ways: HashMap<u32, Vec<u32>> = HashMap::new();
        let sql = include_str!("../../sql/code/edges.sql");
        let row = client.one_row(sql, &[]).await.doing(DOING)?;
        let (from, to): (Option<Vec<u32>>, Option<Vec<u32>>) = (row.get("from"), row.get("to"));
        for (from, to) in from.into_iter().flatten().zip(to.into_iter().flatten()) {
            ways.entry(from).or_default().push(to);
        }
        Ok(Code { reach, names, ways, ours })
    }

    /// What some statements can run, and some functions that are known to have run.
    pub fn of<'a>(&self, texts: impl IntoIterator<Item = &'a str>, ran: &[u32]) -> Closure {
        let mut walk = Walk { code: self, closure: Closure::default(), next: Vec::new() };
        walk.along(0);
        for text in texts {
            if let Some(unseen) = of_script(text) {
                walk.closure.unseen.entry(None).or_insert(unseen);
            }
            walk.follow(&Names::of(text, false));
        }
        for oid in ran {
            walk.go(*oid);
        }
        walk.walked()
    }
}

struct Walk<'a> {
    code: &'a Code,
    closure: Closure,
    next: Vec<u32>,
}

impl Walk<'_> {
    fn go(&mut self, oid: u32) {
        if self.closure.oids.insert(oid) {
            self.next.push(oid);
        }
    }

    fn along(&mut self, oid: u32) {
        for to in self.code.ways.get(&oid).into_iter().flatten() {
            self.go(*to);
        }
        for to in self.code.reach.ways_from(oid) {
            self.go(to);
        }
    }

    fn follow(&mut self, names: &Names) {
        let code = self.code;
        for (before, name) in &names.names {
            for node in code.names.get(name).into_iter().flatten() {
                let fits = match before {
                    Some(before) => *before == node.schema,
                    None => node.schema != EVIDENCE,
                };
                if fits || node.is_function && node.takes_a_row {
                    self.go(node.oid);
                }
            }
        }
        for node in names.operators.iter().filter_map(|one| code.names.get(one)).flatten() {
            self.go(node.oid);
        }
    }

    fn walked(mut self) -> Closure {
        while let Some(oid) = self.next.pop() {
            self.along(oid);
            for body in self.code.reach.bodies(oid) {
                let unseen = match body {
                    Body::Text { title, text, language } => {
                        self.follow(&Names::of(text, true));
                        of_body(text, language).map(|unseen| (title, unseen))
                    }
                    Body::Unreadable { title } => Some((title, Unseen::Language)),
                };
                if let Some((title, unseen)) = unseen.filter(|_| !self.code.ours.contains(&oid)) {
                    self.closure.unseen.insert(Some(title.to_owned()), unseen);
                }
            }
        }
        self.closure
    }
}
