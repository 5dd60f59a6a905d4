//! The codes of the SQL and those of the library are the same, and every refusal says what to do.

use std::collections::BTreeSet;

use birthgate::RefusalCode;
use birthgate::schema::script;

fn codes_in(sql: &str) -> BTreeSet<&str> {
    sql.match_indices("'PB").filter_map(|(at, _)| sql.get(at + 1..at + 6)).collect()
}

#[test]
fn every_code_is_known_on_both_sides() {
    let sql = script(0);
    let in_library: BTreeSet<&str> = RefusalCode::ALL.iter().map(|code| code.sqlstate()).collect();
    assert_eq!(codes_in(&sql), in_library);
    for code in RefusalCode::ALL {
        assert_eq!(RefusalCode::from_sqlstate(code.sqlstate()), Some(*code));
    }
    assert_eq!(RefusalCode::from_sqlstate("23505"), None);
}

#[test]
fn every_code_is_explained() {
    for code in RefusalCode::ALL {
        let said = code.explanation();
        assert_eq!((said.code, said.meaning), (code.sqlstate(), code.meaning()));
        for text in [said.cause, said.next] {
            assert!(text.len() > 30 && text.ends_with('.'), "{code}: {text}");
        }
    }
}

#[test]
fn every_refusal_has_a_hint() {
    for raise in script(0).split("RAISE EXCEPTION").skip(1) {
        let end = raise.find(";\n").unwrap_or(raise.len());
        let raise = raise.get(..end).unwrap_or(raise);
        assert!(raise.contains("HINT ="), "no hint: {raise}");
    }
}

#[test]
fn every_function_pins_its_search_path() {
    for function in script(0).split("CREATE OR REPLACE FUNCTION").skip(1) {
        let head = function.split("AS $$").next().unwrap_or(function);
        // A body that is bound when it is created needs no pin, and must be inlined.
        let is_bound = head.contains("\nRETURN ");
        assert!(is_bound || head.contains("SET search_path = pg_catalog, pg_temp"), "{head}");
        let is_definer = head.contains("SECURITY DEFINER");
        assert!(!is_definer || head.contains("SET row_security = off"), "{head}");
    }
}
