//! The hash tree of a growing log, as much of it as is still open.
//!
//! Of each level only the last, unfinished tile is kept, so the tree has a fixed size (64 KiB) however large
//! the log is. A finished tile is handed out once; its root then stands in the tile above.
//!
//! The root of the whole is folded from the right: within a tile, the hashes form perfect subtrees by the
//! binary digits of their count, and everything to the right of them, down to the last entry, is one
//! neighbour. This is the tree of RFC 6962, section 2.1, which splits at the largest power of two.

use crate::hash::Hash;
use crate::tile::{LEVELS, Row, TILE_WIDTH, Tile};

/// The open right edge of a log's tree.
#[derive(Debug)]
pub(crate) struct Tree {
    size: u64,
    levels: [Vec<Hash>; LEVELS],
}

impl Tree {
    /// A tree without entries. All memory it will ever use is allocated here.
    pub(crate) fn new() -> Self {
        Self { size: 0, levels: std::array::from_fn(|_| Vec::with_capacity(TILE_WIDTH)) }
    }

    /// Adds the hash of the next entry, and hands each tile that it completes to `full`, lowest level first.
    ///
    /// # Errors
    /// What `full` returns; the tree is then not usable any more.
    pub(crate) fn append<E>(
        &mut self,
        leaf: Hash,
        mut full: impl FnMut(Tile, &[Hash]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut index = self.size;
        self.size += 1;
        let mut hash = leaf;
        for (level, tile) in self.levels.iter_mut().enumerate() {
            tile.push(hash);
            if tile.len() < TILE_WIDTH {
                break;
            }
            index /= TILE_WIDTH as u64;
            full(Tile::full(Row::Level(level), index), tile)?;
            hash = perfect_root(tile);
            tile.clear();
        }
        Ok(())
    }

    /// How many entries the tree has.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The root over all entries. Costs up to 255 hashes a level; allocates nothing.
    pub(crate) fn root(&self) -> Hash {
        let right = self.levels.iter().fold(None, |right, tile| fold_right(tile, right));
        right.unwrap_or_else(Hash::of_nothing)
    }

    /// The hashes of a level's open tile.
    pub(crate) fn open(&self, level: usize) -> &[Hash] {
        &self.levels[level]
    }
}

/// Folds a tile's hashes with the root of all that is to the right of them.
fn fold_right(tile: &[Hash], mut right: Option<Hash>) -> Option<Hash> {
    let mut rest = tile;
    while !rest.is_empty() {
        let perfect = 1 << rest.len().trailing_zeros();
        let (left, last) = rest.split_at(rest.len() - perfect);
        let mut nodes = [last[0]; TILE_WIDTH];
        nodes[..perfect].copy_from_slice(last);
        let root = perfect_root(&mut nodes[..perfect]);
        right = Some(right.map_or(root, |right| Hash::of_node(&root, &right)));
        rest = left;
    }
    right
}

/// The root of a power of two of hashes, which are overwritten on the way.
fn perfect_root(nodes: &mut [Hash]) -> Hash {
    let mut count = nodes.len();
    while count > 1 {
        count /= 2;
        for node in 0..count {
            nodes[node] = Hash::of_node(&nodes[2 * node], &nodes[2 * node + 1]);
        }
    }
    nodes[0]
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;

    /// Grows our tree and another implementation's side by side and compares the roots where `at` says so.
    fn compare(size: u64, at: impl Fn(u64) -> bool) {
        let (mut ours, mut theirs) = (Tree::new(), MemoryBackedTree::<Sha256, Vec<u8>>::new());
        for index in 0..=size {
            if at(index) {
                assert_eq!(ours.root().bytes().as_slice(), theirs.root().as_bytes().as_slice(), "{index}");
            }
            let entry = index.to_le_bytes()[..1 + index as usize % 8].to_vec();
            let Ok(()) = ours.append(Hash::of_leaf(&entry), |_, _| Ok::<_, Infallible>(()));
            theirs.push(entry);
        }
    }

    #[test]
    fn the_root_is_another_implementations_at_every_small_size() {
        compare(600, |_| true);
    }

    #[test]
    fn the_root_is_another_implementations_around_the_second_level() {
        compare(65_540, |size| size >= 65_530 || size % 9_973 == 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn the_root_is_another_implementations_at_any_size(size in 601..20_000_u64) {
            compare(size, |at| at == size);
        }
    }

    #[test]
    fn finished_tiles_are_handed_out_once_and_in_order() {
        let mut tree = Tree::new();
        let mut tiles = Vec::new();
        for index in 0..65_536_u32 {
            let leaf = Hash::of_leaf(&index.to_le_bytes());
            let Ok(()) = tree.append(leaf, |tile, hashes| {
                assert_eq!(hashes.len(), TILE_WIDTH);
                tiles.push(tile);
                Ok::<_, Infallible>(())
            });
        }
        let level_0 = (0..256).map(|index| Tile::full(Row::Level(0), index));
        assert_eq!(tiles, level_0.chain([Tile::full(Row::Level(1), 0)]).collect::<Vec<_>>());
        assert_eq!(tree.open(2), [tree.root()]);
    }
}
