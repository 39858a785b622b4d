//! What is said in a simulated room, and to whom: as the test knows it, apart from the server's own types.

use carillon_core::RoomNo;
use carillon_core::command::{Resend, RoomRecipients, RoomSend};
use carillon_core::model::{Point, RoomPriority};
use carillon_core::room::AbandonRatio;
use sha2::{Digest as _, Sha256};

use crate::tests::room::text;
use crate::tests::world::id;

/// The accounts' names. The first one creates the rooms; the last one there is not.
pub(super) const NAMES: [&str; 7] = ["ann", "bob", "carl", "dora", "eve", "finn", "nobody"];
pub(super) const ACCOUNTS: usize = 6;
pub(super) const TAGS: [&str; 4] = ["red", "green", "blue", "grey"];

/// A tag expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Tag(&'static str),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
}

impl Expr {
    /// Of those that have all of the tags; `None` for no tags.
    pub(super) fn of_all(tags: &[&'static str]) -> Option<Self> {
        tags.iter().map(|tag| Self::Tag(tag)).reduce(|one, two| Self::And(one.into(), two.into()))
    }

    pub(super) fn matches(&self, tags: &[&'static str]) -> bool {
        match self {
            Self::Tag(tag) => tags.contains(tag),
            Self::And(one, two) => one.matches(tags) && two.matches(tags),
            Self::Or(one, two) => one.matches(tags) || two.matches(tags),
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Tag(tag) => format!(r#"{{"tag":"{tag}"}}"#),
            Self::And(one, two) => format!("({} and {})", one.text(), two.text()),
            Self::Or(one, two) => format!("({} or {})", one.text(), two.text()),
        }
    }
}

/// Where a member is, all of them on one line, and how far it hears: everything, where it does not say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) at: i32,
    pub(super) distance: i32,
}

impl Place {
    /// With what a member says of it; nowhere it has no distance.
    pub(super) fn said(before: Option<Self>, at: Option<i32>, distance: Option<i32>) -> Result<Option<Self>, ()> {
        let Some(at) = at.or(before.map(|it| it.at)) else {
            return if distance.is_none() { Ok(None) } else { Err(()) };
        };
        let distance = distance.or(before.map(|it| it.distance)).unwrap_or(i32::MAX);
        Ok(Some(Self { at, distance }))
    }
}

#[derive(Clone, Debug)]
pub(super) enum To {
    Members { tags: Option<Expr>, at: Option<i32> },
    These(Vec<usize>),
}

#[derive(Clone, Debug)]
pub(super) struct Saying {
    pub(super) room: usize,
    pub(super) sender: usize,
    pub(super) client_id: String,
    pub(super) to: To,
    pub(super) high: bool,
    pub(super) for_returning: bool,
    pub(super) is_refused_if_frequent: bool,
    pub(super) ratio: u16,
    pub(super) although_muted: bool,
    pub(super) resend: Resend,
    pub(super) in_history: bool,
    /// What its sender asked for, as it said it.
    pub(super) asked: String,
}

impl Saying {
    pub(super) fn command(&self, room: RoomNo) -> RoomSend {
        let to = match &self.to {
            To::Members { tags, at } => RoomRecipients::Members {
                tags: tags.as_ref().map(Expr::text),
                point: at.map(|x| Point { x: x.into(), y: 0.0, z: 0.0 }),
            },
            To::These(accounts) => RoomRecipients::Accounts(accounts.iter().map(|it| id(NAMES[*it])).collect()),
        };
        RoomSend {
            client_id: self.client_id.clone(),
            fingerprint: Sha256::digest(&self.asked).into(),
            to,
            although_muted: self.although_muted,
            resend: self.resend,
            in_history: self.in_history,
            abandon_ratio: AbandonRatio::new(self.ratio).unwrap(),
            priority: RoomPriority { high: self.high, for_returning: self.for_returning, rank: 0 },
            refused_if_too_frequent: self.is_refused_if_frequent,
            ..text(room, NAMES[self.sender], &self.client_id)
        }
    }

    /// Whether it is of high priority, as long as there is not too much of that.
    pub(super) fn is_high(&self) -> bool {
        self.high && self.ratio == 0
    }

    /// Whether it names whom it is for.
    pub(super) fn is_directed(&self) -> bool {
        matches!(self.to, To::These(_))
    }

    pub(super) fn is_abandoned(&self) -> bool {
        AbandonRatio::new(self.ratio).unwrap().abandons(&self.client_id)
    }
}
