//! The distinct sets of tags in a room, each with a small number.

use std::collections::HashMap;

use super::{Expression, Tags};

/// The number of a set of tags in its room's [`TagSets`]. It is another set's when its last member has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagSet(u32);

/// The sets of tags that the members of a room have. A set is there for as long as a member has it.
#[derive(Debug)]
pub struct TagSets {
    slots: Vec<Slot>,
    numbers: HashMap<Tags, TagSet>,
    /// Numbers that nobody has.
    free: Vec<TagSet>,
}

#[derive(Debug)]
struct Slot {
    tags: Tags,
    members: u32,
}

/// Which sets an expression means. It holds until a member enters, leaves or changes its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdicts(Vec<u64>);

impl Default for TagSets {
    fn default() -> Self {
        Self::new()
    }
}

impl TagSets {
    pub fn new() -> Self {
        Self { slots: Vec::new(), numbers: HashMap::new(), free: Vec::new() }
    }

    /// A member with `tags` is there from now on. Each call is undone by one of [`TagSets::remove`].
    pub fn insert(&mut self, tags: Tags) -> TagSet {
        if let Some(set) = self.numbers.get(&tags) {
            self.slots[set.0 as usize].members += 1;
            return *set;
        }
        let slot = Slot { tags: tags.clone(), members: 1 };
        let set = match self.free.pop() {
            Some(set) => {
                self.slots[set.0 as usize] = slot;
                set
            }
            None => {
                self.slots.push(slot);
                TagSet(u32::try_from(self.slots.len() - 1).expect("a node has fewer connections than this"))
            }
        };
        self.numbers.insert(tags, set);
        set
    }

    /// A member that had `set` is gone, or has other tags.
    pub fn remove(&mut self, set: TagSet) {
        let slot = &mut self.slots[set.0 as usize];
        slot.members = slot.members.checked_sub(1).expect("each set is removed once for each time it was inserted");
        if slot.members == 0 {
            // The slot keeps no text.
            let tags = std::mem::replace(&mut slot.tags, Tags::none());
            self.numbers.remove(&tags);
            self.free.push(set);
        }
    }

    pub fn tags(&self, set: TagSet) -> &Tags {
        &self.slots[set.0 as usize].tags
    }

    /// How many distinct sets there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Asks `expression` once for each set.
    pub fn verdicts(&self, expression: &Expression) -> Verdicts {
        let word = |slots: &[Slot]| {
            let bits = slots.iter().zip(0..).map(|(slot, bit)| u64::from(expression.matches(&slot.tags)) << bit);
            bits.fold(0, |word, bit| word | bit)
        };
        Verdicts(self.slots.chunks(64).map(word).collect())
    }
}

impl Verdicts {
    /// Whether members with `set` are meant.
    pub fn means(&self, set: TagSet) -> bool {
        self.0[set.0 as usize / 64] >> (set.0 % 64) & 1 == 1
    }
}
