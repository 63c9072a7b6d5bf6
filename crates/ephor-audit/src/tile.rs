//! Which files a log of a given size has, and what they are called (C2SP tlog-tiles).
//!
//! ```text
//! tile/entries/x001/x234/067        bundle 1,234,067: 256 entries
//! tile/0/x001/x234/067              their 256 leaf hashes
//! tile/1/x004/820.p/148             148 hashes, each the root of a full tile of level 0
//! ```
//!
//! Every name has exactly one spelling: what [`Tile::parse`] takes, [`Tile::path`] gives back.

/// How many entries or hashes a full tile has.
pub(crate) const TILE_WIDTH: usize = 256;
/// How many levels of tiles a log can have: 256⁸ entries are more than a 64-bit size can count.
pub(crate) const LEVELS: usize = 8;
/// How many bytes one entry may have: its length is written in 16 bits.
pub const ENTRY_BYTES_LIMIT: usize = u16::MAX as usize;

const LEVEL_BITS: u32 = TILE_WIDTH.trailing_zeros();

/// One row of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// The entries themselves.
    Entries,
    /// The hashes of a level; level 0 holds those of the entries.
    Level(usize),
}

impl Row {
    /// Every row that a log can have.
    pub(crate) fn all() -> impl Iterator<Item = Row> {
        std::iter::once(Row::Entries).chain((0..LEVELS).map(Row::Level))
    }

    /// How many entries or hashes this row has in a log of `size` entries.
    fn count(self, size: u64) -> u64 {
        match self {
            Row::Entries => size,
            Row::Level(level) => size >> (LEVEL_BITS * level as u32),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if text == "entries" {
            return Some(Row::Entries);
        }
        (0..LEVELS).find(|level| level.to_string() == text).map(Row::Level)
    }
}

/// One file of entries or hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) row: Row,
    pub(crate) index: u64,
    /// From 1 to [`TILE_WIDTH`]; less is a partial tile.
    pub(crate) width: usize,
}

impl Tile {
    /// The full tile `index` of `row`.
    pub(crate) fn full(row: Row, index: u64) -> Self {
        Self { row, index, width: TILE_WIDTH }
    }

    /// Tile `index` of `row` as a log of `size` entries has it.
    pub(crate) fn of(row: Row, index: u64, size: u64) -> Option<Self> {
        let count = row.count(size);
        let tiles_before = count >> LEVEL_BITS;
        let width_last = (count % TILE_WIDTH as u64) as usize;
        match index.cmp(&tiles_before) {
            std::cmp::Ordering::Less => Some(Self::full(row, index)),
            std::cmp::Ordering::Equal if width_last > 0 => Some(Self { row, index, width: width_last }),
            _ => None,
        }
    }

    /// The partial tiles of a log of `size` entries, at most one in each row.
    pub(crate) fn partials(size: u64) -> impl Iterator<Item = Tile> {
        Row::all()
            .filter_map(move |row| Tile::of(row, row.count(size) >> LEVEL_BITS, size))
            .filter(Tile::is_partial)
    }

    /// Reads the path of a tile, relative to the log.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let (row, number) = path.strip_prefix("tile/")?.split_once('/')?;
        let (number, width) = number.split_once(".p/").unwrap_or((number, "256"));
        let digits: String = number.split('/').map(|group| group.trim_start_matches('x')).collect();
        let tile = Self { row: Row::parse(row)?, index: digits.parse().ok()?, width: width.parse().ok()? };
        // Leading zeros, a missing or second x, a width of 0 or of 256 and more: the spelling would differ.
        ((1..=TILE_WIDTH).contains(&tile.width) && tile.path() == path).then_some(tile)
    }

    /// The tile's path, relative to the log.
    pub(crate) fn path(&self) -> String {
        let row = match self.row {
            Row::Entries => "entries".to_owned(),
            Row::Level(level) => level.to_string(),
        };
        let number = number(self.index);
        match self.is_partial() {
            true => format!("tile/{row}/{number}.p/{}", self.width),
            false => format!("tile/{row}/{number}"),
        }
    }

    /// Whether the tile has room left.
    pub(crate) fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// Whether a log of `size` entries has this tile in this width.
    pub(crate) fn is_of(&self, size: u64) -> bool {
        Self::of(self.row, self.index, size) == Some(*self)
    }

    /// Whether a log of `size` entries has the full tile of which this is, or was, a part.
    pub(crate) fn is_full_at(&self, size: u64) -> bool {
        Tile::full(self.row, self.index).is_of(size)
    }
}

/// A tile's number in groups of three digits, all but the last marked with an `x`.
fn number(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths(size: u64) -> Vec<String> {
        Tile::partials(size).map(|tile| tile.path()).collect()
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(Tile::full(Row::Level(0), 1_234_067).path(), "tile/0/x001/x234/067");
        assert_eq!(Tile { row: Row::Entries, index: 0, width: 1 }.path(), "tile/entries/000.p/1");
        assert_eq!(Tile::full(Row::Level(7), 999).path(), "tile/7/999");
        assert_eq!(Tile::full(Row::Level(2), 1_000).path(), "tile/2/x001/000");
    }

    #[test]
    fn partial_tiles_are_those_of_the_specification() {
        // The specification's own examples: sizes 70,000 and 256.
        assert_eq!(
            paths(70_000),
            ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
        );
        assert!(Tile::full(Row::Level(0), 272).is_of(70_000));
        assert!(Tile::full(Row::Level(1), 0).is_of(70_000));
        assert_eq!(paths(256), ["tile/1/000.p/1"]);
        assert_eq!(paths(0), [""; 0]);
    }

    #[test]
    fn other_spellings_are_no_tiles() {
        let bad = [
            "tile/0/0",
            "tile/0/0000",
            "tile/00/000",
            "tile/8/000",
            "tile/-1/000",
            "tile/0/x000/001",
            "tile/0/001/x000",
            "tile/0/x001/x234/x067",
            "tile/0/xx01/067",
            "tile/0/001.p/0",
            "tile/0/001.p/256",
            "tile/0/001.p/01",
            "tile/0/001.p/+1",
            "tile/0/001.p",
            "tile/0/001.p/1/2",
            "tile/0/001.p/1.p/2",
            "tile//001",
            "tile/0/",
            "tile/0",
            "tile/0/+01",
            "tile/data/000",
            "/tile/0/000",
            "checkpoint",
            "",
        ];
        for path in bad {
            assert_eq!(Tile::parse(path), None, "{path}");
        }
    }

    #[test]
    fn the_largest_size_has_names() {
        let top: Vec<_> = Tile::partials(u64::MAX).collect();
        assert_eq!(top.len(), 1 + LEVELS);
        for tile in top {
            assert!(tile.is_of(u64::MAX));
            assert_eq!(Tile::parse(&tile.path()), Some(tile));
        }
    }

    proptest! {
        #[test]
        fn a_path_leads_back_to_its_tile(level in 0..=LEVELS, index: u64, width in 1..=TILE_WIDTH) {
            let row = if level == LEVELS { Row::Entries } else { Row::Level(level) };
            let tile = Tile { row, index, width };
            prop_assert_eq!(Tile::parse(&tile.path()), Some(tile));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "(tile/)?[0-9exntris/.p+-]{0,24}") {
            if let Some(tile) = Tile::parse(&text) {
                prop_assert_eq!(tile.path(), text);
            }
        }
    }
}
