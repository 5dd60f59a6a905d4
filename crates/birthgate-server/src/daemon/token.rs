//! The token that whoever asks must bring. Only its hash is kept.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A new token.
pub struct Token {
    /// The token, to be given away.
    pub token: String,
    /// Its SHA-256 in hex, to be kept.
    pub sha256: String,
}

/// Makes a token of 244 random bits.
pub fn new_token() -> Token {
    let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let sha256 = Sha256::digest(&token).iter().map(|byte| format!("{byte:02x}")).collect();
    Token { token, sha256 }
}
