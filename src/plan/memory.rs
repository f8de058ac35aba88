//! Placing pieces by the times they live: greedy by size, lowest free offset first (Pisarchyk and Lee, "Efficient memory
//! management for deep neural net inference", 2020).

use crate::arena::{ALIGNMENT, Block};
use crate::error::Result;
use crate::shape::checked_elements;

/// Pieces start on multiples of so many elements: a cache line of `f32`, two of `f64`.
const GRAIN: usize = ALIGNMENT / 4;

/// The number of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PieceId(usize);

#[derive(Debug, Clone, Copy)]
struct Piece {
    len: usize,
    first: usize,
    last: usize,
    offset: usize,
}

/// All pieces of a plan.
#[derive(Debug, Default)]
pub struct Memory {
    pieces: Vec<Piece>,
    len: usize,
}

impl Memory {
    /// A piece of `len` elements, first written at time `first`.
    pub fn piece(&mut self, len: usize, first: usize) -> PieceId {
        self.pieces.push(Piece {
            len,
            first,
            last: first,
            offset: 0,
        });
        PieceId(self.pieces.len() - 1)
    }

    /// The piece is needed until `time`.
    pub fn used(&mut self, piece: PieceId, time: usize) {
        let last = &mut self.pieces[piece.0].last;
        *last = (*last).max(time);
    }

    /// Gives every piece its offset.
    pub fn assign(mut self) -> Result<Self> {
        let mut order: Vec<usize> = (0..self.pieces.len()).collect();
        order.sort_by_key(|&i| {
            (
                std::cmp::Reverse(self.pieces[i].len),
                self.pieces[i].first,
                i,
            )
        });
        let mut placed: Vec<usize> = Vec::with_capacity(order.len());
        for i in order {
            let piece = self.pieces[i];
            let mut offset = 0;
            // `placed` is sorted by offset: take the first gap between pieces that live at the same time.
            for &other in &placed {
                let other = self.pieces[other];
                if other.first <= piece.last && piece.first <= other.last {
                    if offset + piece.len <= other.offset {
                        break;
                    }
                    offset = offset.max((other.offset + other.len).next_multiple_of(GRAIN));
                }
            }
            self.pieces[i].offset = offset;
            self.len = self.len.max(checked_elements(&[offset + piece.len])?);
            let at = placed.partition_point(|&other| self.pieces[other].offset <= offset);
            placed.insert(at, i);
        }
        Ok(self)
    }

    /// Where a piece lies.
    pub fn block(&self, piece: PieceId) -> Block {
        let Piece { offset, len, .. } = self.pieces[piece.0];
        Block { offset, len }
    }

    /// The length of all together.
    pub fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_that_never_meet_share_memory_and_others_do_not() {
        let mut memory = Memory::default();
        let a = memory.piece(100, 0);
        let b = memory.piece(50, 1);
        let c = memory.piece(100, 3);
        memory.used(a, 2);
        memory.used(b, 3);
        let memory = memory.assign().unwrap();
        assert_eq!(memory.block(a).offset, 0);
        assert_eq!(memory.block(c).offset, 0);
        assert_eq!(memory.block(b).offset, 112);
        assert_eq!(memory.len(), 162);
    }

    #[test]
    fn random_lives_never_overlap_in_time_and_space() {
        let mut memory = Memory::default();
        let mut state = 1u64;
        let mut draw = |n: u64| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) % n
        };
        let pieces: Vec<_> = (0..200)
            .map(|_| {
                let first = draw(50) as usize;
                let piece = memory.piece(1 + draw(1000) as usize, first);
                memory.used(piece, first + draw(10) as usize);
                piece
            })
            .collect();
        let memory = memory.assign().unwrap();
        for (i, &a) in pieces.iter().enumerate() {
            for &b in &pieces[..i] {
                let (pa, pb) = (memory.pieces[a.0], memory.pieces[b.0]);
                let in_time = pa.first <= pb.last && pb.first <= pa.last;
                let in_space = pa.offset < pb.offset + pb.len && pb.offset < pa.offset + pa.len;
                assert!(!(in_time && in_space), "{pa:?} {pb:?}");
            }
        }
    }
}
