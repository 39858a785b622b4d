//! How much a page takes: the same in every engine.

use std::sync::Arc;

use carillon_core::model::{Content, Element, Message, RoomMessage};
use carillon_core::port::PageLimit;

pub(crate) struct PageFill {
    limit: PageLimit,
    entries: usize,
    bytes: usize,
}

impl PageFill {
    pub(crate) fn new(limit: PageLimit) -> Self {
        Self { limit, entries: 0, bytes: 0 }
    }

    /// Whether the page takes one more entry, of this message. The first one always fits.
    pub(crate) fn admits(&mut self, message: &Message) -> bool {
        self.takes(bytes(&message.content, &message.ext))
    }

    /// As [`PageFill::admits`].
    pub(crate) fn admits_in_room(&mut self, message: &RoomMessage) -> bool {
        self.takes(bytes(&message.content, &message.ext))
    }

    fn takes(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        let fits = self.entries == 0 || (self.entries < self.limit.entries && self.bytes <= self.limit.bytes);
        self.entries += usize::from(fits);
        fits
    }
}

/// As many of `all` as the limit allows, and at least one.
pub(crate) fn page<T>(all: impl Iterator<Item = T>, limit: PageLimit, message: impl Fn(&T) -> &Arc<Message>) -> Vec<T> {
    let mut fill = PageFill::new(limit);
    all.take_while(|entry| fill.admits(message(entry))).collect()
}

/// What tells of a modified message holds all that it says.
fn bytes(content: &Content, ext: &str) -> usize {
    let told = content.elements.iter().map(|it| match it {
        Element::Modified(it) => bytes(&it.edition.content, &it.edition.ext),
        Element::Text { .. }
        | Element::Image(_)
        | Element::Audio(_)
        | Element::Video(_)
        | Element::Location(_)
        | Element::File(_)
        | Element::Tip { .. }
        | Element::Custom { .. }
        | Element::Notice { .. }
        | Element::Recall(_)
        | Element::Read(_) => 0,
    });
    content.original.len() + ext.len() + told.sum::<usize>()
}
