//! What may happen in a simulated room, at random.

use std::collections::HashSet;

use carillon_core::command::Resend;
use carillon_core::decide::MemberAction;
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::everyone::speech;
use super::model::Model;
use super::saying::{ACCOUNTS, Expr, NAMES, Saying, TAGS, To};

pub(super) const ROOMS: usize = 2;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Also of a device that is connected: then its other connection ends. Something may be said to everyone meanwhile, after
    /// so many moments in which others go first.
    Connect {
        client: usize,
        meanwhile: Option<(Speech, u32)>,
    },
    Cut(usize),
    Enter {
        client: usize,
        room: usize,
        own: Own,
    },
    Leave {
        client: usize,
        room: usize,
    },
    Update {
        client: usize,
        room: usize,
        own: Own,
    },
    /// A client sends. `None` for where it sends when it does not say so.
    Send {
        client: usize,
        saying: Saying,
        says_to: bool,
    },
    /// It reads no more. Its socket holds so many bytes; where too much else waits for it, it reads what is left, or goes.
    Stall {
        client: usize,
        capacity: usize,
        reads_end: bool,
    },
    Resume(usize),
    /// Backend and clients send, each before any of the others is answered; and the backend may call for something else
    /// meanwhile, or a client move.
    AtOnce(Vec<Sending>, Option<Call>, Option<Moving>),
    /// The backend's calls, one right after the other, before any of them is handed out.
    Calls(Vec<Call>),
    Wait(u64),
}

/// What a client says of itself.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) tags: Option<Vec<&'static str>>,
    /// `Some(None)` takes back what was said.
    pub(super) tells: Option<Option<Expr>>,
    pub(super) at: Option<i32>,
    pub(super) distance: Option<i32>,
}

#[derive(Clone, Debug)]
pub(super) struct Sending {
    /// The client that sends, and whether it says to whom; `None` of the backend.
    pub(super) by: Option<(usize, bool)>,
    pub(super) saying: Saying,
}

/// A client that enters a room, or leaves it. Who is cut off leaves all of them.
#[derive(Clone, Debug)]
pub(super) struct Moving {
    pub(super) client: usize,
    pub(super) room: usize,
    pub(super) how: Move,
    /// How often it lets the others go first.
    pub(super) moments: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Move {
    Enter(Own),
    Leave,
    Cut,
}

/// What is said to everyone in the app.
#[derive(Clone, Debug)]
pub(super) struct Speech {
    pub(super) is_kept: bool,
    pub(super) lives_ms: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Call {
    Send(Saying),
    Speak(Speech),
    /// To all rooms, whichever it names.
    Broadcast(Saying),
    Open {
        room: usize,
        on: bool,
    },
    Mute {
        room: usize,
        on: bool,
    },
    Member {
        room: usize,
        account: usize,
        action: MemberAction,
    },
    /// Takes back what is at this place of the room's history, and behind it of what is in none.
    Recall {
        room: usize,
        place: usize,
    },
}

impl Step {
    pub(super) fn random(rng: &mut StdRng, model: &Model, serial: &mut u32) -> Self {
        let mut client = rng.random_range(0..model.clients.len());
        while model.stalled == Some(client) && rng.random_bool(0.6) {
            client = rng.random_range(0..model.clients.len());
        }
        let room = rng.random_range(0..ROOMS);
        let is_on = model.clients[client].is_on;
        let is_in = model.clients[client].seats[room].is_some();
        if model.stalled == Some(client) {
            return if rng.random_bool(0.2) { Self::Cut(client) } else { Self::Resume(client) };
        }
        let may_stall = model.has_stalled && model.stalled.is_none();
        if may_stall && is_in && rng.random_bool(0.8) {
            let capacity = if rng.random_bool(0.7) { rng.random_range(0..500) } else { rng.random_range(100..3_000) };
            return Self::Stall { client, capacity, reads_end: rng.random_bool(0.7) };
        }
        match rng.random_range(0..100) {
            0..4 => connect(rng, model, client),
            4..9 if is_on => Self::Cut(client),
            9..12 if is_on => Self::Leave { client, room },
            12..18 if is_on => Self::Update { client, room, own: own(rng) },
            18..26 if is_on => {
                let saying = by_client(saying(rng, model, room, serial), model.clients[client].account);
                Self::Send { client, saying, says_to: rng.random_bool(0.5) }
            }
            26..36 => Self::Wait(rng.random_range(0..3_000)),
            36..46 => Self::Wait(rng.random_range(1..200)),
            46..52 => {
                let mut sendings = at_once(rng, model, room, serial);
                match moving(rng, model, room) {
                    Some(moving) => {
                        sendings.retain(|it| it.by.is_none_or(|(client, _)| client != moving.client));
                        // Which of two tries it came for, nobody could tell.
                        if matches!(moving.how, Move::Enter(_)) {
                            once_each(&mut sendings);
                        }
                        let call = may_speak(rng, model, 0.3).map(Call::Speak);
                        Self::AtOnce(sendings, call, Some(moving))
                    }
                    None => Self::AtOnce(sendings, meanwhile(rng, model, room, serial), None),
                }
            }
            52..70 => Self::Calls(calls(rng, model, serial)),
            _ if !is_on => connect(rng, model, client),
            _ if is_in && rng.random_bool(0.9) => Self::Calls(vec![Call::Send(saying(rng, model, room, serial))]),
            _ => Self::Enter { client, room, own: own(rng) },
        }
    }
}

fn calls(rng: &mut StdRng, model: &Model, serial: &mut u32) -> Vec<Call> {
    let room = rng.random_range(0..ROOMS);
    let account = rng.random_range(0..ACCOUNTS);
    // What finds no place on its way comes when some has arrived, by when who does not read may be gone.
    let len_max = if model.stalled.is_some() { 50 } else { 90 };
    let len = if rng.random_bool(0.1) { rng.random_range(1..len_max) } else { rng.random_range(1..8) };
    let mut calls = Vec::new();
    let may_speak = model.may_speak && model.stalled.is_none();
    for _ in 0..len {
        let on = rng.random_bool(0.4);
        calls.push(match rng.random_range(0..100) {
            0..2 => Call::Open { room, on },
            2..4 => Call::Open { room, on: true },
            4..6 => Call::Mute { room, on },
            6..14 => Call::Member { room, account, action: action(rng, on) },
            14..18 => recall(rng, model, room),
            18..24 => Call::Broadcast(broadcast(rng, room, serial)),
            24..28 if may_speak => Call::Speak(speech(rng)),
            _ => Call::Send(saying(rng, model, room, serial)),
        });
    }
    // Whether it is there depends on when a client that does not read is gone, which a pause may put off.
    if model.stalled.is_some() && model.may_pause(calls.len()) {
        calls.retain(|call| !is_kick(call));
    }
    // Until the shards have taken in that somebody has to go, there is somebody in the room.
    let turns_out = |call: &Call| matches!(call, Call::Open { .. } | Call::Member { .. });
    let sure = calls.iter().position(turns_out).unwrap_or(calls.len());
    let mut at = 0..;
    calls.retain(|call| at.next().is_some_and(|at| at < sure) || !matches!(call, Call::Broadcast(_)));
    // Who got which of two tries that are handed out together, nobody could tell.
    let mut tried = HashSet::new();
    calls.retain(|call| if let Call::Send(it) = call { tried.insert(it.client_id.clone()) } else { true });
    calls
}

pub(super) fn is_kick(call: &Call) -> bool {
    matches!(call, Call::Member { action: MemberAction::Kick, .. })
}

/// Mostly to one room.
fn at_once(rng: &mut StdRng, model: &Model, room: usize, serial: &mut u32) -> Vec<Sending> {
    let on: Vec<usize> =
        (0..model.clients.len()).filter(|it| model.clients[*it].is_on && model.stalled != Some(*it)).collect();
    let mut sendings = Vec::new();
    for _ in 0..rng.random_range(2..9) {
        let room = if rng.random_bool(0.8) { room } else { rng.random_range(0..ROOMS) };
        let saying = saying(rng, model, room, serial);
        let client = on.get(rng.random_range(0..on.len().max(1))).filter(|_| rng.random_bool(0.4));
        sendings.push(match client {
            Some(client) => Sending {
                by: Some((*client, rng.random_bool(0.5))),
                saying: by_client(saying, model.clients[*client].account),
            },
            None => Sending { by: None, saying },
        });
    }
    // Who lost a message at the first of two tries and got it at the second one, nobody could tell. All of them may be tried twice, and
    // one more may be for all rooms.
    if (0..ROOMS).all(|room| model.takes_all(room, 2 * sendings.len() as u32 + 1)) {
        for at in 0..sendings.len() {
            let Sending { by, saying } = sendings[at].clone();
            // Of two messages under one name at one time, nobody could say which one is taken back.
            if by.is_none() && saying.resend != Resend::No && rng.random_bool(0.5) {
                let resend = if rng.random_bool(0.8) { Resend::IfKnown } else { Resend::MustBeKnown };
                let place = rng.random_range(0..=sendings.len());
                sendings.insert(place, Sending { by, saying: Saying { resend, ..saying } });
            }
        }
    } else {
        once_each(&mut sendings);
    }
    sendings
}

fn once_each(sendings: &mut Vec<Sending>) {
    let mut tried = HashSet::new();
    sendings.retain(|it| tried.insert(it.saying.client_id.clone()));
}

/// What a backend calls for while many send.
fn meanwhile(rng: &mut StdRng, model: &Model, room: usize, serial: &mut u32) -> Option<Call> {
    let (account, on) = (rng.random_range(0..ACCOUNTS), rng.random_bool(0.3));
    match rng.random_range(0..10) {
        0 => Some(Call::Open { room, on }),
        1 => Some(Call::Mute { room, on }),
        2 | 3 => {
            let action = action(rng, on);
            // Whether it is there depends on when a client that does not read is gone.
            let is_clear = action != MemberAction::Kick || model.stalled.is_none();
            is_clear.then_some(Call::Member { room, account, action })
        }
        4 => Some(recall(rng, model, room)),
        // Whether there is anybody in a room depends on when a client that does not read is gone.
        5 if model.stalled.is_none() => Some(Call::Broadcast(broadcast(rng, room, serial))),
        6 => may_speak(rng, model, 1.0).map(Call::Speak),
        _ => None,
    }
}

fn connect(rng: &mut StdRng, model: &Model, client: usize) -> Step {
    let meanwhile = may_speak(rng, model, 0.3).map(|speech| (speech, rng.random_range(0..30)));
    Step::Connect { client, meanwhile }
}

/// What waits for a client that does not read is weighed, and of this it is not.
fn may_speak(rng: &mut StdRng, model: &Model, chance: f64) -> Option<Speech> {
    let may_be = model.may_speak && model.stalled.is_none() && rng.random_bool(chance);
    may_be.then(|| speech(rng))
}

/// Only where no window has a limit: who was offered what while it moved, nobody sees.
fn moving(rng: &mut StdRng, model: &Model, room: usize) -> Option<Moving> {
    if !model.has_stalled || model.stalled.is_some() {
        return None;
    }
    let is_in = rng.random_bool(0.7);
    let may_move = |it: &&usize| model.clients[**it].is_on && model.clients[**it].seats[room].is_some() == is_in;
    let clients: Vec<usize> = (0..model.clients.len()).filter(|it| may_move(&it)).collect();
    let client = *clients.get(rng.random_range(0..clients.len().max(1)))?;
    let it = &model.clients[client];
    let how = match &it.seats[room] {
        Some(_) if rng.random_bool(0.6) => Move::Leave,
        Some(_) => Move::Cut,
        // Of those that come back nobody sees what they had missed before and what came then; and what was said in a room
        // that nobody is in has no numbers.
        None if model.settings.high_return_s == 0 && !model.rooms[room].is_over() => Move::Enter(own(rng)),
        None => return None,
    };
    // To enter takes its time.
    let moments = rng.random_range(0..if matches!(how, Move::Enter(_)) { 6 } else { 30 });
    Some(Moving { client, room, how, moments })
}

fn recall(rng: &mut StdRng, model: &Model, room: usize) -> Call {
    let said = model.rooms[room].history.len() + model.rooms[room].passing.len();
    Call::Recall { room, place: rng.random_range(0..=said) }
}

/// As a client says it.
fn by_client(saying: Saying, sender: usize) -> Saying {
    let has_point = matches!(saying.to, To::Members { at: Some(_), .. });
    let to = if has_point { To::Members { tags: None, at: None } } else { saying.to };
    Saying { high: false, ratio: 0, although_muted: false, resend: Resend::IfKnown, sender, to, ..saying }
}

fn action(rng: &mut StdRng, on: bool) -> MemberAction {
    match rng.random_range(0..5) {
        0 => MemberAction::SetManager(on),
        1 => MemberAction::SetBlocked(on),
        2 => MemberAction::SetMuted(on),
        3 => MemberAction::MuteFor(rng.random_range(0..4)),
        _ => MemberAction::Kick,
    }
}

fn saying(rng: &mut StdRng, model: &Model, room: usize, serial: &mut u32) -> Saying {
    let again = model.sayings.get(rng.random_range(0..model.sayings.len().max(1)));
    if let Some(again) = again.filter(|_| rng.random_bool(0.15)) {
        let resend = if rng.random_bool(0.8) { Resend::IfKnown } else { Resend::MustBeKnown };
        return Saying { resend, ..again.clone() };
    }
    let to = match rng.random_range(0..10) {
        0 => To::Members { tags: None, at: Some(rng.random_range(1..100)) },
        1 => To::These((0..rng.random_range(1..4)).map(|_| rng.random_range(0..NAMES.len())).collect()),
        2 | 3 => To::Members { tags: Some(expr(rng)), at: rng.random_bool(0.2).then(|| rng.random_range(1..100)) },
        _ => To::Members { tags: None, at: None },
    };
    fresh(rng, (room, to), serial)
}

/// What a backend says to all rooms. It is in no history.
fn broadcast(rng: &mut StdRng, room: usize, serial: &mut u32) -> Saying {
    let tags = rng.random_bool(0.3).then(|| expr(rng));
    let saying = fresh(rng, (room, To::Members { tags, at: None }), serial);
    Saying { is_refused_if_frequent: false, resend: Resend::No, in_history: false, ..saying }
}

fn fresh(rng: &mut StdRng, (room, to): (usize, To), serial: &mut u32) -> Saying {
    *serial += 1;
    Saying {
        asked: format!("{to:?}"),
        room,
        sender: rng.random_range(0..ACCOUNTS),
        client_id: format!("m{serial}"),
        to,
        high: rng.random_bool(0.2),
        for_returning: rng.random_bool(0.8),
        is_refused_if_frequent: rng.random_bool(0.5),
        ratio: if rng.random_bool(0.1) { rng.random_range(0..10_000) } else { 0 },
        although_muted: rng.random_bool(0.2),
        resend: match rng.random_range(0..20) {
            0 => Resend::MustBeKnown,
            1..6 => Resend::IfKnown,
            _ => Resend::No,
        },
        in_history: rng.random_bool(0.8),
    }
}

fn own(rng: &mut StdRng) -> Own {
    let tags: Vec<_> = TAGS.into_iter().filter(|_| rng.random_bool(0.4)).collect();
    let tells = rng.random_bool(0.4).then(|| rng.random_bool(0.7).then(|| expr(rng)));
    let at = rng.random_bool(0.3).then(|| rng.random_range(1..100));
    let distance = rng.random_bool(if at.is_some() { 0.7 } else { 0.1 }).then(|| rng.random_range(0..60));
    Own { tags: rng.random_bool(0.7).then_some(tags), tells, at, distance }
}

fn expr(rng: &mut StdRng) -> Expr {
    let mut tag = || Expr::Tag(TAGS[rng.random_range(0..TAGS.len())]);
    let (one, two, three) = (tag(), tag(), tag());
    match rng.random_range(0..5) {
        0 => Expr::And(one.into(), two.into()),
        1 => Expr::Or(one.into(), two.into()),
        2 => Expr::Or(one.into(), Expr::And(two.into(), three.into()).into()),
        3 => Expr::And(one.into(), Expr::Or(two.into(), three.into()).into()),
        _ => one,
    }
}
