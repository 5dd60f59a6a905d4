//! Owners and signatures, each compared with what ssh-keygen itself says.

use std::process::{Command, Stdio};

use birthgate::Error;
use birthgate::declaration::{Declaration, Signed};
use birthgate::owner::{Change, Owners};
use birthgate::signature;

use crate::signed::{Key, owners};

/// Whether ssh-keygen finds the signature good, of that principal, at that time (in UTC).
fn ssh_keygen_verifies(allowed_signers: &str, principal: &str, signed: &Signed, at: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("signers"), allowed_signers).unwrap();
    std::fs::write(folder.path().join("sig"), &signed.signature).unwrap();
    std::fs::write(folder.path().join("text"), &signed.text).unwrap();
    let at: String = at.chars().filter(|c| c.is_ascii_digit() || *c == 'Z').collect();
    let status = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-f", "signers", "-I", principal, "-n", "birthgate", "-s", "sig"])
        .arg(format!("-Overify-time={at}"))
        .current_dir(folder.path())
        .stdin(std::fs::File::open(folder.path().join("text")).unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("ssh-keygen is needed: apt-get install openssh-client");
    status.success()
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, says: &str) {
    match outcome {
        Err(Error::NotSigned(why)) => assert!(why.contains(says), "{why}"),
        other => panic!("{other:?} does not say {says}"),
    }
}

const AT: &str = "2026-06-03T12:00:00Z";

#[test]
fn every_kind_of_key_is_verified_as_ssh_keygen_verifies_it() {
    let kinds: [&[&str]; 6] = [
        &["ed25519"],
        &["ecdsa", "-b", "256"],
        &["ecdsa", "-b", "384"],
        &["ecdsa", "-b", "521"],
        &["rsa", "-b", "2048"],
        &["rsa", "-b", "3072"],
    ];
    for kind in kinds {
        let key = Key::new("ada", kind);
        let other = Key::new("bob", kind);
        let known = owners(&[&key]);
        let text = Declaration::new("test", vec![("a".to_owned(), "b".to_owned())]).text();
        let good = key.sign_in(&text, "birthgate");
        let changed_text = Signed { text: text.replace("a: b", "a: c"), ..good.clone() };
        let cases = [
            (good.clone(), true),
            (changed_text, false),
            (other.sign_in(&text, "birthgate"), false),
            (key.sign_in(&text, "file"), false),
            (
                Signed { signature: other.sign_in(&text, "birthgate").signature, ..good.clone() },
                false,
            ),
        ];
        for (signed, holds) in cases {
            assert_eq!(known.signer(&signed, AT).is_ok(), holds, "{kind:?}");
            assert_eq!(
                ssh_keygen_verifies(known.text(), "ada", &signed, AT),
                holds,
                "ssh-keygen, {kind:?}"
            );
        }
        // Every byte of the signature counts.
        let body = good.signature.find("\n").unwrap() + 1;
        let end = good.signature.rfind("\n-----END").unwrap();
        for at in [body, body + 30, body + 100, (body + end) / 2, end - 1] {
            let mut bytes = good.signature.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let signed = Signed { signature: String::from_utf8(bytes).unwrap(), ..good.clone() };
            let ours = known.signer(&signed, AT).is_ok();
            assert!(!ours, "{kind:?}, byte {at}");
            assert!(!ssh_keygen_verifies(known.text(), "ada", &signed, AT));
        }
    }
}

#[test]
fn the_time_and_the_namespace_of_a_key_are_kept() {
    let key = Key::ed25519("ada");
    let signed = key.sign_in("text", "birthgate");
    let public: Vec<String> = key.public().split_whitespace().take(2).map(str::to_owned).collect();
    let public = public.join(" ");
    for (options, at, holds) in [
        ("", AT, true),
        ("namespaces=\"birthgate\"", AT, true),
        ("namespaces=\"git,birthgate\"", AT, true),
        ("namespaces=\"git\"", AT, false),
        ("valid-after=\"20260603115959Z\"", AT, true),
        ("valid-after=\"20260603120001Z\"", AT, false),
        ("valid-before=\"20260603120001Z\"", AT, true),
        ("valid-before=\"20260603115959Z\"", AT, false),
        ("valid-after=\"20260601Z\",valid-before=\"20260701Z\"", AT, true),
        ("valid-after=\"20260601Z\",valid-before=\"20260701Z\"", "2026-07-01T00:00:01Z", false),
    ] {
        let line = format!("ada {options}{}{public}\n", if options.is_empty() { "" } else { " " });
        let known = Owners::parse("f", &line).unwrap();
        assert_eq!(known.signer(&signed, at).is_ok(), holds, "{options} at {at}");
        assert_eq!(
            ssh_keygen_verifies(&line, "ada", &signed, at),
            holds,
            "ssh-keygen: {options} at {at}"
        );
    }
}

#[test]
fn a_file_that_is_not_understood_is_no_file_of_owners() {
    let key = Key::ed25519("ada");
    let public: Vec<String> = key.public().split_whitespace().take(2).map(str::to_owned).collect();
    let public = public.join(" ");
    for (text, says) in [
        (format!("* {public}"), "is a pattern"),
        (format!("ada,bob {public}"), "is a pattern"),
        (format!("ada cert-authority {public}"), "cert-authority"),
        (format!("ada valid-before=\"20260603\" {public}"), "is no time"),
        (format!("ada valid-before=\"20261341Z\" {public}"), "is no time"),
        (format!("ada namespaces=\"*\" {public}"), "are a pattern"),
        (format!("ada no-such-option {public}"), "not understood"),
        (format!("ada {public}\nbob {public}"), "one key is one owner's"),
        ("ada".to_owned(), "has no key"),
        ("ada ssh-ed25519 AAAA".to_owned(), "cannot be read"),
        (format!("# birthgate: quorum = 0\nada {public}"), "no number above 0"),
    ] {
        refused(Owners::parse("f", &text), says);
    }
    let ok = Owners::parse(
        "f",
        &format!("# a comment\n\n# birthgate: quorum = 2\nada {public} comment\n"),
    )
    .unwrap();
    assert_eq!((ok.quorum, ok.owners.len()), (2, 1));
}

/// Owners change by the signatures of a quorum of those who are owners.
#[test]
fn the_owners_change_by_their_quorum() {
    let (ada, bob, eve, mallory) =
        (Key::ed25519("ada"), Key::ed25519("bob"), Key::ed25519("eve"), Key::ed25519("mallory"));
    let parse = |text: &str| Owners::parse("f", text).unwrap();
    let later = "2026-06-04T12:00:00Z";
    // The first is added freely; the second is not.
    let one = parse(&parse("").change(&ada.add(), AT, &[]).unwrap());
    refused(one.change(&bob.add(), AT, &[]), "0 of the owners have signed, 1 must");
    let text = one.propose(&bob.add(), AT, later).unwrap();
    refused(one.change(&bob.add(), AT, &[mallory.sign(&text)]), "is no owner's");
    refused(one.change(&bob.add(), AT, &[bob.sign(&text)]), "is no owner's");
    refused(one.change(&eve.add(), AT, &[ada.sign(&text)]), "another change");
    refused(one.change(&bob.add(), "2026-06-05T12:00:00Z", &[ada.sign(&text)]), "expired");
    let two = parse(&one.change(&bob.add(), AT, &[ada.sign(&text)]).unwrap());
    // What was signed for the file before is not for the file now.
    refused(
        two.change(&eve.add(), AT, &[ada.sign(&one.propose(&eve.add(), AT, later).unwrap())]),
        "were changed since",
    );

    refused(two.propose(&Change::Quorum(3), AT, later), "cannot be reached by 2 owners");
    let quorum = Change::Quorum(2);
    let text = two.propose(&quorum, AT, later).unwrap();
    let two = parse(&two.change(&quorum, AT, &[ada.sign(&text)]).unwrap());
    assert_eq!(two.quorum, 2);
    // From now on both must sign, and one who signs twice is one.
    let text = two.propose(&eve.add(), AT, later).unwrap();
    refused(two.change(&eve.add(), AT, &[ada.sign(&text)]), "1 of the owners have signed, 2 must");
    refused(two.change(&eve.add(), AT, &[ada.sign(&text), ada.sign(&text)]), "1 of the owners");
    let three = parse(&two.change(&eve.add(), AT, &[ada.sign(&text), bob.sign(&text)]).unwrap());

    // A key that is revoked signs nothing more, and what it signed before still verifies.
    let signed = eve.sign_in("text", "birthgate");
    let revoke = Change::Revoke { who: "eve".to_owned() };
    let text = three.propose(&revoke, AT, later).unwrap();
    let without = parse(&three.change(&revoke, AT, &[ada.sign(&text), bob.sign(&text)]).unwrap());
    refused(without.signer(&signed, later), "has expired or was revoked");
    assert!(without.signer(&signed, "2026-06-03T11:59:59Z").is_ok());
    assert!(ssh_keygen_verifies(without.text(), "eve", &signed, "2026-06-03T11:59:58Z"));
    assert!(!ssh_keygen_verifies(without.text(), "eve", &signed, later));
    // Nobody locks everybody out.
    let last = Change::Revoke { who: "bob".to_owned() };
    refused(
        without.propose(&last, later, "2026-06-05T12:00:00Z"),
        "there would be 1 owners, and 2 must sign",
    );
}

#[test]
fn junk_is_no_signature() {
    for junk in [
        "",
        "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN PGP SIGNATURE-----\nAAAA\n-----END PGP SIGNATURE-----\n",
        "\u{0}\u{1}",
    ] {
        refused(signature::verify("text", junk, "birthgate"), "no SSH signature");
    }
}
