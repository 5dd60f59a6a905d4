//! The help is the commands' contract: a change of it is seen in a snapshot.

fn all(command: &clap::Command, path: &str, text: &mut String) {
    let mut shown = command.clone().term_width(100).color(clap::ColorChoice::Never);
    text.push_str(&format!("## {path}\n\n{}\n", shown.render_long_help()));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        all(inner, &format!("{path} {}", inner.get_name()), text);
    }
}

#[test]
fn help_of_every_command() {
    let mut command = birthgate_cli::command();
    command.build();
    let mut text = String::new();
    all(&command, "birthgate", &mut text);
    insta::assert_snapshot!("help", text);
}

#[test]
fn the_definition_is_sound() {
    birthgate_cli::command().debug_assert();
}

#[test]
fn completions_and_man_pages_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let folder_name = folder.path().to_str().unwrap();
    crate::run::birthgate(&["man", folder_name]).expect(0);
    let page = std::fs::read_to_string(folder.path().join("birthgate-entity-admit.1")).unwrap();
    assert!(page.contains("idempotency"), "{page}");
    let completions = crate::run::birthgate(&["completions", "bash"]).expect(0);
    assert!(completions.stdout.contains("_birthgate"));
}
