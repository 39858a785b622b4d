//! Messages: content in neutral words, and how its copies are to be treated.

use crate::id::{AccountId, AccountNo, AppId, MessageId};
use crate::model::Account;
use crate::model::Heading;

/// A message as it is stored: once, however many copies it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The id of the message and of its sender's own copy. The recipients' copies have the ids after it, in the order of
    /// the plan.
    pub id: MessageId,
    pub app: AppId,
    pub sender: Sender,
    /// When it was accepted, in ms since 1970.
    pub time_ms: u64,
    /// The client's or backend's own id of the message; made by the server where none was given.
    pub client_id: String,
    /// The dialect that it was sent in, whose words `client_id` is in. It may say something in another one since.
    pub origin: String,
    pub content: Content,
    /// A number of the app's own that tells its kinds of messages apart. 0 means none.
    pub subtype: u32,
    /// The sender's extension, handed through as text. Empty means none.
    pub ext: String,
    pub options: CopyOptions,
    pub push: Push,
    /// Whether its sender wants to know that it was read.
    pub wants_receipt: bool,
    /// When it stops to be there for anybody, in ms since 1970, where that is before the app lets it go.
    pub expires_ms: Option<u64>,
    pub moderation: Moderation,
    /// A text for searching messages that have none of their own. Empty means none.
    pub description: String,
    /// The name of the environment that copies to a webhook go to. Empty means the default.
    pub environment: String,
    /// Whether the sender finds it in their own history and conversations.
    pub sender_sees: bool,
    /// Whether the recipients find it in theirs.
    pub recipients_see: bool,
    /// Who it was sent to, in order: registered accounts, each once.
    pub recipients: Vec<AccountId>,
}

impl Message {
    pub fn has_expired(&self, now_ms: u64) -> bool {
        self.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms)
    }

    /// The message as a copy has it that says something else since.
    #[must_use]
    pub fn in_edition(&self, edition: Edition) -> Self {
        let Edition { content, ext } = edition;
        Self { content, ext, ..self.clone() }
    }

    /// What its record has of it: no content.
    pub fn heading(&self) -> Heading {
        let Self { id, app, sender, time_ms, recipients, .. } = self;
        Heading {
            id: *id,
            app: *app,
            sender: sender.account.clone(),
            time_ms: *time_ms,
            recipients: recipients.clone(),
        }
    }
}

/// Who sent it, as they were when they did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    pub no: AccountNo,
    pub account: AccountId,
    pub nick: String,
    pub avatar: String,
}

impl From<&Account> for Sender {
    fn from(it: &Account) -> Self {
        let Account { no, id, profile, .. } = it;
        Self { no: *no, account: id.clone(), nick: profile.name.clone(), avatar: profile.icon.clone() }
    }
}

/// What was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    pub kind: Kind,
    pub elements: Vec<Element>,
    /// The body as the dialect got it.
    pub original: String,
    /// The dialect that `original` is written in.
    pub dialect: String,
    /// Whether the elements say all that `original` says. If not, clients get `original` as well.
    pub elements_say_all: bool,
}

/// What a copy says since it was modified.
#[derive(Clone, Debug, PartialEq)]
pub struct Edition {
    pub content: Content,
    pub ext: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Image,
    Audio,
    Video,
    Location,
    File,
    Tip,
    Custom,
    /// A notification of a backend: no part of any conversation.
    Notice,
    /// Tells that a message was withdrawn.
    Recall,
    /// Tells up to where a conversation was read.
    Read,
    /// Tells what a message says from now on.
    Modified,
}

impl Kind {
    /// Whether it is part of what two accounts say to each other, and of their conversation.
    pub fn is_said(self) -> bool {
        match self {
            Self::Text
            | Self::Image
            | Self::Audio
            | Self::Video
            | Self::Location
            | Self::File
            | Self::Tip
            | Self::Custom => true,
            Self::Notice | Self::Recall | Self::Read | Self::Modified => false,
        }
    }
}

/// A part of a message's content.
#[derive(Clone, Debug, PartialEq)]
pub enum Element {
    Text {
        text: String,
    },
    Image(Media),
    Audio(Media),
    Video(Media),
    Location(Place),
    File(Media),
    /// A notice in the conversation that nobody said.
    Tip {
        text: String,
    },
    /// JSON of the app's own, as it came.
    Custom {
        json: String,
    },
    /// Text of the app's own that is no message of a conversation.
    Notice {
        text: String,
    },
    Recall(Recall),
    /// The conversation was read up to this message, by its recipient.
    Read(CopyRef),
    Modified(Modified),
}

/// One copy of a message that was sent before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRef {
    /// The message, which is also the sender's own copy.
    pub message: MessageId,
    /// The recipient's copy.
    pub copy: MessageId,
    pub client_id: String,
    /// When it was accepted, in ms since 1970.
    pub time_ms: u64,
}

/// A message was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recall {
    pub of: CopyRef,
    /// What to show in its place. Empty means nothing.
    pub note: String,
    /// The app's own data. Empty means none.
    pub attachment: String,
}

/// A message says something else from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct Modified {
    pub of: CopyRef,
    pub edition: Edition,
}

/// A picture, recording, film or file that lies elsewhere. What was not given is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Media {
    pub url: Option<String>,
    pub name: Option<String>,
    pub md5: Option<String>,
    /// The file name's extension.
    pub ext: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
    /// In pixels.
    pub width: Option<u64>,
    /// In pixels.
    pub height: Option<u64>,
    pub duration_ms: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    pub title: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
}

/// How the copies of a message are to be treated. All true by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    /// Kept in the inbox for who is offline. If not: for who is online only, without an offset.
    pub persistent: bool,
    /// For every device. If not: for the devices that it was handed to live, else for the first that catches up.
    pub roam: bool,
    /// Part of the conversation's history.
    pub history: bool,
    /// For the sender's other devices, too.
    pub sender_sync: bool,
    /// Worth a push notification.
    pub push: bool,
    /// The notification is prefixed with the sender's nick.
    pub push_nick: bool,
    /// Copied to the app's webhook.
    pub route: bool,
    /// Counts as unread.
    pub badge: bool,
    /// Becomes its conversation's last message.
    pub session_update: bool,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            persistent: true,
            roam: true,
            history: true,
            sender_sync: true,
            push: true,
            push_nick: true,
            route: true,
            badge: true,
            session_update: true,
        }
    }
}

/// What a push notification will say. Empty means the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    pub text: String,
    /// A JSON object for the notification, as it came.
    pub payload: String,
    /// The name of a sound file of the app's.
    pub sound: String,
    /// All that the dialect was told of the notification, as it came, where it has more to say than the above.
    pub original: String,
    /// Whether it is also for who wants no notifications of the sender's messages.
    pub despite_silence: bool,
}

/// What the moderation service will be told. Empty means not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moderation {
    pub enabled: bool,
    pub profile: String,
    pub anti_cheating: String,
    pub anti_spam_ext: String,
    /// What is judged instead of the body of a custom message.
    pub substitute: String,
}

impl Default for Moderation {
    fn default() -> Self {
        Self {
            enabled: true,
            profile: String::new(),
            anti_cheating: String::new(),
            anti_spam_ext: String::new(),
            substitute: String::new(),
        }
    }
}
