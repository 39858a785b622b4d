//! `profile.get` and `profile.set`: what the caller says about itself; and which of it others may see.

use bytes::Bytes;
use carillon_core::command::{AccountChange, ProfileChange};
use carillon_core::model::{Account, Gender};
use serde::{Deserialize, Serialize};

use super::{Caller, word};
use crate::protocol::code::ErrorCode;
use crate::protocol::json::object;
use crate::shard::Shard;
use crate::shard::query::Failed;

/// What every client may see of an account. What is not set is left out.
#[derive(Serialize)]
pub(super) struct Public<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    nick: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    avatar: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sign: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gender: Option<GenderWord>,
    #[serde(skip_serializing_if = "str::is_empty")]
    ext: &'a str,
}

/// What an account sees of itself.
#[derive(Serialize)]
struct Own<'a> {
    #[serde(flatten)]
    public: Public<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    email: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    birth: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mobile: &'a str,
}

/// What is given changes, what is empty is cleared, what is not given stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    nick: Option<String>,
    avatar: Option<String>,
    sign: Option<String>,
    email: Option<String>,
    birth: Option<String>,
    mobile: Option<String>,
    gender: Option<GenderWord>,
    ext: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GenderWord {
    Unknown,
    Male,
    Female,
}

pub(super) async fn get(shard: &Shard, caller: &Caller) -> Result<Bytes, Failed> {
    let account = {
        let _permit = shard.may_read().await;
        shard.server.pipeline.store.account_by_no(caller.account).await?
    };
    Ok(word(&Own::of(&account.ok_or(ErrorCode::INTERNAL)?)))
}

pub(super) async fn set(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let change: Change = object(data)?;
    change.check()?;
    let account = shard.change(caller, AccountChange::SetProfile(change.into())).await?;
    Ok(word(&Own::of(&account)))
}

impl Change {
    /// The limits are those that backends have: what either writes, the other can write back.
    fn check(&self) -> Result<(), ErrorCode> {
        let texts = [
            (&self.nick, 64),
            (&self.avatar, 1_024),
            (&self.sign, 256),
            (&self.email, 64),
            (&self.birth, 16),
            (&self.mobile, 32),
            (&self.ext, 1_024),
        ];
        let fits = |(text, max): (&Option<String>, usize)| text.as_ref().is_none_or(|it| it.chars().count() <= max);
        if texts.into_iter().all(fits) { Ok(()) } else { Err(ErrorCode::BAD_REQUEST) }
    }
}

impl From<Change> for ProfileChange {
    fn from(it: Change) -> Self {
        let gender = it.gender.map(|word| match word {
            GenderWord::Unknown => Gender::Unknown,
            GenderWord::Male => Gender::Male,
            GenderWord::Female => Gender::Female,
        });
        Self {
            name: it.nick,
            icon: it.avatar,
            sign: it.sign,
            email: it.email,
            birth: it.birth,
            mobile: it.mobile,
            gender,
            ex: it.ext,
            ..Self::default()
        }
    }
}

impl<'a> Public<'a> {
    pub(super) fn of(account: &'a Account) -> Self {
        let profile = &account.profile;
        Self {
            account: account.id.as_str(),
            nick: &profile.name,
            avatar: &profile.icon,
            sign: &profile.sign,
            gender: match profile.gender {
                Gender::Unknown => None,
                Gender::Male => Some(GenderWord::Male),
                Gender::Female => Some(GenderWord::Female),
            },
            ext: &profile.ex,
        }
    }
}

impl<'a> Own<'a> {
    fn of(account: &'a Account) -> Self {
        let profile = &account.profile;
        Self { public: Public::of(account), email: &profile.email, birth: &profile.birth, mobile: &profile.mobile }
    }
}
