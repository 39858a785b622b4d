//! Identifiers: newtypes with one fallible constructor each, so that inside the server an id is valid.
//!
//! Their limits are part of the disk format and of the clients' format; they cannot be widened later.

use std::fmt;
use std::sync::Arc;

/// Why a text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("is empty")]
    Empty,
    #[error("is longer than {max} bytes")]
    TooLong { max: usize },
    #[error("holds a character that is not printable ASCII")]
    NotPrintable,
}

/// An app (tenant). Two apps never see each other's accounts or messages. Below 2^24: it is part of [`AccountNo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(pub u32);

impl AppId {
    /// The first number that is no app's.
    pub const END: u32 = 1 << 24;
}

/// The name by which backends and users know an account: 1 to 32 bytes of printable ASCII, without spaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Arc<str>);

impl AccountId {
    pub const BYTES_MAX: usize = 32;

    /// # Errors
    /// Says what is wrong with `text`.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check_printable(text, Self::BYTES_MAX)?;
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case.
    #[must_use]
    pub fn folded(&self) -> Self {
        if self.is_folded() { self.clone() } else { Self(self.0.to_ascii_lowercase().into()) }
    }

    pub fn is_folded(&self) -> bool {
        !self.0.bytes().any(|byte| byte.is_ascii_uppercase())
    }
}

/// The account's number, given at its creation and never used again: an account that is deleted and created anew is
/// another number, with an inbox of its own. Unique over all apps: the app's number is its upper bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNo(pub u64);

impl AccountNo {
    const SERIAL_BITS: u32 = 40;

    /// The `serial`-th account of `app`. Serials are below 2^40.
    pub fn new(app: AppId, serial: u64) -> Self {
        Self::try_new(app, serial).expect("ids do not outgrow the disk format")
    }

    /// As [`AccountNo::new`]; `None` for what cannot be.
    pub fn try_new(app: AppId, serial: u64) -> Option<Self> {
        let is_one = app.0 < AppId::END && serial < 1 << Self::SERIAL_BITS;
        is_one.then_some(Self((u64::from(app.0) << Self::SERIAL_BITS) | serial))
    }

    pub fn app(self) -> AppId {
        AppId(u32::try_from(self.0 >> Self::SERIAL_BITS).expect("24 bits remain"))
    }

    pub fn serial(self) -> u64 {
        self.0 & ((1 << Self::SERIAL_BITS) - 1)
    }
}

/// A message's or a copy's id: rising in the order of commits, unique over all apps, below 2^53 so that every JSON reader
/// keeps it exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

impl MessageId {
    /// The first number that is no id.
    pub const END: u64 = 1 << 53;

    /// The id `n` places later.
    pub fn plus(self, n: usize) -> Self {
        Self(self.0 + n as u64)
    }
}

/// A place in an inbox. Dense: the first entry is 1 and the next is one more. 0 is "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

impl Offset {
    pub const ZERO: Self = Self(0);

    /// The offset after this one; the last number has none and stays: clients may name any.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The offset before this one; [`Offset::ZERO`] has none and stays.
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// A chat room's number, unique in its app. Below 2^53, so that every JSON reader keeps it exactly; 0 is no room's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomNo(u64);

impl RoomNo {
    /// The first number that is no room's.
    pub const END: u64 = 1 << 53;

    /// `None` where no room can have the number.
    pub fn new(no: u64) -> Option<Self> {
        (1..Self::END).contains(&no).then_some(Self(no))
    }

    pub fn get(self) -> u64 {
        self.0
    }
}

/// What a client calls its device: 1 to 128 bytes of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(Arc<str>);

impl DeviceId {
    pub const BYTES_MAX: usize = 128;

    /// # Errors
    /// Says what is wrong with `text`.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check_printable(text, Self::BYTES_MAX)?;
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_printable(text: &str, max: usize) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > max {
        return Err(IdError::TooLong { max });
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(IdError::NotPrintable);
    }
    Ok(())
}

macro_rules! display_inner {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_inner!(AppId, AccountId, AccountNo, MessageId, Offset, RoomNo, DeviceId);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn account_ids_are_1_to_32_bytes_of_printable_ascii() {
        let check = |text: &str| AccountId::new(text).map(|id| id.to_string());
        assert_eq!(check("a"), Ok("a".into()));
        assert_eq!(check("A.b_c-d@e"), Ok("A.b_c-d@e".into()));
        assert!(check(&"x".repeat(32)).is_ok());
        assert_eq!(check(&"x".repeat(33)), Err(IdError::TooLong { max: 32 }));
        assert_eq!(check(""), Err(IdError::Empty));
        for bad in ["a b", "ä", "a\n", "a\u{7f}"] {
            assert_eq!(check(bad), Err(IdError::NotPrintable), "{bad:?}");
        }
    }

    #[test]
    fn an_account_number_names_its_app() {
        let no = AccountNo::new(AppId(7), 9);
        assert_eq!((no.app(), no.serial()), (AppId(7), 9));
    }

    proptest! {
        /// Printable and not, around both lengths.
        #[test]
        fn any_text_is_refused_or_is_the_id_that_it_names(text in "[!-~]{0,140}|[ -~ä\u{0}\u{7f}]{0,40}|.{0,40}") {
            let is_printable = !text.is_empty() && text.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
            let account = AccountId::new(&text).map(|id| id.to_string());
            let device = DeviceId::new(&text).map(|id| id.to_string());
            prop_assert_eq!(account.is_ok(), is_printable && text.len() <= 32);
            prop_assert_eq!(device.is_ok(), is_printable && text.len() <= 128);
            prop_assert!([account, device].into_iter().flatten().all(|shown| shown == text));
        }

        #[test]
        fn account_numbers_hold_app_and_serial_and_lie_by_app(
            one in (0..AppId::END, 0_u64..1 << 40),
            two in (0..AppId::END, 0_u64..1 << 40),
        ) {
            let [no, other] = [one, two].map(|(app, serial)| AccountNo::new(AppId(app), serial));
            prop_assert_eq!((no.app().0, no.serial()), one);
            prop_assert_eq!(no.to_string().parse(), Ok(no.0));
            prop_assert_eq!(no.cmp(&other), one.cmp(&two));
        }

        #[test]
        fn offsets_go_up_and_down_by_one_and_stay_at_their_ends(offset in prop_oneof![any::<u64>(), 0..3_u64, u64::MAX - 2..]) {
            let offset = Offset(offset);
            prop_assert_eq!(offset.next().0, offset.0.saturating_add(1));
            prop_assert_eq!(offset.before().next(), offset.max(Offset(1)));
            prop_assert_eq!(offset.to_string().parse(), Ok(offset.0));
        }

        #[test]
        fn copies_have_the_ids_after_their_message(id in 0..MessageId::END - 501, n in 0..501_usize) {
            let copy = MessageId(id).plus(n);
            prop_assert!(copy.0 < MessageId::END && copy.0 - id == n as u64);
            prop_assert_eq!(copy.to_string().parse(), Ok(copy.0));
        }
    }
}
