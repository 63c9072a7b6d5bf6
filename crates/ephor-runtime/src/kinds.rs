//! The kinds that a topology knows, as rows of its counters.

use ephor_core::{KIND_LIMIT, Kind};

use crate::error::BuildError;

/// A row a kind; row 0 is for kinds that the topology does not know.
#[derive(Clone, Debug)]
pub(crate) struct KindRows {
    row_of: [u8; KIND_LIMIT],
    kinds: Vec<(Kind, &'static str)>,
}

impl KindRows {
    /// Collects kinds. Two types with one kind are refused.
    pub(crate) fn collect(
        listed: impl IntoIterator<Item = (Kind, &'static str)>,
    ) -> Result<Self, BuildError> {
        let mut rows = Self { row_of: [0; KIND_LIMIT], kinds: vec![(Kind(0), "other")] };
        for (kind, name) in listed {
            let row = rows.row_of[kind.index() % KIND_LIMIT];
            if row == 0 {
                rows.row_of[kind.index() % KIND_LIMIT] = rows.kinds.len() as u8;
                rows.kinds.push((kind, name));
            } else if rows.kinds[usize::from(row)].1 != name {
                return Err(BuildError::KindTaken {
                    kind,
                    first: rows.kinds[usize::from(row)].1,
                    second: name,
                });
            }
        }
        Ok(rows)
    }

    /// The row of `kind`.
    #[inline(always)]
    pub(crate) fn row(&self, kind: Kind) -> usize {
        usize::from(self.row_of[kind.index() % KIND_LIMIT])
    }

    pub(crate) fn len(&self) -> usize {
        self.kinds.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Kind, &'static str)> {
        self.kinds.iter().copied()
    }
}
