//! Reads the log's files, none of which is trusted: not its kind, its length or its bytes.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::bundle::{self, BUNDLE_BYTES_LIMIT};
use crate::fault::Fault;
use crate::hash::HASH_BYTES;
use crate::tile::{TILE_WIDTH, Tile};

/// Reads a whole file of at most `limit` bytes into `bytes`, whose memory is used again.
pub(crate) fn file(path: &Path, limit: usize, bytes: &mut Vec<u8>) -> Result<(), Fault> {
    // A link or a pipe is refused before it is opened: opening a pipe would wait for its other end.
    let kind = fs::symlink_metadata(path).map_err(|error| unread(path, error))?.file_type();
    if !kind.is_file() {
        return Err(Fault::Kind { file: path.to_owned() });
    }
    bytes.clear();
    let file = File::open(path).map_err(|error| unread(path, error))?;
    file.take(limit as u64 + 1).read_to_end(bytes).map_err(|error| unread(path, error))?;
    match bytes.len() <= limit {
        true => Ok(()),
        false => Err(Fault::Large { file: path.to_owned(), limit }),
    }
}

/// Reads the entries of a bundle.
pub(crate) fn entries<'a>(dir: &Path, tile: Tile, bytes: &'a mut Vec<u8>) -> Result<Vec<&'a [u8]>, Fault> {
    let path = dir.join(tile.path());
    file(&path, BUNDLE_BYTES_LIMIT, bytes)?;
    bundle::split(bytes, tile.width).map_err(|broken| Fault::Bundle {
        file: path,
        index: tile.index * TILE_WIDTH as u64 + broken.position as u64,
        offset: broken.offset,
    })
}

/// Reads the hashes of a tile.
pub(crate) fn hashes(dir: &Path, tile: Tile, bytes: &mut Vec<u8>) -> Result<(), Fault> {
    let path = dir.join(tile.path());
    let expected = tile.width * HASH_BYTES;
    file(&path, expected, bytes)?;
    match bytes.len() == expected {
        true => Ok(()),
        false => Err(Fault::Short { file: path, bytes: bytes.len(), expected }),
    }
}

pub(crate) fn unread(path: &Path, error: io::Error) -> Fault {
    let file = path.to_owned();
    match error.kind() {
        ErrorKind::NotFound => Fault::Missing { file },
        _ => Fault::Read { file, error },
    }
}
