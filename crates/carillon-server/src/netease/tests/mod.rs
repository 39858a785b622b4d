//! The exact replies of this dialect.
