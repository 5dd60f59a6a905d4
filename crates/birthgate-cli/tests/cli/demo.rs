//! The demo, whole, at a small scale.

use crate::run::birthgate;

#[test]
fn tells_the_story() {
    let ended = birthgate(&["demo", "--scale", "0.01", "--format", "json"]).expect(0);
    let document = ended.json();
    assert_eq!(document["schema"], "birthgate/1");
    assert_eq!(document["command"], "demo");
    let result = &document["result"];
    assert_eq!(result["births"], 11267);
    let rehearsal = &result["rehearsal"];
    assert_eq!(rehearsal["verdict"], "PASS", "{rehearsal}");
    assert_eq!(rehearsal["mutated"], "none");
    assert_eq!(rehearsal["entry_equals_exit"], true);
    assert_eq!(rehearsal["key_decision"], "COMPOSITE_READY");
    assert_eq!(rehearsal["key_figures"], serde_json::json!([11267, 0, 0, 0, 2]));
    assert_eq!(rehearsal["orphan_critical"], serde_json::json!(["59", "54", "59"]));
    assert_eq!(rehearsal["drop_code_unique"], "shut by pivot-births");
    for (dimension, count) in [
        ("orphan_critical", 59),
        ("phantom_real", 6),
        ("fs_no_registry", 16),
        ("dot_pivot_update", 1),
    ] {
        assert_eq!(result["block"][dimension], count, "{dimension}");
    }
    assert_eq!(result["rp_cleanup"], "NO-GO");
    assert_eq!(result["refused_without_permit"], true);
    assert_eq!(result["refused_early_finalize"], true);
    assert_eq!(result["refused_by_rule"], true);
    assert_eq!(result["admitted"]["FINALIZED"], 10_002);
    for state in ["REQUESTED", "RESERVED", "CONSUMED", "FAILED", "EXPIRED", "CANCELLED"] {
        assert_eq!(result["admitted"][state], 0, "{state}");
    }
}

/// From NO-GO to GO, every number of the estate asserted.
fn tells_the_full_story(scale: &str, births: i64) {
    let ended = birthgate(&["demo", "--story", "full", "--scale", scale, "--format", "json"]);
    let result = &ended.expect(0).json()["result"];
    assert_eq!(result["births"], births);
    assert_eq!(result["rehearsal"]["verdict"], "PASS");
    assert_eq!(result["rehearsal"]["orphan_critical"], serde_json::json!(["59", "54", "59"]));
    assert_eq!(result["stopped_before"], "drop-code-unique");
    assert_eq!(result["doors"], serde_json::json!(["drop-code-unique", "pivot-births"]));
    assert_eq!(result["steps_applied"], 15);
    // At the start, after the pivots, after the decision, and once everything is cleaned up.
    assert_eq!(result["orphan_critical"], serde_json::json!([59, 54, 0, 0]));
    assert_eq!(result["phantom_real"], serde_json::json!([6, 6, 6, 0]));
    assert_eq!(result["fs_no_registry"], serde_json::json!([16, 16, 16, 0]));
    assert_eq!(result["dot_pivot_update"], serde_json::json!([1, 1, 1, 0]));
    assert_eq!(result["rp_cleanup"], serde_json::json!(["NO-GO", "GO"]));
    assert_eq!(result["fn_birth_gate_unchanged"], true);
    assert_eq!(result["oids_kept"], true);
    assert_eq!(result["gate_drift"], 0);
    assert_eq!(result["evidence_intact"], true);
    assert!(result["evidence_log"].as_i64().unwrap() > 25, "{result}");
}

#[test]
fn tells_the_full_story_from_no_go_to_go() {
    tells_the_full_story("0.01", 11_267);
}

#[test]
#[ignore = "the estate at full scale: ./test --all"]
fn tells_the_full_story_of_the_whole_estate() {
    tells_the_full_story("1", 1_126_728);
}

#[test]
fn a_scale_that_makes_no_sense_is_refused() {
    let ended = birthgate(&["demo", "--scale", "7"]).expect(1);
    assert!(ended.stderr.contains("scale"), "{}", ended.stderr);
}

#[test]
fn keeps_the_folder_when_asked_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    birthgate(&["demo", "--scale", "0.01", "--keep", kept.to_str().unwrap()]).expect(0);
    assert!(kept.join("data/PG_VERSION").is_file());
    assert!(!kept.join("data/postmaster.pid").exists(), "the server still runs");
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("mine"), "mine").unwrap();
    let ended = birthgate(&["demo", "--keep", other.to_str().unwrap()]).expect(1);
    assert!(ended.stderr.contains("holds no server of Birthgate"), "{}", ended.stderr);
    assert!(other.join("mine").is_file());
}

/// Waits, for at most half a minute, until it is so.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let since = std::time::Instant::now();
    while !is_so() {
        assert!(since.elapsed().as_secs() < 30, "still not so: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_killed_demo_leaves_neither_server_nor_folder() {
    let root = tempfile::tempdir().unwrap();
    // The server's unprivileged user must be able to enter.
    std::fs::set_permissions(root.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let folders = || -> Vec<std::path::PathBuf> {
        std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let mut demo = std::process::Command::new(env!("CARGO_BIN_EXE_birthgate"))
        .args(["demo", "--scale", "1"])
        .env("TMPDIR", root.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the server is up", || {
        folders().iter().any(|folder| folder.join(".s.PGSQL.5432").exists())
    });
    let pid_file = folders()[0].join("data/postmaster.pid");
    let pid = std::fs::read_to_string(pid_file).unwrap().lines().next().unwrap().to_owned();
    demo.kill().unwrap();
    demo.wait().unwrap();
    wait_until("the folder is gone", || folders().is_empty());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the server still runs");
}
