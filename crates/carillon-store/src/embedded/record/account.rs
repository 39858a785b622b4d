//! An account on disk.

use carillon_core::model::{Account, Gender, MutedIn, Profile, Secret};
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
}

impl From<&Account> for AccountRecord {
    fn from(account: &Account) -> Self {
        let Account { no, id, token, profile, blocked, muted, muted_in, .. } = account.clone();
        let Account { do_not_disturb, has_logged_in, signed_since_ms, created_ms, .. } = *account;
        let Profile { name, icon, sign, email, birth, mobile, gender, ex } = profile;
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
            muted_direct: muted_in.direct,
            muted_teams: muted_in.teams,
            muted_rooms: muted_in.rooms,
            muted_communities: muted_in.communities,
            do_not_disturb,
            has_logged_in,
            signed_since_ms,
        }
    }
}

impl TryFrom<AccountRecord> for Account {
    type Error = StoreError;

    fn try_from(record: AccountRecord) -> Result<Self, StoreError> {
        let AccountRecord { name, icon, sign, email, birth, mobile, gender, ex, .. } = record;
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
            profile: Profile { name, icon, sign, email, birth, mobile, gender, ex },
            blocked: record.blocked,
            muted: record.muted,
            muted_in: MutedIn {
                direct: record.muted_direct,
                teams: record.muted_teams,
                rooms: record.muted_rooms,
                communities: record.muted_communities,
            },
            do_not_disturb: record.do_not_disturb,
            has_logged_in: record.has_logged_in,
            signed_since_ms: record.signed_since_ms,
            created_ms: record.created_ms,
        })
    }
}
