//! What stands in front of a word by which calls are told to be the same, in [`crate::turns`] and in what the store remembers of
//! requests: one prefix for each kind of call, so that the words of two kinds never meet.
//!
//! Prefixes are control characters: a backend's own ids of requests are printable, and have none in front. Invariant: what a prefix
//! means never changes, as remembered words are on the disk.

/// A client's message to an account: by the sender's number and the client's own id.
pub const CLIENT_MESSAGE: char = '\u{1}';
/// A message that its sender's numbers name: by what a dialect makes of them. See [`crate::command::Once`].
pub const ONCE: char = '\u{2}';
/// Adding tags to an account: by its name.
pub const ACCOUNT_TAGS: char = '\u{3}';
/// Changing one copy of a message: by the copy's id.
pub const COPY: char = '\u{4}';
/// A message to a room: by the room, its sender, and the sender's own id.
pub const ROOM_MESSAGE: char = '\u{5}';
/// A message to all rooms of an app: by its sender and the sender's own id, and in each room but the first by the room, too.
pub const ROOM_BROADCAST: char = '\u{6}';
/// A message to all rooms that has begun to reach them: by its request.
pub const ROOM_BROADCAST_BEGUN: char = '\u{7}';
/// Changing an app: there is nothing more to tell.
pub const APP: char = '\u{8}';
/// Changing a room: by its number.
pub const ROOM: char = '\u{9}';
/// Marking a conversation as read: by the numbers of the reader and of the other one.
pub const READ: char = '\u{a}';
/// Doing something to a member of a room: by the room's number and the account's name.
pub const ROOM_MEMBER: char = '\u{b}';
/// Listing an account's conversations: by its number.
pub const LIST: char = '\u{c}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_call_has_a_prefix_that_no_request_of_a_backend_begins_with() {
        let all = [
            CLIENT_MESSAGE,
            ONCE,
            ACCOUNT_TAGS,
            COPY,
            ROOM_MESSAGE,
            ROOM_BROADCAST,
            ROOM_BROADCAST_BEGUN,
            APP,
            ROOM,
            READ,
            ROOM_MEMBER,
            LIST,
        ];
        let expected: Vec<char> = ('\u{1}'..='\u{c}').collect();
        assert_eq!(all, *expected);
    }
}
