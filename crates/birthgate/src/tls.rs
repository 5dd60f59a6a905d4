//! TLS to a database, as libpq's `sslmode` and `sslrootcert` mean it: <https://www.postgresql.org/docs/current/libpq-ssl.html>.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// Which certificate of a server is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Any: what is sent is encrypted, and who reads it is not known. libpq's `prefer` and `require`.
    #[default]
    Any,
    /// One that an authority signed, whatever its name. libpq's `verify-ca`.
    Signed(Authorities),
    /// One that an authority signed for the name of the host. libpq's `verify-full`.
    Named(Authorities),
}

/// Who signs certificates that are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Those that the system believes.
    System,
    /// Those in this PEM file, and a certificate that is itself in it.
    File(PathBuf),
}

impl Authorities {
    /// Their certificates.
    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>> {
        let Authorities::File(path) = self else {
            return Ok(rustls_native_certs::load_native_certs().certs);
        };
        let bad =
            |problem| Error::BadInput(format!("certificates in {}: {problem}", path.display()));
        let found: std::result::Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        match found {
            Ok(found) if found.is_empty() => Err(bad("there is none".to_owned())),
            Ok(found) => Ok(found),
            Err(error) => Err(bad(error.to_string())),
        }
    }
}

/// Connects by TLS to what is trusted so.
pub(crate) fn connector(trust: &Trust) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(trust, &provider)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // What it verifies is libpq's to say.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[derive(Debug)]
struct Verifier {
    /// None where any certificate is believed.
    known: Option<Known>,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Known {
    certificates: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    is_named: bool,
}

impl Verifier {
    fn new(trust: &Trust, provider: &CryptoProvider) -> Result<Verifier> {
        let known = match trust {
            Trust::Any => None,
            Trust::Signed(authorities) | Trust::Named(authorities) => {
                let certificates = authorities.certificates()?;
                let mut roots = RootCertStore::empty();
                // One that rustls cannot parse is no reason to believe none of the others.
                roots.add_parsable_certificates(certificates.iter().cloned());
                Some(Known { certificates, roots, is_named: matches!(trust, Trust::Named(_)) })
            }
        };
        Ok(Verifier { known, algorithms: provider.signature_verification_algorithms })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(Known { certificates, roots, is_named }) = &self.known else {
            return Ok(ServerCertVerified::assertion());
        };
        let parsed = ParsedCertificate::try_from(shown)?;
        let signed = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            roots,
            intermediates,
            now,
            self.algorithms.all,
        );
        match signed {
            // A server that signs for itself shows an authority's certificate, which webpki does not expect of one.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_)))
                if certificates.contains(shown) => {}
            other => other?,
        }
        if *is_named {
            verify_server_name(&parsed, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
