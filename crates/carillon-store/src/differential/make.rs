//! Random operations: small pools of names, so that they meet, and places far outside of what there is.

use std::ops::RangeInclusive;

use carillon_core::command::{AccountChange, MuteChange, ProfileChange};
use carillon_core::model::{
    ApiKey, App, AppSettings, Broadcast, Content, CopyOptions, CopyRef, DevicePolicy, DropReason, Edition, Element,
    Fate, Gender, Kind, Limit, Limits, Media, Modified, Mute, NewApp, Noted, Operation, Outcome, Place, Platform,
    Profile, Recall, RoomOutcomes, RoomSettings, Secret, Sender,
};
use carillon_core::port::{
    Change, CopyPlace, InboxPlan, ListSpan, NewAccount, NotedCopies, NotedInRoom, PageLimit, PlannedCopy, Settled,
    Span, View,
};
use carillon_core::{AccountId, AccountNo, AppId, DeviceId, MessageId, Offset};
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::op::{Op, Request};
use crate::fixture::{broadcast, device, id, new_account, new_app, plan};

/// Apps that there are at a time.
pub(super) const APPS: u32 = 3;
pub(super) const ACCOUNTS: u64 = 7;

/// Seconds that an app keeps what it has: some of them no whole minutes.
const RETENTIONS_S: [u64; 5] = [30, 60, 150, 600, 3_600];

pub(super) struct Make<'a> {
    pub(super) rng: &'a mut StdRng,
    pub(super) now_ms: u64,
    /// Ids that were given so far.
    pub(super) ids: u64,
    /// Copies that there were lately.
    pub(super) places: &'a [CopyPlace],
    /// The last number that an app was given.
    pub(super) last_app: u32,
}

/// The last numbers that apps were given: those that are there, and some that were removed.
pub(super) fn latest(last_app: u32) -> RangeInclusive<u32> {
    last_app.saturating_sub(APPS).max(1)..=last_app.max(1)
}

impl Make<'_> {
    /// A write that may share a group with others.
    pub(super) fn write(&mut self) -> Op {
        match self.rng.random_range(0..19) {
            14.. => self.write_in_room(),
            12 => Op::Settle(self.settled()),
            0 => Op::CreateAccount(self.account(), self.request()),
            10 | 11 => {
                let app = self.app();
                Op::Rewrite(app, self.rewrite(app), self.request())
            }
            13 => Op::Broadcast(self.broadcast(), self.request()),
            1 | 2 => Op::Change(self.app(), self.name(), self.change(), self.request()),
            _ => Op::Commit(Box::new(self.plan()), self.request()),
        }
    }

    /// Creates an app, or replaces or removes one of those that there are.
    pub(super) fn write_alone(&mut self, apps: &[App]) -> Op {
        if self.rng.random_bool(0.3) {
            return Op::RemoveAccount(self.app(), self.name());
        }
        let new = self.new_app();
        if apps.is_empty() || self.rng.random() {
            return Op::CreateApp(new);
        }
        let NewApp { name, token_secret, keys, settings } = new;
        let id = apps[self.rng.random_range(0..apps.len())].id;
        if self.rng.random() {
            return Op::RemoveApp(id);
        }
        Op::ReplaceApp(App { id, name, token_secret, keys, settings })
    }

    pub(super) fn claim(&mut self) -> Op {
        let offsets = (0..self.rng.random_range(0..4)).map(|_| self.offset()).collect();
        let devices: Vec<DeviceId> =
            (0..self.rng.random_range(0..3)).map(|_| device(self.pick(&["d", "de", "pad"]))).collect();
        Op::Claim(self.no(), offsets, devices, self.rng.random_bool(0.3))
    }

    pub(super) fn read(&mut self) -> Op {
        match self.rng.random_range(0..30) {
            0 => Op::Apps,
            24..=27 => self.read_room(),
            20 | 21 => Op::Record(self.message_id()),
            1 => Op::Account(self.app(), self.name()),
            2 => Op::AccountByNo(self.no()),
            3 => Op::Facts(self.app(), self.names()),
            4 => Op::InAnotherCase(self.app(), self.names()),
            5 => Op::BlockedBy(self.no(), (0..self.rng.random_range(0..5)).map(|_| self.no()).collect()),
            6 => Op::Blocklist(self.no()),
            7 => Op::InboxState(self.no()),
            8 => Op::Read(self.no(), self.offset(), self.limit()),
            9 => Op::ReadBack(self.no(), self.offset(), self.limit()),
            10 => Op::Message(self.app(), self.message_id()),
            11 => Op::Accounts(self.app(), self.names()),
            12 => Op::Silenced(self.no()),
            13 | 14 => {
                let one = self.no();
                let between = (one, if self.rng.random_bool(0.8) { self.no_of(one.app()) } else { self.no() });
                Op::Conversation(between, self.view(between), self.span(), self.limit())
            }
            15 | 16 => Op::Conversations(self.no(), self.list_span()),
            17 => {
                let app = self.app();
                let place = self.place(app);
                Op::Sees(self.pick(&[place.sender, place.recipient]), place)
            }
            18 => Op::ReadMark(self.no(), self.no()),
            19 => Op::Acknowledged(self.no(), device(self.pick(&["d", "de", "pad"]))),
            28 => {
                let of = self.rng.random_bool(0.5).then(|| (0..3).map(|_| self.no()).collect());
                Op::Unread(self.no(), of)
            }
            22 => Op::Broadcasts(self.app(), self.now_ms + self.rng.random_range(0..300_000)),
            23 => Op::NotedBroadcast(self.no(), device(self.pick(&["d", "de", "pad"])), self.now_ms),
            _ => Op::Remembered(self.app(), self.request_id(), self.now_ms + self.rng.random_range(0..300_000)),
        }
    }

    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.random_range(0..all.len())]
    }

    pub(super) fn app(&mut self) -> AppId {
        AppId(self.rng.random_range(latest(self.last_app)))
    }

    pub(super) fn name(&mut self) -> AccountId {
        let n = self.rng.random_range(1..=ACCOUNTS + 1);
        // Each is the beginning of the next, as in keys.
        let name = &"ab".repeat(8)[..usize::try_from(n).unwrap()];
        if self.rng.random_bool(0.1) { id(&name.replace('a', "A")) } else { id(name) }
    }

    fn names(&mut self) -> Vec<AccountId> {
        (0..self.rng.random_range(0..5)).map(|_| self.name()).collect()
    }

    pub(super) fn no(&mut self) -> AccountNo {
        if self.rng.random_bool(0.02) {
            return self.pick(&[AccountNo(0), AccountNo(u64::MAX)]);
        }
        AccountNo::new(self.app(), self.rng.random_range(1..=ACCOUNTS))
    }

    fn offset(&mut self) -> Offset {
        match self.rng.random_range(0..12) {
            0 => Offset(self.pick(&[u64::MAX, u64::MAX - 1, 1 << 40, (1 << 40) - 1])),
            1 => Offset(0),
            _ => Offset(self.rng.random_range(0..=self.ids / 8 + 2)),
        }
    }

    fn list_span(&mut self) -> ListSpan {
        let (before, limit) = (self.message_id(), self.rng.random_range(0..5));
        ListSpan { before, limit, counts_unread: self.rng.random() }
    }

    pub(super) fn message_id(&mut self) -> MessageId {
        match self.rng.random_range(0..12) {
            0 => MessageId(self.pick(&[u64::MAX, u64::MAX - 1, MessageId::END, MessageId::END - 1])),
            1 => MessageId(0),
            _ => MessageId(self.rng.random_range(0..=self.ids + 2)),
        }
    }

    /// A copy that may be there.
    fn place(&mut self, app: AppId) -> CopyPlace {
        let known: Vec<CopyPlace> = self.places.iter().filter(|it| it.sender.app() == app).copied().collect();
        if !known.is_empty() && self.rng.random_bool(0.8) {
            return self.pick(&known);
        }
        let (message, distance) = (self.message_id().0.min(MessageId::END), self.rng.random_range(0..4));
        let (sender, recipient) = (self.no_of(app), self.no_of(app));
        CopyPlace { sender, recipient, message: MessageId(message), copy: MessageId(message + distance) }
    }

    pub(super) fn no_of(&mut self, app: AppId) -> AccountNo {
        AccountNo::new(app, self.rng.random_range(1..=ACCOUNTS))
    }

    fn rewrite(&mut self, app: AppId) -> Change {
        match self.rng.random_range(0..13) {
            11 | 12 => Change::Modify { place: self.place(app), edition: self.edition() },
            9 => Change::NoteBroadcasts {
                account: self.no_of(app),
                device: device(self.pick(&["d", "de", "pad"])),
                through: self.message_id(),
                devices_max: self.rng.random_range(1..=3),
            },
            0 | 1 => Change::Withdraw { place: self.place(app), from_sender: self.rng.random() },
            2 | 3 => Change::Delete { place: self.place(app) },
            4 | 5 => Change::Read { reader: self.no_of(app), other: self.no_of(app), through: self.message_id() },
            10 => Change::Unlist { account: self.no_of(app), other: self.no_of(app) },
            6 => Change::Forget {
                account: self.no_of(app),
                other: self.no_of(app),
                other_id: if self.rng.random() { id("sender") } else { self.name() },
                history: self.rng.random(),
            },
            _ => Change::Acknowledge {
                account: self.no_of(app),
                device: device(self.pick(&["d", "de", "pad"])),
                offset: self.offset(),
                devices_max: self.rng.random_range(1..=3),
            },
        }
    }

    /// What was noted of a few messages, some of which are none.
    fn settled(&mut self) -> Settled {
        let known = |it: &mut Self| MessageId(it.rng.random_range(0..=it.ids));
        let messages = (0..self.rng.random_range(0..4)).map(|_| {
            let outcomes = [Outcome::Delivered, Outcome::Dropped(DropReason::SlowConnection)];
            let mut copies: Vec<Noted> = Vec::new();
            for distance in 0..8 {
                if self.rng.random_bool(0.3) {
                    copies.push(Noted { distance, outcome: self.pick(&outcomes) });
                }
            }
            NotedCopies { message: known(self), copies }
        });
        let messages = messages.collect();
        let in_rooms = (0..self.rng.random_range(0..4)).map(|_| self.noted_in_room(known)).collect();
        let unknown = (0..self.rng.random_range(0..2)).map(|_| {
            let from = known(self);
            (from, from.plus(self.rng.random_range(0..20)))
        });
        let unknown = unknown.collect();
        Settled { messages, in_rooms, unknown, end: known(self) }
    }

    fn noted_in_room(&mut self, known: impl Fn(&mut Self) -> MessageId) -> NotedInRoom {
        let mut outcomes = RoomOutcomes::default();
        for _ in 0..self.rng.random_range(0..3) {
            let outcome = self.pick(&[Outcome::Delivered, Outcome::Dropped(DropReason::Overrun)]);
            outcomes.counts.add(outcome, self.rng.random_range(0..1_000));
            outcomes.note(self.no(), outcome);
        }
        // Few stamps, so that some of them are of what is noted already.
        NotedInRoom { message: known(self), stamp: self.rng.random_range(1..6), outcomes }
    }

    /// Whoever looks at a conversation is one of its two.
    pub(super) fn view(&mut self, between: (AccountNo, AccountNo)) -> View {
        let account = self.pick(&[between.0, between.1]);
        let [account, past, all] = [View::Account(account), View::Past(account), View::All(account)];
        self.pick(&[all, View::Backend { unseen: true }, View::Backend { unseen: false }, account, past])
    }

    fn span(&mut self) -> Span {
        let before = if self.rng.random() { MessageId(u64::MAX) } else { self.message_id() };
        Span { after: self.message_id(), before, newest_first: self.rng.random() }
    }

    pub(super) fn limit(&mut self) -> PageLimit {
        let bytes = self.pick(&[0, 1_000, 10_000, usize::MAX]);
        PageLimit { entries: self.rng.random_range(0..30), bytes }
    }

    fn request_id(&mut self) -> String {
        self.pick(&["", "r", "r1", "r2", "ra\0", "ü"]).to_owned()
    }

    pub(super) fn request(&mut self) -> Option<Request> {
        let expires_ms = self.now_ms + self.rng.random_range(0..300_000);
        self.rng.random_bool(0.3).then(|| Request { id: self.request_id(), expires_ms })
    }

    fn change(&mut self) -> AccountChange {
        match self.rng.random_range(0..12) {
            0 => AccountChange::SetToken(Secret::new(self.text(9))),
            1 => AccountChange::SetBlocked(self.rng.random()),
            2 => AccountChange::SetMuted(self.rng.random()),
            3 => AccountChange::SetProfile(self.profile_change()),
            4 => AccountChange::SetMutedIn(MuteChange {
                direct: self.maybe(Self::mute),
                teams: self.maybe(Self::mute),
                rooms: self.maybe(Self::mute),
                communities: self.maybe(Self::mute),
            }),
            5 => AccountChange::SetDoNotDisturb(self.rng.random()),
            11 => AccountChange::VoidSigned { before_ms: self.rng.random_range(0..9) },
            6 => AccountChange::NoteLogin,
            7 | 8 => AccountChange::SetSilenced { other: self.name(), on: self.rng.random_bool(0.6) },
            _ => AccountChange::SetBlocklisted { other: self.name(), on: self.rng.random_bool(0.6) },
        }
    }

    fn mute(&mut self) -> Mute {
        self.pick(&[Mute::NONE, Mute { until_ms: 7 }, Mute::FOR_EVER])
    }

    fn profile_change(&mut self) -> ProfileChange {
        ProfileChange {
            name: self.maybe(|it| it.text(9)),
            icon: self.maybe(|it| it.text(9)),
            sign: self.maybe(|it| it.text(9)),
            email: self.maybe(|it| it.text(9)),
            birth: self.maybe(|it| it.text(9)),
            mobile: self.maybe(|it| it.text(9)),
            gender: self.maybe(Self::gender),
            ex: self.maybe(|it| it.text(9)),
            tags: [(self.pick(&["a", "b"]).to_owned(), self.text(9))].into(),
        }
    }

    fn gender(&mut self) -> Gender {
        self.pick(&[Gender::Unknown, Gender::Male, Gender::Female])
    }

    fn account(&mut self) -> NewAccount {
        let profile = Profile {
            name: self.text(9),
            icon: self.text(9),
            sign: self.text(9),
            email: self.text(9),
            birth: self.text(9),
            mobile: self.text(9),
            gender: self.gender(),
            ex: self.text(9),
            tags: std::collections::BTreeMap::new(),
        };
        NewAccount { id: self.name(), profile, ..new_account(self.app(), "a") }
    }

    fn new_app(&mut self) -> NewApp {
        let mut key = || ApiKey {
            dialect: self.pick(&["one", "two"]).to_owned(),
            key: self.rng.random_range(0..12).to_string(),
            secret: Secret::new(self.text(9)),
            operators: vec![self.name(); self.rng.random_range(0..2)],
        };
        let keys = vec![key()];
        let sliding = Limit::Sliding { calls: self.rng.random(), window_ms: self.rng.random(), shut_out_ms: 0 };
        let own = [(self.pick(&Operation::ALL), self.pick(&[Limit::Unlimited, sliding]))].into();
        let settings = AppSettings {
            disabled: self.rng.random(),
            limits: Limits { unlimited: self.rng.random(), own },
            inbox_retention_s: self.pick(&RETENTIONS_S),
            history_retention_s: self.pick(&RETENTIONS_S),
            batch_enabled: self.rng.random(),
            broadcast_enabled: self.rng.random(),
            nonce_once: self.rng.random(),
            create_unknown_accounts: self.rng.random(),
            blocklist_applies: self.rng.random(),
            recall_window_s: self.pick(&RETENTIONS_S),
            devices: self.pick(&DevicePolicy::ALL),
            rooms: self.room_settings(),
        };
        NewApp { keys, settings, ..new_app(self.pick(&["shop", "chat", "game", "bank", "mail"])) }
    }

    fn broadcast(&mut self) -> Broadcast {
        let app = self.app();
        let from = Sender { no: self.no_of(app), account: self.name(), nick: self.text(5), avatar: self.text(5) };
        let times = (self.now_ms, self.now_ms + self.rng.random_range(0..300_000));
        let platforms = Platform::ALL.into_iter().filter(|_| self.rng.random()).collect();
        let from = self.rng.random_bool(0.5).then_some(from);
        Broadcast { from, platforms, ..broadcast(app, &self.text(9), self.rng.random_bool(0.8), times) }
    }

    fn room_settings(&mut self) -> RoomSettings {
        RoomSettings {
            rooms_max: self.rng.random_range(0..5),
            history_retention_s: self.pick(&RETENTIONS_S),
            resend_window_s: self.rng.random(),
            resend_must_be_known: self.rng.random(),
            normal_per_s: self.rng.random(),
            high_per_s: self.rng.random(),
            high_per_room_s: self.rng.random(),
            delayed_closing: self.rng.random(),
            unplaced_get_placed: self.rng.random(),
            zero_is_no_point: self.rng.random(),
            grace_s: self.rng.random(),
            broadcast_enabled: self.rng.random(),
            high_return_s: self.rng.random(),
            moves_told_max: self.rng.random(),
            moves_told_per_s: self.rng.random(),
            anonymous_enabled: self.rng.random(),
        }
    }

    fn fate(&mut self) -> Fate {
        match self.rng.random_range(0..10) {
            0 | 1 => Fate::Drop(self.pick(&DropReason::ALL)),
            2 => Fate::OnlineOnly,
            3 => Fate::Hidden,
            _ => Fate::Inbox,
        }
    }

    fn plan(&mut self) -> InboxPlan {
        let app = self.app();
        let from = self.rng.random_range(1..=ACCOUNTS);
        let mut to: Vec<(u64, Fate)> = Vec::new();
        for serial in 1..=ACCOUNTS {
            if self.rng.random_bool(0.3) {
                // One of two of them has blocked the other one for good, so that there are conversations with nothing else.
                let fate = if from == 1 && serial > 4 { Fate::Drop(DropReason::Blocked) } else { self.fate() };
                to.push((serial, fate));
            }
        }
        if self.rng.random() {
            to.reverse();
        }
        if self.rng.random_bool(0.2) {
            // The same for all of them, often such that nothing of it is kept.
            let all = self.fate();
            to.iter_mut().for_each(|(_, fate)| *fate = all);
        }
        let mut plan = plan(app, from, &to, self.now_ms);
        plan.in_conversations = self.rng.random_bool(0.7);
        plan.change = if self.rng.random_bool(0.1) { Some(self.rewrite(app)) } else { None };
        plan.unregistered = self.rng.random_range(0..3);
        let sender = PlannedCopy { to: AccountNo::new(app, from), fate: self.fate() };
        plan.sender_copy = self.rng.random_bool(0.4).then_some(sender);
        let it = &mut plan.message;
        it.content = self.content();
        it.origin.clone_from(&it.content.dialect);
        it.options = self.options();
        for text in [
            &mut it.client_id,
            &mut it.ext,
            &mut it.push.text,
            &mut it.push.payload,
            &mut it.push.sound,
            &mut it.push.original,
            &mut it.moderation.profile,
            &mut it.moderation.anti_cheating,
            &mut it.moderation.anti_spam_ext,
            &mut it.description,
            &mut it.environment,
            &mut it.sender.nick,
            &mut it.sender.avatar,
        ] {
            *text = self.text(6);
        }
        it.moderation.enabled = self.rng.random();
        it.push.despite_silence = self.rng.random();
        it.wants_receipt = self.rng.random();
        it.expires_ms = self.maybe(|it| it.rng.random());
        it.sender_sees = self.rng.random();
        it.recipients_see = self.rng.random_bool(0.7);
        it.recipients = (0..self.rng.random_range(0..3)).map(|_| self.name()).collect();
        plan
    }

    pub(super) fn content(&mut self) -> Content {
        let elements = (0..self.rng.random_range(0..3)).map(|_| self.element()).collect();
        let length = self.pick(&[10, 10, 10, 10, 100, 3_000]);
        let kinds = [Kind::Text, Kind::Image, Kind::Audio, Kind::Video];
        let more = [Kind::Location, Kind::File, Kind::Tip, Kind::Custom];
        Content {
            kind: if self.rng.random() { self.pick(&kinds) } else { self.pick(&more) },
            elements,
            original: self.text(length),
            dialect: self.text(4),
            elements_say_all: self.rng.random(),
        }
    }

    fn edition(&mut self) -> Edition {
        Edition { content: self.content(), ext: self.text(6) }
    }

    fn element(&mut self) -> Element {
        match self.rng.random_range(0..13) {
            // Seldom more than one inside of another.
            12 => Element::Modified(Modified { of: self.copy_ref(), edition: self.edition() }),
            8 => Element::Notice { text: self.text(9) },
            9 => Element::Recall(Recall { of: self.copy_ref(), note: self.text(5), attachment: self.text(5) }),
            10 => Element::Read(self.copy_ref()),
            0 => Element::Text { text: self.text(9) },
            1 => Element::Tip { text: self.text(9) },
            2 => Element::Custom { json: self.text(9) },
            3 => Element::Image(self.media()),
            4 => Element::Audio(self.media()),
            5 => Element::Video(self.media()),
            6 => Element::File(self.media()),
            _ => Element::Location(Place {
                title: self.maybe(|it| it.text(5)),
                latitude: self.maybe(|it| it.rng.random()),
                longitude: self.maybe(|it| it.rng.random()),
            }),
        }
    }

    fn copy_ref(&mut self) -> CopyRef {
        let (message, copy) = (self.message_id(), self.message_id());
        CopyRef { message, copy, client_id: self.text(5), time_ms: self.rng.random() }
    }

    fn media(&mut self) -> Media {
        Media {
            url: self.maybe(|it| it.text(9)),
            name: self.maybe(|it| it.text(9)),
            md5: self.maybe(|it| it.text(9)),
            ext: self.maybe(|it| it.text(9)),
            size: self.maybe(|it| it.rng.random()),
            width: self.maybe(|it| it.rng.random()),
            height: self.maybe(|it| it.rng.random()),
            duration_ms: self.maybe(|it| it.rng.random()),
        }
    }

    fn options(&mut self) -> CopyOptions {
        let mut on = || self.rng.random();
        CopyOptions {
            persistent: on(),
            roam: on(),
            history: on(),
            sender_sync: on(),
            push: on(),
            push_nick: on(),
            route: on(),
            badge: on(),
            session_update: on(),
        }
    }

    pub(super) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.rng.random() { Some(make(self)) } else { None }
    }

    /// Up to so many characters, some of them of two bytes.
    pub(super) fn text(&mut self, max: usize) -> String {
        let length = self.rng.random_range(0..=max);
        (0..length).map(|_| self.pick(&['a', 'Z', '0', 'é', '"', '\0'])).collect()
    }
}
