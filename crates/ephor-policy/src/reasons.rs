//! Names of rules as bits: a decision carries a 64-bit set, a table spells it out.
//!
//! The first four bits are the engine's own reasons, the same in every table; the rest go to the names of
//! rules in order of first appearance. A table never forgets and never exceeds [`REASON_LIMIT`], so a bit
//! means one name for as long as its engine lives. Sets of one engine mean nothing to another.

use crate::decision::FailureKind;

/// The most names of one engine, its own four included.
pub const REASON_LIMIT: usize = 64;

const FAILURE_MASK: u64 = (1 << FailureKind::ALL.len()) - 1;

/// A set of reasons. The empty set permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReasonSet(u64);

impl ReasonSet {
    /// No reason.
    pub const EMPTY: Self = Self(0);

    /// The set of one failure.
    pub const fn of_failure(kind: FailureKind) -> Self {
        Self(1 << kind as u64)
    }

    /// Whether there is no reason.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many reasons there are.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether a reason of the engine's own is among them.
    pub const fn has_failure(self) -> bool {
        self.0 & FAILURE_MASK != 0
    }

    /// The set as bits, for fixed-size records.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set of `bits`, as [`bits`](Self::bits) gave them.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    fn holds(self, id: u8) -> bool {
        self.0 >> id & 1 == 1
    }
}

/// The names behind the bits.
#[derive(Clone, Debug)]
pub(crate) struct ReasonTable {
    names: Vec<Box<str>>,
    /// The ids in order of their names, so that reading a set out in order needs no memory.
    order: Vec<u8>,
}

impl ReasonTable {
    pub(crate) fn new() -> Self {
        let mut table = Self { names: Vec::new(), order: Vec::new() };
        for kind in FailureKind::ALL {
            table.id(kind.reason()).expect("four names fit");
        }
        table
    }

    /// The set of `names`, which are given bits as needed.
    ///
    /// `None` when a new name finds no bit left; the names before it keep theirs.
    pub(crate) fn set<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Option<ReasonSet> {
        let mut bits = 0;
        for name in names {
            bits |= 1 << self.id(name)?;
        }
        Some(ReasonSet(bits))
    }

    /// All names, by id.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The names of `set` in alphabetical order.
    pub(crate) fn spell(&self, set: ReasonSet) -> impl Iterator<Item = &str> {
        self.order.iter().filter(move |&&id| set.holds(id)).map(|&id| &*self.names[id as usize])
    }

    fn id(&mut self, name: &str) -> Option<u8> {
        let found = self.order.binary_search_by(|&id| (*self.names[id as usize]).cmp(name));
        match found {
            Ok(at) => Some(self.order[at]),
            Err(_) if self.names.len() == REASON_LIMIT => None,
            Err(at) => {
                let id = self.names.len() as u8;
                self.names.push(name.into());
                self.order.insert(at, id);
                Some(id)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_the_first_bits_of_every_table() {
        let mut table = ReasonTable::new();
        for kind in FailureKind::ALL {
            let set = ReasonSet::of_failure(kind);
            assert!(table.spell(set).eq([kind.reason()]));
            assert_eq!(table.set([kind.reason()].into_iter()), Some(set));
            assert!(set.has_failure());
        }
    }

    #[test]
    fn a_set_reads_out_in_order_of_names_not_of_bits() {
        let mut table = ReasonTable::new();
        let set = table.set(["zebra", "ant", "moth"].into_iter()).unwrap();
        assert!(table.spell(set).eq(["ant", "moth", "zebra"]));
        assert_eq!((set.count(), set.has_failure()), (3, false));
        assert_eq!(table.set(["moth", "zebra", "ant", "ant"].into_iter()), Some(set));
        assert!(table.names().skip(4).eq(["zebra", "ant", "moth"]));
    }

    #[test]
    fn the_name_after_the_last_bit_is_refused_and_known_ones_still_pass() {
        let mut table = ReasonTable::new();
        for rule in FailureKind::ALL.len()..REASON_LIMIT {
            assert!(table.set([format!("rule-{rule}").as_str()].into_iter()).is_some());
        }
        assert_eq!(table.set(["one-too-many"].into_iter()), None);
        let last = table.set(["rule-63"].into_iter()).unwrap();
        assert_eq!(last.bits(), 1 << 63);
        assert!(table.spell(ReasonSet::from_bits(last.bits())).eq(["rule-63"]));
    }
}
