//! Entry bundles: up to 256 entries in one file, each behind its length in 16 bits, big-endian.

use crate::tile::{ENTRY_BYTES_LIMIT, TILE_WIDTH};

/// How many bytes a bundle can have at most.
pub(crate) const BUNDLE_BYTES_LIMIT: usize = TILE_WIDTH * (LENGTH_BYTES + ENTRY_BYTES_LIMIT);

const LENGTH_BYTES: usize = 2;

/// Where a bundle stops making sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Which entry of the bundle cannot be read; the bundle's width when bytes follow the last one.
    pub(crate) position: usize,
    /// Where that entry begins.
    pub(crate) offset: usize,
}

/// Adds an entry to a bundle.
///
/// # Panics
/// When the entry is longer than [`ENTRY_BYTES_LIMIT`].
pub(crate) fn push(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).expect("the caller has checked the entry's length");
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// Takes a bundle apart into exactly `width` entries.
pub(crate) fn split(bundle: &[u8], width: usize) -> Result<Vec<&[u8]>, Broken> {
    let mut rest = bundle;
    let mut entries = Vec::with_capacity(width);
    for position in 0..width {
        let offset = bundle.len() - rest.len();
        let (entry, after) = split_first(rest).ok_or(Broken { position, offset })?;
        entries.push(entry);
        rest = after;
    }
    match rest.is_empty() {
        true => Ok(entries),
        false => Err(Broken { position: width, offset: bundle.len() - rest.len() }),
    }
}

fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let mut bundle = Vec::new();
        push(&mut bundle, b"abc");
        push(&mut bundle, b"");
        push(&mut bundle, &[7; 258]);
        assert_eq!(bundle[..9], *b"\x00\x03abc\x00\x00\x01\x02");
        assert_eq!(bundle.len(), 9 + 258);
    }

    #[test]
    fn a_cut_bundle_says_where() {
        let bundle = b"\x00\x03abc\x00\x02de";
        assert_eq!(split(bundle, 2), Ok(vec![&b"abc"[..], b"de"]));
        assert_eq!(split(&bundle[..8], 2), Err(Broken { position: 1, offset: 5 }));
        assert_eq!(split(&bundle[..6], 2), Err(Broken { position: 1, offset: 5 }));
        assert_eq!(split(bundle, 1), Err(Broken { position: 1, offset: 5 }));
        assert_eq!(split(bundle, 3), Err(Broken { position: 2, offset: 9 }));
    }

    proptest! {
        #[test]
        fn entries_come_back(entries: Vec<Vec<u8>>) {
            let mut bundle = Vec::new();
            entries.iter().for_each(|entry| push(&mut bundle, entry));
            prop_assert_eq!(split(&bundle, entries.len()), Ok(entries.iter().map(Vec::as_slice).collect()));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, width in 0..=TILE_WIDTH) {
            if let Ok(entries) = split(&bytes, width) {
                let mut again = Vec::new();
                entries.iter().for_each(|entry| push(&mut again, entry));
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
