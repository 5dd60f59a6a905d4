//! What help and reference say can be given, can be given.

use std::collections::BTreeMap;

use clap::error::ErrorKind;
use clap::{Arg, Command};

/// Values that options have accepted in something that people use. A name that is accepted stays accepted: scripts have it.
const ACCEPTED: &[(&str, &str)] = &[
    ("--format", "text json"),
    ("demo --story", "births full"),
    ("init --replication", "copy fan-in"),
    ("collection govern --mode", "listed observe enforce"),
    ("collection govern --form", "statement row"),
    ("collection govern --finalize", "required off"),
    ("collection rearm --mode", "observe enforce"),
    ("entity admit --input-format", "csv ndjson"),
    ("serve --log", "text json"),
    ("mcp --log", "text json"),
    ("drift guard WHAT", "on off show"),
    ("handoff replay --from", "birth-7 change-7 2026-01-01T00:00:00Z start"),
    ("collection decide --identity", "own alias-of=other excluded retired"),
    ("rehearse --rows", "none 1000 all"),
    ("completions SHELL", "bash elvish fish powershell zsh"),
];

/// An example of what is written in capitals where a value is asked for.
const EXAMPLES: &[(&str, &str)] =
    &[("N", "10"), ("ID", "birth-7"), ("TIME", "2026-01-01T00:00:00Z"), ("DURATION", "5min")];

struct Option {
    /// The words of its command.
    command: Vec<String>,
    /// As a command line has it: `--form`, or the name of what has no dashes.
    name: String,
    is_flag: bool,
    values: Vec<String>,
}

fn options(command: &Command, path: &[String], found: &mut Vec<Option>) {
    for arg in command.get_arguments().filter(|arg| arg.get_action().takes_values()) {
        let long = arg.get_long().map(|long| format!("--{long}"));
        let values = values(arg);
        // What every command takes is looked at once.
        if !values.is_empty() && (path.is_empty() || !arg.is_global_set()) {
            found.push(Option {
                command: path.to_vec(),
                is_flag: long.is_some(),
                name: long.unwrap_or_else(|| arg.get_id().as_str().to_uppercase()),
                values,
            });
        }
    }
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        options(inner, &[path, &[inner.get_name().to_owned()]].concat(), found);
    }
}

/// Those that the help names: a list of possible ones, or `none|N|all`.
fn values(arg: &Arg) -> Vec<String> {
    let possible = arg.get_possible_values();
    if !possible.is_empty() {
        return possible.iter().map(|value| value.get_name().to_owned()).collect();
    }
    let names = arg.get_value_names().unwrap_or_default();
    let Some(name) = names.first().filter(|name| name.contains('|')) else { return Vec::new() };
    let example = |word: &str| EXAMPLES.iter().find(|(name, _)| *name == word);
    name.split('|')
        .map(|word| match example(word) {
            Some((_, example)) => (*example).to_owned(),
            None => {
                assert!(word.to_lowercase() == word, "{word} has no example here");
                word.to_owned()
            }
        })
        .collect()
}

/// Parses it; that something else is missing is another question.
fn parses(option: &Option, value: &str) -> Result<(), clap::Error> {
    let mut line = vec!["birthgate".to_owned()];
    line.extend(option.command.iter().cloned());
    match option.is_flag {
        true => line.push(format!("{}={value}", option.name)),
        false => line.push(value.to_owned()),
    }
    match birthgate_cli::command().try_get_matches_from(line) {
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::MissingRequiredArgument
                    | ErrorKind::MissingSubcommand
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

#[test]
fn every_value_that_the_help_names_is_accepted() {
    let mut found = Vec::new();
    let mut command = birthgate_cli::command();
    command.build();
    options(&command, &[], &mut found);
    assert!(found.len() >= 12, "{}", found.len());
    for option in &found {
        for value in &option.values {
            let parsed = parses(option, value);
            assert!(parsed.is_ok(), "{:?} {} {value}: {parsed:?}", option.command, option.name);
        }
        // A list that everything is on would prove nothing.
        if option.is_flag {
            assert!(
                parses(option, "no-such-value").is_err(),
                "{:?} {}",
                option.command,
                option.name
            );
        }
    }
}

#[test]
fn every_value_that_was_accepted_is_accepted() {
    let mut found = Vec::new();
    let mut command = birthgate_cli::command();
    command.build();
    options(&command, &[], &mut found);
    let mut listed: BTreeMap<String, &Option> = BTreeMap::new();
    for option in &found {
        let name = [option.command.join(" "), option.name.clone()].join(" ");
        listed.insert(name.trim().to_owned(), option);
    }
    for (name, values) in ACCEPTED {
        let (command, option) = name.rsplit_once(' ').unwrap_or(("", name));
        let option = Option {
            command: command.split_whitespace().map(str::to_owned).collect(),
            name: option.to_owned(),
            is_flag: option.starts_with("--"),
            values: values.split(' ').map(str::to_owned).collect(),
        };
        for value in &option.values {
            let parsed = parses(&option, value);
            assert!(parsed.is_ok(), "{name} {value}: {parsed:?}");
        }
        listed.remove(*name);
    }
    assert!(listed.is_empty(), "not listed here: {:?}", listed.keys());
}

/// The words of a line, as a shell has them.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => (quote, is_word) = (Some(c), true),
            (None, ' ') if is_word => {
                words.push(std::mem::take(&mut word));
                is_word = false;
            }
            (None, ' ') => {}
            (_, c) => {
                word.push(c);
                is_word = true;
            }
        }
    }
    words.extend(is_word.then_some(word));
    words
}

/// The examples of the help are command lines that are understood.
#[test]
fn every_example_of_the_help_is_understood() {
    fn examples(command: &Command, found: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let joined = help.replace("\\\n", " ");
        found.extend(joined.lines().map(str::to_owned));
        for inner in command.get_subcommands() {
            examples(inner, found);
        }
    }
    let mut found = Vec::new();
    examples(&birthgate_cli::command(), &mut found);
    let mut tried = 0;
    for line in found {
        for part in line.split(" | ").flat_map(|part| part.split(" && ")) {
            let part = part.split(" > ").next().unwrap_or_default().split("  #").next().unwrap();
            let words = shell_words(part.trim());
            if words.first().is_none_or(|word| word != "birthgate") {
                continue;
            }
            let parsed = birthgate_cli::command().try_get_matches_from(&words);
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}
