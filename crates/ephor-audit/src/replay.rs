//! Grows a tree from the entries on disk and compares it with the hashes on disk.
//!
//! The verifier replays a whole log; the writer replays what is new before it signs, so that what it signs
//! is what was written. Entries come first: the tree is built from them alone, and a tile that differs is
//! only noted. At the end the root tells which of the two was changed.

use std::path::{Path, PathBuf};

use zerocopy::IntoBytes;

use crate::fault::Fault;
use crate::hash::{HASH_BYTES, Hash};
use crate::load;
use crate::tile::{Row, TILE_WIDTH, Tile};
use crate::tree::Tree;

/// A tree made of what the files of a log say.
#[derive(Debug)]
pub(crate) struct Replay {
    dir: PathBuf,
    tree: Tree,
    difference: Option<Difference>,
    bundle: Vec<u8>,
    hashes: Vec<u8>,
}

/// The first hash on disk that is not that of the entries.
#[derive(Clone, Copy, Debug)]
struct Difference {
    tile: Tile,
    position: usize,
}

impl Replay {
    /// Begins before the first entry of the log in `dir`.
    pub(crate) fn new(dir: PathBuf) -> Self {
        let (bundle, hashes) = (Vec::new(), Vec::with_capacity(TILE_WIDTH * HASH_BYTES + 1));
        Self { dir, tree: Tree::new(), difference: None, bundle, hashes }
    }

    /// Reads on to `to` entries of a log that has `of`, and calls `progress` with the count after each file.
    pub(crate) fn advance(&mut self, to: u64, of: u64, mut progress: impl FnMut(u64)) -> Result<(), Fault> {
        assert!(to <= of, "entry {to} of {of}");
        while self.tree.size() < to {
            self.read_bundle(to, of)?;
            progress(self.tree.size());
        }
        Ok(())
    }

    /// Compares what is still open with the partial tiles on disk, and all of it with the root.
    pub(crate) fn settle(&mut self, root: Hash) -> Result<(), Fault> {
        for tile in Tile::partials(self.tree.size()) {
            if let Row::Level(level) = tile.row {
                note_difference(
                    &self.dir,
                    tile,
                    self.tree.open(level),
                    &mut self.hashes,
                    &mut self.difference,
                )?;
            }
        }
        let found = self.tree.root();
        match self.difference {
            Some(difference) => Err(self.blame(difference, found == root)),
            None if found == root => Ok(()),
            None => Err(Fault::Root { file: self.dir.clone(), size: self.tree.size(), found, stated: root }),
        }
    }

    /// The root of the entries read so far.
    pub(crate) fn root(&self) -> Hash {
        self.tree.root()
    }

    fn read_bundle(&mut self, to: u64, of: u64) -> Result<(), Fault> {
        let Self { dir, tree, difference, bundle, hashes } = self;
        let index = tree.size() / TILE_WIDTH as u64;
        let tile = Tile::of(Row::Entries, index, of).expect("advance stays below the log's size");
        let numbers = index * TILE_WIDTH as u64..to;
        for (number, entry) in numbers.zip(load::entries(dir, tile, bundle)?) {
            let leaf = Hash::of_leaf(entry);
            if number == tree.size() {
                tree.append(leaf, |tile, known| note_difference(dir, tile, known, hashes, difference))?;
            } else if leaf != tree.open(0)[(number % TILE_WIDTH as u64) as usize] {
                // Read before, from a narrower file of the same bundle.
                return Err(entry_fault(dir, number, of));
            }
        }
        Ok(())
    }

    /// Says which file is wrong, given whether the entries have the right root.
    fn blame(&self, Difference { tile, position }: Difference, entries_are_right: bool) -> Fault {
        if tile.row == Row::Level(0) && !entries_are_right {
            let number = tile.index * TILE_WIDTH as u64 + position as u64;
            return entry_fault(&self.dir, number, self.tree.size());
        }
        Fault::Tile { file: self.dir.join(tile.path()), position, offset: position * HASH_BYTES }
    }
}

/// Compares a tile on disk with the hashes it should have, and remembers the first difference of all.
fn note_difference(
    dir: &Path,
    tile: Tile,
    known: &[Hash],
    bytes: &mut Vec<u8>,
    difference: &mut Option<Difference>,
) -> Result<(), Fault> {
    load::hashes(dir, tile, bytes)?;
    let pairs = bytes.chunks_exact(HASH_BYTES).zip(known);
    let position = pairs.into_iter().position(|(found, known)| found != known.as_bytes());
    *difference = difference.or(position.map(|position| Difference { tile, position }));
    Ok(())
}

fn entry_fault(dir: &Path, number: u64, of: u64) -> Fault {
    let path = |row| {
        let tile = Tile::of(row, number / TILE_WIDTH as u64, of).expect("the entry is in the log");
        dir.join(tile.path())
    };
    Fault::Entry { file: path(Row::Entries), index: number, tile: path(Row::Level(0)) }
}
