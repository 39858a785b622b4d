//! How much a page takes: the same in every engine.

use carillon_core::model::{Message, RoomMessage};
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
        self.takes(message.content.original.len() + message.ext.len())
    }

    /// As [`PageFill::admits`].
    pub(crate) fn admits_in_room(&mut self, message: &RoomMessage) -> bool {
        self.takes(message.content.original.len() + message.ext.len())
    }

    fn takes(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        let fits = self.entries == 0 || (self.entries < self.limit.entries && self.bytes <= self.limit.bytes);
        self.entries += usize::from(fits);
        fits
    }
}
