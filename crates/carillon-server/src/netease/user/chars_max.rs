//! The longest texts of an account, in characters: this vendor's numbers. The native API has the same, so that a backend's
//! calls can name and change whatever was made there.

pub(crate) const TOKEN: usize = 128;
pub(crate) const NAME: usize = 64;
pub(crate) const ICON: usize = 1_024;
pub(crate) const SIGN: usize = 256;
pub(crate) const EMAIL: usize = 64;
pub(crate) const BIRTH: usize = 16;
pub(crate) const MOBILE: usize = 32;
pub(crate) const EX: usize = 1_024;
/// Checked, and kept nowhere: out of use at the vendor.
pub(crate) const PROPS: usize = 1_024;
