//! A server that is reached by TLS, with a certificate of an authority that the system does not know.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use testkit::{Server, connect, until};

use crate::run::{Ended, run};

/// A certificate for this name, with its key, and that of who signed it, in PEM.
fn signed(name: &str) -> [String; 3] {
    let authority = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, format!("authority of {name}"));
    let root = params.self_signed(&authority).unwrap();
    let issuer = Issuer::new(params, authority);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    [certificate.pem(), key.serialize_pem(), root.pem()]
}

/// A certificate that signs for itself, as `openssl req -x509` makes it.
fn self_signed(name: &str) -> [String; 3] {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap().pem();
    [certificate.clone(), key.serialize_pem(), certificate]
}

/// Has a server show a certificate from now on.
fn show(server: &Server, [certificate, key, _]: &[String; 3]) {
    let folder = server.data_folder();
    let owner = std::fs::metadata(folder).unwrap();
    for (name, text) in [("server.crt", certificate), ("server.key", key)] {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

/// What `doctor` says of a database; nothing of this machine's own certificates is in it.
fn look(url: &str, home: &Path) -> Ended {
    let variables = [
        ("DATABASE_URL", url),
        ("HOME", home.to_str().unwrap()),
        ("PGSSLMODE", ""),
        ("PGSSLROOTCERT", ""),
    ];
    run(env!("CARGO_BIN_EXE_birthgate"), &["doctor"], &variables, "")
}

const REFUSED: &str = "invalid peer certificate";

#[test]
fn certificates_are_believed_as_libpq_believes_them() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let server = Server::own(&[("listen_addresses", "127.0.0.1"), ("port", &port.to_string())]);
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let other = file("other.crt", &signed("elsewhere")[2]);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let url =
        |host: &str, query: &str| format!("postgresql://postgres@{host}:{port}/postgres{query}");

    // Without TLS: only who does not ask for it is answered.
    look(&url("localhost", ""), home.path()).expect(0);
    for mode in ["require", "verify-full"] {
        let ended = look(&url("localhost", &format!("?sslmode={mode}")), home.path());
        assert_ne!(ended.code, 0, "{mode}: {}", ended.stdout);
    }

    // By its socket there is no TLS, and nobody asks for it.
    let socket = format!(
        "host={} port={port} user=postgres dbname=postgres sslmode=verify-full",
        server.socket_folder().display()
    );
    look(&socket, home.path()).expect(0);

    for (kind, shown) in
        [("signed", signed("localhost")), ("self-signed", self_signed("localhost"))]
    {
        show(&server, &shown);
        let root = file("root.crt", &shown[2]);
        let named = format!("?sslmode=verify-full&sslrootcert={root}");
        runtime.block_on(async {
            let root = connect(server.config("postgres", "postgres")).await;
            let on = "ALTER SYSTEM SET ssl = on";
            root.batch_execute(on).await.unwrap();
            root.batch_execute("SELECT pg_reload_conf()").await.unwrap();
            until("the server shows its certificate", async || {
                look(&url("localhost", &named), home.path()).code == 0
            })
            .await;
        });
        // Who says nothing of certificates gets on, as with psql.
        let good = [
            url("localhost", ""),
            url("localhost", "?sslmode=prefer"),
            url("localhost", "?application_name=x&sslmode=require"),
            url("localhost", &format!("?sslmode=require&sslrootcert={root}")),
            url("localhost", &named.replace('/', "%2F")),
            url("127.0.0.1", &format!("?sslmode=verify-ca&sslrootcert={root}")),
            format!(
                "host=localhost port={port} user=postgres dbname=postgres sslmode=verify-full sslrootcert='{root}'"
            ),
        ];
        for url in good {
            let ended = look(&url, home.path());
            assert_eq!(ended.code, 0, "{kind}, {url}: {}", ended.stderr);
        }
        // Who asks whether it is the right server is told when nobody says so.
        let bad = [
            (url("localhost", "?sslmode=verify-full"), REFUSED),
            (url("localhost", &format!("?sslmode=require&sslrootcert={other}")), REFUSED),
            (
                url("localhost", &format!("?sslmode=verify-ca&sslrootcert={other}")),
                "sslrootcert names a file",
            ),
            // By another name it is another server.
            (url("127.0.0.1", &format!("?sslmode=verify-full&sslrootcert={root}")), REFUSED),
            (url("localhost", "?sslmode=verify-ca"), "needs sslrootcert"),
            (
                url("localhost", "?sslmode=verify-ca&sslrootcert=system"),
                "needs sslmode=verify-full",
            ),
            (
                url("localhost", "?sslmode=verify-full&sslrootcert=/nowhere"),
                "certificates in /nowhere",
            ),
            (url("localhost", "?sslmode=certainly"), "sslmode=certainly is not known"),
            (url("localhost", "?sslkey=/nowhere"), "sslkey"),
        ];
        for (url, said) in bad {
            let ended = look(&url, home.path());
            assert!(
                ended.code != 0 && ended.stderr.contains(said),
                "{kind}, {url}: {}",
                ended.stderr
            );
        }
        // And so is the pg_dump of a rehearsal.
        let plan = home.path().join("a.sql");
        std::fs::write(&plan, "CREATE TABLE a (b int)").unwrap();
        let url = url("localhost", &named);
        let arguments = ["rehearse", "--sandbox-only", plan.to_str().unwrap()];
        let ended = run(env!("CARGO_BIN_EXE_birthgate"), &arguments, &[("DATABASE_URL", &url)], "");
        assert!(ended.stdout.starts_with("PASS"), "{kind}: {}{}", ended.stdout, ended.stderr);
    }
}
