//! Which agents of a worker may have something to do: a bit each, so that those that have not cost a pass nothing.
//!
//! An agent whose turn found nothing, and which only agents of this worker send to, is passed over until one of them
//! has. All others are asked in every pass: those that have lanes from elsewhere, sources of their own, or that do not
//! run.

const BITS: usize = u64::BITS as usize;

/// A bit for each agent of a worker, or for each lane of a mailbox.
#[derive(Debug)]
pub(crate) struct Ready(Box<[u64]>);

impl Ready {
    /// For `count` agents, all of them ready.
    pub(crate) fn new(count: usize) -> Self {
        let mut ready = Self(vec![0; count.div_ceil(BITS)].into());
        (0..count).for_each(|at| ready.set(at));
        ready
    }

    /// Has the agent asked in this pass, if its place in the order is still ahead, or in the next.
    #[inline]
    pub(crate) fn set(&mut self, at: usize) {
        self.0[at / BITS] |= 1 << (at % BITS);
    }

    /// The first that is ready at `from` or behind it, and is no longer.
    #[inline]
    pub(crate) fn take(&mut self, from: usize) -> Option<usize> {
        let mut at = from / BITS;
        let mut found = self.0.get(at)? & (u64::MAX << (from % BITS));
        while found == 0 {
            at += 1;
            found = *self.0.get(at)?;
        }
        let bit = found.trailing_zeros() as usize;
        self.0[at] &= !(1 << bit);
        Some(at * BITS + bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_ready_at_first_and_each_is_taken_once_in_order() {
        for count in [0, 1, 63, 64, 65, 130] {
            let mut ready = Ready::new(count);
            let mut taken = Vec::new();
            let mut from = 0;
            while let Some(at) = ready.take(from) {
                taken.push(at);
                from = at + 1;
            }
            assert_eq!(taken, (0..count).collect::<Vec<_>>());
            assert_eq!(ready.take(0), None);
        }
    }

    #[test]
    fn one_that_is_set_is_taken_in_this_pass_only_when_its_place_is_ahead() {
        let mut ready = Ready::new(100);
        (0..100).for_each(|at| assert_eq!(ready.take(at), Some(at)));
        ready.set(3);
        ready.set(70);
        assert_eq!(ready.take(4), Some(70));
        assert_eq!(ready.take(71), None);
        assert_eq!(ready.take(0), Some(3));
    }
}
