//! What a simulated room is: who is there, who may come back, and what was said.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use carillon_core::RoomNo;

use super::saying::{Expr, Place, Saying};

/// Messages of a room that members remember whether they got them.
const REMEMBERED: usize = 128;

pub(super) struct Room {
    pub(super) no: RoomNo,
    pub(super) is_open: bool,
    pub(super) is_muted: bool,
    pub(super) kept: HashMap<usize, Kept>,
    pub(super) people: BTreeMap<usize, Person>,
    /// The ids of the last messages that were handed out; 0 for one sent again whose first time was forgotten.
    pub(super) recent: VecDeque<u64>,
    /// What members come back for.
    pub(super) urgent: Vec<Urgent>,
    /// By client.
    pub(super) left: HashMap<usize, Left>,
    pub(super) high_ms: Vec<u64>,
    pub(super) history: Vec<Past>,
    /// What was said to everybody and is in no history. What is for few is taken back for few, and others do not see where that
    /// parts what was said before from what was said later.
    pub(super) passing: Vec<Past>,
}

#[derive(Clone)]
pub(super) struct Past {
    pub(super) id: u64,
    pub(super) sender: usize,
    pub(super) client_id: String,
    pub(super) time_ms: u64,
}

pub(super) struct Urgent {
    pub(super) at_us: u64,
    pub(super) no: u64,
    pub(super) id: u64,
    pub(super) weight: usize,
    pub(super) saying: Saying,
}

/// A client that left and may come back.
pub(super) struct Left {
    pub(super) had: Had,
    /// What it had not got yet.
    pub(super) missed: HashSet<u64>,
    pub(super) until_us: u64,
}

/// What a client had of a room, by ids; and by their numbers the last one, and the last one before it entered.
#[derive(Default)]
pub(super) struct Had {
    pub(super) ids: HashSet<u64>,
    pub(super) last: u64,
    pub(super) entered: u64,
}

impl Had {
    pub(super) fn has_missed(&self, no: u64, id: u64) -> bool {
        let is_remembered = self.last < no + REMEMBERED as u64;
        no > self.entered && is_remembered && !self.ids.contains(&id)
    }
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) is_manager: bool,
    pub(super) is_blocked: bool,
    pub(super) is_muted: bool,
    pub(super) muted_until_ms: u64,
}

pub(super) struct Person {
    pub(super) connections: usize,
    pub(super) gone_us: Option<u64>,
    /// By device: what it said after it had entered.
    pub(super) latest: HashMap<&'static str, Latest>,
}

/// Its tags, its place, and whom what it says is for.
pub(super) type Latest = (Vec<&'static str>, Option<Place>, Option<Expr>);

impl Room {
    pub(super) fn new(no: RoomNo) -> Self {
        Self {
            no,
            is_open: true,
            is_muted: false,
            kept: HashMap::new(),
            people: BTreeMap::new(),
            recent: VecDeque::new(),
            urgent: Vec::new(),
            left: HashMap::new(),
            high_ms: Vec::new(),
            history: Vec::new(),
            passing: Vec::new(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.people.is_empty() && self.left.is_empty()
    }

    /// A client does not come back for what it misses.
    pub(super) fn shut_out(&mut self, client: usize) {
        self.left.remove(&client);
    }

    /// Who has no connection there any more, but for a while counted on, is gone.
    pub(super) fn forget(&mut self, account: Option<usize>) {
        self.people.retain(|it, person| person.connections > 0 || account.is_some_and(|account| account != *it));
    }

    /// What is sent again: whether members know whether they have had it, and its number. If they do not, it counts as one
    /// more message.
    pub(super) fn repeat(&mut self, first: u64) -> (bool, u64) {
        let from = self.recent.len().saturating_sub(REMEMBERED);
        if let Some(place) = self.recent.range(from..).rposition(|it| *it == first) {
            return (true, (from + place) as u64 + 1);
        }
        if !self.is_over() {
            self.recent.push_back(0);
        }
        (false, self.recent.len() as u64)
    }
}
