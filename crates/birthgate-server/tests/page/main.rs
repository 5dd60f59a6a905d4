//! The page, over real HTTP and with a real database.
