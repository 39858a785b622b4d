//! An account on disk.

use std::collections::BTreeMap;

use carillon_core::model::{Account, Gender, Mute, MutedIn, Profile, Secret};
use carillon_core::port::StoreError;
use carillon_core::{AccountId, AccountNo};

use super::wrong;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AccountRecord {
    #[prost(uint64, tag = "1")]
    no: u64,
    #[prost(string, tag = "2")]
    id: String,
    #[prost(string, tag = "3")]
    token: String,
    #[prost(bool, tag = "4")]
    blocked: bool,
    #[prost(bool, tag = "5")]
    muted: bool,
    #[prost(uint64, tag = "6")]
    created_ms: u64,
    #[prost(string, tag = "7")]
    name: String,
    #[prost(string, tag = "8")]
    icon: String,
    #[prost(string, tag = "9")]
    sign: String,
    #[prost(string, tag = "10")]
    email: String,
    #[prost(string, tag = "11")]
    birth: String,
    #[prost(string, tag = "12")]
    mobile: String,
    #[prost(uint32, tag = "13")]
    gender: u32,
    #[prost(string, tag = "14")]
    ex: String,
    #[prost(bool, tag = "15")]
    muted_direct: bool,
    #[prost(bool, tag = "16")]
    muted_teams: bool,
    #[prost(bool, tag = "17")]
    muted_rooms: bool,
    #[prost(bool, tag = "18")]
    muted_communities: bool,
    #[prost(bool, tag = "19")]
    do_not_disturb: bool,
    #[prost(bool, tag = "20")]
    has_logged_in: bool,
    #[prost(uint64, tag = "21")]
    signed_since_ms: u64,
    /// The ends of mutes that have one.
    #[prost(uint64, tag = "22")]
    muted_direct_until_ms: u64,
    #[prost(uint64, tag = "23")]
    muted_teams_until_ms: u64,
    #[prost(uint64, tag = "24")]
    muted_rooms_until_ms: u64,
    #[prost(uint64, tag = "25")]
    muted_communities_until_ms: u64,
    #[prost(btree_map = "string, string", tag = "26")]
    tags: BTreeMap<String, String>,
    /// Whether it has a blocklist, so that nobody must look whether there is any row of one.
    #[prost(bool, tag = "27")]
    pub(crate) has_blocklist: bool,
}

impl AccountRecord {
    pub(crate) fn new(account: &Account, has_blocklist: bool) -> Self {
        let Account { no, id, token, profile, blocked, muted, muted_in, .. } = account.clone();
        let Account { do_not_disturb, has_logged_in, signed_since_ms, created_ms, .. } = *account;
        let Profile { name, icon, sign, email, birth, mobile, gender, ex, tags } = profile;
        let gender = match gender {
            Gender::Unknown => 0,
            Gender::Male => 1,
            Gender::Female => 2,
        };
        Self {
            no: no.0,
            id: id.as_str().into(),
            token: token.expose().into(),
            blocked,
            muted,
            created_ms,
            name,
            icon,
            sign,
            email,
            birth,
            mobile,
            gender,
            ex,
            muted_direct: muted_in.direct == Mute::FOR_EVER,
            muted_teams: muted_in.teams == Mute::FOR_EVER,
            muted_rooms: muted_in.rooms == Mute::FOR_EVER,
            muted_communities: muted_in.communities == Mute::FOR_EVER,
            muted_direct_until_ms: end(muted_in.direct),
            muted_teams_until_ms: end(muted_in.teams),
            muted_rooms_until_ms: end(muted_in.rooms),
            muted_communities_until_ms: end(muted_in.communities),
            tags,
            do_not_disturb,
            has_logged_in,
            signed_since_ms,
            has_blocklist,
        }
    }
}

/// 0 for a mute without an end.
fn end(mute: Mute) -> u64 {
    if mute == Mute::FOR_EVER { 0 } else { mute.until_ms }
}

fn mute(for_ever: bool, until_ms: u64) -> Mute {
    if for_ever { Mute::FOR_EVER } else { Mute { until_ms } }
}

impl TryFrom<AccountRecord> for Account {
    type Error = StoreError;

    fn try_from(record: AccountRecord) -> Result<Self, StoreError> {
        let AccountRecord { name, icon, sign, email, birth, mobile, gender, ex, tags, .. } = record;
        let gender = match gender {
            0 => Gender::Unknown,
            1 => Gender::Male,
            2 => Gender::Female,
            3.. => return Err(wrong("a gender")),
        };
        Ok(Self {
            no: AccountNo(record.no),
            id: AccountId::new(&record.id).map_err(|_| wrong("an account's id"))?,
            token: Secret::new(record.token),
            profile: Profile { name, icon, sign, email, birth, mobile, gender, ex, tags },
            blocked: record.blocked,
            muted: record.muted,
            muted_in: MutedIn {
                direct: mute(record.muted_direct, record.muted_direct_until_ms),
                teams: mute(record.muted_teams, record.muted_teams_until_ms),
                rooms: mute(record.muted_rooms, record.muted_rooms_until_ms),
                communities: mute(record.muted_communities, record.muted_communities_until_ms),
            },
            do_not_disturb: record.do_not_disturb,
            has_logged_in: record.has_logged_in,
            signed_since_ms: record.signed_since_ms,
            created_ms: record.created_ms,
        })
    }
}
