//! What can go wrong while the estate is built.

/// Why the estate could not be built. After [`Error::Database`] the database holds a part of it
/// and is best dropped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The scale is not a number above 0 and at most 1.
    #[error("the scale {0} is not above 0 and at most 1")]
    Scale(f64),
    /// The database already has a `public.birth_registry`.
    #[error("the database already has a public.birth_registry; the estate wants an empty one")]
    NotEmpty,
    /// A statement failed.
    #[error("the estate could not be built, at {step}")]
    Database {
        /// The file of `sql/`, or what was done instead of one.
        step: &'static str,
        /// What PostgreSQL or the connection said.
        source: tokio_postgres::Error,
    },
}

impl Error {
    /// Says at which step a statement failed.
    pub(crate) fn at(step: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Database { step, source }
    }
}
