//! Signatures by SSH keys, as `ssh-keygen -Y sign` makes them.

use ssh_key::public::KeyData;
use ssh_key::{Algorithm, HashAlg, PublicKey, SshSig};

use crate::error::{Error, Result};

/// The namespace of our signatures: none made for another purpose counts.
pub const NAMESPACE: &str = "birthgate";

/// Checks that the signature is of this text, in this namespace; answers the key that made it. Whose key that is
/// has still to be asked.
pub fn verify(text: &str, signature: &str, namespace: &str) -> Result<KeyData> {
    let refuse = |why: String| Err(Error::NotSigned(why));
    let parsed = match SshSig::from_pem(signature.trim().as_bytes()) {
        Ok(parsed) => parsed,
        Err(error) => return refuse(format!("this is no SSH signature: {error}")),
    };
    if parsed.namespace() != namespace {
        return refuse(format!(
            "the signature is for the namespace {:?}, not {namespace:?}: ssh-keygen -Y sign -n {namespace}",
            parsed.namespace()
        ));
    }
    match parsed.algorithm() {
        Algorithm::Rsa { hash: None } => return refuse("the signature is of SHA-1".to_owned()),
        Algorithm::Dsa => return refuse("the signature is by a DSA key".to_owned()),
        _ => {}
    }
    let key = PublicKey::from(parsed.public_key().clone());
    match key.verify(namespace, text.as_bytes(), &parsed) {
        Ok(()) => Ok(parsed.public_key().clone()),
        Err(_) => refuse(
            "the signature is not of this text: a byte of one of them was changed".to_owned(),
        ),
    }
}

/// A key as people compare it: `SHA256:…`.
pub fn fingerprint(key: &KeyData) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}
