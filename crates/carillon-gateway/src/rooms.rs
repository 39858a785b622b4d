//! Which shards have members of which room, and the numbers of what each room hands out.
//!
//! News get their number and go into the mailboxes under one lock, so that every shard gets a room's news in the order of
//! their numbers, which is the order of commits. Nothing here waits: a mailbox that is full says so.
//!
//! A room that nobody is in, or on the way into, is forgotten; its numbers then start anew.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use bytes::{Bytes, BytesMut};
use carillon_core::model::{RoomCard, RoomCommitted, RoomKey, RoomMessage, RoomNews, RoomTo};
use carillon_core::room::{Audience, Expression, FanoutNo, Named, Point, Priority, Seen, To};
use carillon_core::{AccountNo, AppId, MessageId, RoomNo};

use crate::format;
use crate::protocol::Reply;
use crate::protocol::reply::{Publication, Push};
use crate::record::RoomTally;
use crate::wire::{WIRES, Wire};

/// What is new in a room, on its way to the shards.
pub(crate) struct RoomMail {
    pub(crate) room: RoomKey,
    pub(crate) news: News,
    /// Of a message that is sent again, the number that it had the first time.
    pub(crate) no: FanoutNo,
    /// Of a message that is sent again and whose number is forgotten: then whoever was there at that time, in ms since 1970,
    /// is taken to have it.
    pub(crate) had_until_ms: Option<u64>,
    /// What becomes of the message that it brings.
    pub(crate) tally: Option<Arc<RoomTally>>,
    audience: OnceLock<Audience>,
    frames: [OnceLock<Bytes>; WIRES],
}

pub(crate) enum News {
    Committed(Arc<RoomCommitted>),
    /// Somebody came or went.
    Moved(Moved),
}

/// What members are told of somebody who came or went.
pub(crate) struct Moved {
    /// Who is not told itself.
    pub(crate) account: AccountNo,
    /// The members that are told; `None` for all.
    pub(crate) tags: Option<Expression>,
    pub(crate) data: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Rooms(Mutex<BTreeMap<RoomKey, Live>>);

/// Who of a room is in one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Here {
    /// Accounts that count as there; each is in one shard only.
    pub(crate) accounts: usize,
    pub(crate) connections: usize,
    /// Connections that are being let in.
    pub(crate) entering: usize,
    /// Accounts that are gone, and may come back in time for what they miss.
    pub(crate) returning: usize,
}

#[derive(Default)]
struct Live {
    last: FanoutNo,
    /// The ids of the last messages, as many as members remember; the newest, which has the number `last`, at the end.
    recent: VecDeque<MessageId>,
    /// By shard.
    here: Vec<Here>,
    /// What the store was told last of whether anybody is there; and whether it is being told.
    reported: Option<bool>,
    is_reporting: bool,
    /// How accounts show themselves that say so; their shards hold it for as long as they are there.
    cards: HashMap<AccountNo, Weak<RoomCard>>,
}

impl Rooms {
    /// Changes who is in a shard. Returns the number of the room's last message: the shard gets all that come after it.
    pub(crate) fn change(&self, room: RoomKey, shard: usize, change: impl FnOnce(&mut Here)) -> FanoutNo {
        let mut rooms = self.lock();
        let live = rooms.entry(room).or_default();
        if live.here.len() <= shard {
            live.here.resize(shard + 1, Here::default());
        }
        change(&mut live.here[shard]);
        let last = live.last;
        if live.is_over() {
            rooms.remove(&room);
        }
        last
    }

    /// Who is in the room, over all shards.
    pub(crate) fn here(&self, room: RoomKey) -> Here {
        let rooms = self.lock();
        let here = rooms.get(&room).map_or(&[][..], |live| &live.here);
        here.iter().fold(Here::default(), |sum, it| Here {
            accounts: sum.accounts + it.accounts,
            connections: sum.connections + it.connections,
            entering: sum.entering + it.entering,
            returning: sum.returning + it.returning,
        })
    }

    /// What an account that is there says of itself from now on, as long as somebody holds it.
    pub(crate) fn show(&self, room: RoomKey, account: AccountNo, card: Option<&Arc<RoomCard>>) {
        let mut rooms = self.lock();
        let (Some(live), Some(card)) = (rooms.get_mut(&room), card) else { return };
        // Before it grows, those go that are not there any more.
        if live.cards.len() == live.cards.capacity() {
            live.cards.retain(|_, it| it.strong_count() > 0);
        }
        live.cards.insert(account, Arc::downgrade(card));
    }

    pub(crate) fn card(&self, room: RoomKey, account: AccountNo) -> Option<Arc<RoomCard>> {
        self.lock().get(&room)?.cards.get(&account)?.upgrade()
    }

    /// The app's rooms in which anybody is, on the way in, or who may come back: by number, from the one after `after` on.
    pub(crate) fn awaited_in(&self, app: AppId, after: u64, limit: usize) -> Vec<RoomNo> {
        let Some(no) = after.checked_add(1).and_then(RoomNo::new) else { return Vec::new() };
        let rooms = self.lock();
        let of_app = rooms.range(RoomKey { app, no }..).take_while(|(key, _)| key.app == app);
        of_app.filter(|(_, live)| live.is_awaited()).map(|(key, _)| key.no).take(limit).collect()
    }

    /// Gives the news their number and hands them to `put` with each shard that has somebody in the room.
    pub(crate) fn publish(
        &self,
        news: &Arc<RoomCommitted>,
        tally: Option<Arc<RoomTally>>,
        put: impl FnMut(usize, &Arc<RoomMail>, Here),
    ) {
        let mut rooms = self.lock();
        let Some(live) = rooms.get_mut(&news.room.key) else { return };
        let (no, had_until_ms) = match &news.news {
            RoomNews::Message(message) => (live.next(message.id), None),
            RoomNews::Repeat { first, first_ms, .. } => match live.number(*first) {
                Some(no) => (no, None),
                // Nothing is to be found by this number again.
                None => (live.next(MessageId(0)), Some(*first_ms)),
            },
            RoomNews::Notice(_) => (live.last, None),
        };
        let mail = RoomMail::new(news.room.key, News::Committed(Arc::clone(news)), (no, had_until_ms));
        live.put(RoomMail { tally, ..mail }, put);
    }

    /// Hands to `put` that somebody came or went, as [`Rooms::publish`] does.
    pub(crate) fn publish_move(&self, room: RoomKey, moved: Moved, put: impl FnMut(usize, &Arc<RoomMail>, Here)) {
        let mut rooms = self.lock();
        let Some(live) = rooms.get_mut(&room) else { return };
        live.put(RoomMail::new(room, News::Moved(moved), (live.last, None)), put);
    }

    /// What the store is to be told of whether anybody is there, if that is not being done already.
    pub(crate) fn begin_report(&self, room: RoomKey) -> Option<bool> {
        let mut rooms = self.lock();
        let live = rooms.get_mut(&room)?;
        if live.is_reporting || live.reported == Some(live.is_empty()) {
            return None;
        }
        live.is_reporting = true;
        Some(live.is_empty())
    }

    /// The store was told; returns what it is to be told next.
    pub(crate) fn reported(&self, room: RoomKey, is_empty: bool) -> Option<bool> {
        let mut rooms = self.lock();
        let live = rooms.get_mut(&room)?;
        live.reported = Some(is_empty);
        if live.is_empty() != is_empty {
            return Some(!is_empty);
        }
        live.is_reporting = false;
        if live.is_over() {
            rooms.remove(&room);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RoomKey, Live>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Live {
    /// Whether no account counts as there.
    fn is_empty(&self) -> bool {
        self.here.iter().all(|here| here.accounts == 0)
    }

    fn is_over(&self) -> bool {
        let is_told = !self.is_reporting && self.reported != Some(false);
        is_told && !self.is_awaited()
    }

    fn is_awaited(&self) -> bool {
        self.here.iter().any(|here| *here != Here::default())
    }

    fn put(&self, mail: RoomMail, mut put: impl FnMut(usize, &Arc<RoomMail>, Here)) {
        let mail = Arc::new(mail);
        let there = self.here.iter().enumerate().filter(|(_, here)| **here != Here::default());
        there.for_each(|(shard, here)| put(shard, &mail, *here));
    }

    fn next(&mut self, id: MessageId) -> FanoutNo {
        self.last.0 += 1;
        if self.recent.len() as u64 == Seen::LEN {
            self.recent.pop_front();
        }
        self.recent.push_back(id);
        self.last
    }

    fn number(&self, id: MessageId) -> Option<FanoutNo> {
        let back = self.recent.iter().rev().position(|it| *it == id)?;
        Some(FanoutNo(self.last.0 - back as u64))
    }
}

impl RoomMail {
    fn new(room: RoomKey, news: News, (no, had_until_ms): (FanoutNo, Option<u64>)) -> Self {
        Self { room, news, no, had_until_ms, tally: None, audience: OnceLock::new(), frames: Default::default() }
    }

    /// The message that it brings, if it does.
    pub(crate) fn message(&self) -> Option<&RoomMessage> {
        match &self.news {
            News::Committed(committed) => committed.news.message().map(|it| &**it),
            News::Moved(_) => None,
        }
    }

    /// Whether it brings a message that names whom it is for.
    pub(crate) fn is_directed(&self) -> bool {
        self.message().is_some_and(|it| matches!(it.to, RoomTo::Accounts(_)))
    }

    /// Whether what follows from it must follow, however much waits.
    pub(crate) fn is_notice(&self) -> bool {
        matches!(self.news, News::Committed(_)) && self.message().is_none()
    }

    /// Whether it brings that somebody came or went.
    pub(crate) fn is_move(&self) -> bool {
        matches!(self.news, News::Moved(_))
    }

    /// What goes first among the messages that wait: of high priority, and then of the higher rank.
    pub(crate) fn urgency(&self) -> (bool, u8) {
        self.message().map(|it| (it.priority.high, it.priority.rank)).unwrap_or_default()
    }

    pub(crate) fn is_repeat(&self) -> bool {
        match &self.news {
            News::Committed(committed) => matches!(committed.news, RoomNews::Repeat { .. }),
            News::Moved(_) => false,
        }
    }

    /// Whom the message is for. Compiled by the first shard that asks, so that the writer does not wait for it.
    pub(crate) fn audience(&self, message: &RoomMessage) -> &Audience {
        self.audience.get_or_init(|| {
            let is_resend = self.had_until_ms.is_none() && self.is_repeat();
            audience(message, is_resend)
        })
    }

    /// What members are told, as a finished frame of the wire.
    pub(crate) fn frame(&self, wire: &'static dyn Wire) -> &Bytes {
        self.frames[wire.place()].get_or_init(|| publication(self.room, self.data(), wire))
    }

    fn data(&self) -> Vec<u8> {
        match &self.news {
            News::Committed(committed) => match &committed.news {
                RoomNews::Message(message) | RoomNews::Repeat { message, .. } => format::room_message(message),
                RoomNews::Notice(notice) => format::room_event(&committed.room, notice),
            },
            News::Moved(moved) => moved.data.clone(),
        }
    }
}

/// A finished frame with a publication of a room.
pub(crate) fn publication(room: RoomKey, data: Vec<u8>, wire: &'static dyn Wire) -> Bytes {
    let publication = Publication { data, offset: 0 };
    push(Push { channel: channel(room), r#pub: Some(publication), ..Push::default() }, wire)
}

pub(crate) fn push(push: Push, wire: &'static dyn Wire) -> Bytes {
    let mut out = BytesMut::new();
    wire.put(&wire.encoding().encode(&Reply { push: Some(push), ..Reply::default() }), &mut out);
    out.freeze()
}

/// What clients call a room.
pub(crate) const CHANNEL: &str = "room:";

pub(crate) fn channel(room: RoomKey) -> String {
    format!("{CHANNEL}{}", room.no)
}

/// Whom the message is for.
pub(crate) fn audience(message: &RoomMessage, is_resend: bool) -> Audience {
    let (to, tags, at) = match &message.to {
        RoomTo::Members { tags, point } => (To::Everyone, tags.as_deref(), point.as_ref()),
        RoomTo::Accounts(accounts) => (To::These(Named::new(accounts.clone())), None, None),
    };
    let sound = "what is committed was found sound";
    Audience {
        to,
        tags: tags.map(|it| Expression::parse(it).expect(sound)),
        at: at.map(|it| Point::new(it.x, it.y, it.z).expect(sound)),
        priority: if message.priority.high { Priority::High } else { Priority::Normal },
        is_abandoned: message.abandoned,
        is_resend,
    }
}

#[cfg(test)]
#[path = "rooms_tests.rs"]
mod tests;
