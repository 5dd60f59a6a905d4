//! Admission control for the rows and the schema of a PostgreSQL database.
