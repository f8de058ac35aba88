//! The gradient by the kernel: `dg = G' [sum over tiles of (B' d B) . (A dy A')] G`.
//!
//! A piece of work is a block of channels by filters and a part of the tiles. It takes them through all steps, so that the
//! transformed tiles and the 16 sums stay in the second-level cache, and what is left are the nine points of the kernel.

use std::ops::Range;

use super::transform::{Image, Input, KernelGradient, OutputGradient};
use super::{PLACES, PLANE_GAP, Tiles};
use crate::kernels::conv::weights::{MAX_PARTIALS, add_in_order};
use crate::kernels::conv::{Conv2d, Shared};
use crate::kernels::gemm::{Block, BlockA, BlockB, width};
use crate::kernels::scratch::with_scratch;
use crate::kernels::simd::dispatch;
use crate::parallel;

/// Channels or filters of a block at most.
const MAX_SIDE: usize = 64;
/// Tiles that go through the steps together at most.
const MAX_TILES: usize = 96;
/// Pieces of work, as far as there are tiles enough.
const PIECES: usize = 16;

impl Conv2d {
    /// Whether [`backward_weights`] is the faster way.
    pub(in crate::kernels::conv) fn winograd_weights(&self) -> bool {
        self.winograd_forward()
    }
}

/// [`super::super::backward_weights`] where [`Conv2d::winograd_weights`].
pub(in crate::kernels::conv) fn backward_weights(
    conv: &Conv2d,
    x: &[f32],
    dy: &[f32],
    beta: f32,
    dw: &mut [f32],
) {
    let tiles = Tiles::new(
        conv.batch,
        conv.output,
        conv.dilation,
        conv.channels + conv.filters,
    );
    let (down, across) = (blocks(conv.channels), blocks(conv.filters));
    let parts = PIECES
        .div_ceil(down * across)
        .min(tiles.count / MAX_TILES)
        .min(MAX_PARTIALS / dw.len())
        .max(1);
    let part = tiles.count.div_ceil(parts);
    let run = |dw: Shared<f32>, len: usize, beta: f32| {
        parallel::for_each_chunk(parts * down * across, 1, |range| {
            let (index, block) = (range.start / (down * across), range.start % (down * across));
            let piece = Piece {
                conv,
                tiles: &tiles,
                range: index * part..tiles.count.min((index + 1) * part),
                channels: share(conv.channels, down, block / across),
                filters: share(conv.filters, across, block % across),
            };
            piece.run(x, dy, beta, dw.at(index * len));
        });
    };
    if parts == 1 {
        return run(Shared(dw.as_mut_ptr()), 0, beta);
    }
    with_scratch(parts * dw.len(), |partials: &mut [f32]| {
        run(Shared(partials.as_mut_ptr()), dw.len(), 0.0);
        add_in_order(partials, beta, dw);
    });
}

/// Blocks that channels or filters are cut into.
fn blocks(n: usize) -> usize {
    n.div_ceil(MAX_SIDE)
}

/// Those of block `index` of `blocks`: whole vectors but in the last.
fn share(n: usize, blocks: usize, index: usize) -> Range<usize> {
    let vectors = n.div_ceil(width::<f32>());
    let at = |index: usize| (vectors * index / blocks * width::<f32>()).min(n);
    at(index)..at(index + 1)
}

/// A block of channels by filters and a part of the tiles.
struct Piece<'a> {
    conv: &'a Conv2d,
    tiles: &'a Tiles,
    range: Range<usize>,
    channels: Range<usize>,
    filters: Range<usize>,
}

impl Piece<'_> {
    /// `dw = beta * dw + ` what this piece gives, on this thread; dw is the first element of the whole kernel.
    fn run(&self, x: &[f32], dy: &[f32], beta: f32, dw: *mut f32) {
        let conv = self.conv;
        let (channels, filters) = (self.channels.len(), self.filters.len());
        let row = filters.next_multiple_of(width::<f32>());
        let count = self.range.len();
        let step = count.div_ceil(count.div_ceil(MAX_TILES).max(1)).max(1);
        let seen = (step * channels).next_multiple_of(width::<f32>()) + PLANE_GAP;
        let given = step * row + PLANE_GAP;
        let sums = PLACES * channels * filters;
        // The place of the zeros is rounded up so that the planes behind it are aligned.
        let gap = channels.next_multiple_of(width::<f32>());
        with_scratch(
            gap + PLACES * (seen + given) + sums,
            |room: &mut [f32]| {
                let (zeros, room) = room.split_at_mut(gap);
                let (before, room) = room.split_at_mut(PLACES * seen);
                let (after, sums) = room.split_at_mut(PLACES * given);
                zeros.fill(0.0);
                for first in self.range.clone().step_by(step) {
                    let range = first..self.range.end.min(first + step);
                    dispatch(Input {
                        image: Image {
                            values: &x[self.channels.start..],
                            size: conv.input,
                            channels: conv.channels,
                            taken: channels,
                        },
                        padding: conv.padding,
                        tiles: *self.tiles,
                        range: range.clone(),
                        zeros,
                        to: before,
                        place_step: seen,
                    });
                    dispatch(OutputGradient {
                        image: Image {
                            values: &dy[self.filters.start..],
                            size: conv.output,
                            channels: conv.filters,
                            taken: filters,
                        },
                        tiles: *self.tiles,
                        range: range.clone(),
                        to: after,
                        row,
                        place_step: given,
                    });
                    for place in 0..PLACES {
                        let product = Block {
                            rows: channels,
                            columns: filters,
                            segments: &[[0, range.len()]],
                            a: BlockA::Columns {
                                first: before[place * seen..].as_ptr(),
                                step: channels,
                            },
                            b: BlockB {
                                first: after[place * given..].as_ptr(),
                                step: row,
                                next: width::<f32>(),
                            },
                            c: sums[place * channels * filters..].as_mut_ptr(),
                            ldc: filters,
                            beta: f32::from(u8::from(first > self.range.start)),
                            bias: None,
                            relu: false,
                        };
                        // SAFETY: the planes have a row for each tile, rows of the second are whole vectors, the sums are ours.
                        unsafe { product.run() };
                    }
                }
                dispatch(KernelGradient {
                    from: sums,
                    channels,
                    filters,
                    beta,
                    to: dw.wrapping_add(self.channels.start * conv.filters + self.filters.start),
                    row: conv.filters,
                    point: conv.channels * conv.filters,
                });
            },
        );
    }
}
