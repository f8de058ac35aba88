//! The gradient by the kernel: `dg = G' [sum over tiles of (B' d B) . (A dy A')] G`.

use super::transform::{Image, Input, KernelGradient, OutputGradient};
use super::{PLACES, PLANE_GAP, Tiles};
use crate::kernels::conv::{Conv2d, Shared};
use crate::kernels::gemm::{Block, BlockA, BlockB, width};
use crate::kernels::scratch::with_scratch;
use crate::kernels::simd::dispatch;
use crate::parallel;

/// Elements that the partial sums may take together.
const MAX_PARTIALS: usize = 1 << 22;
/// Parts of the sum at most.
const MAX_PARTS: usize = 8;

impl Conv2d {
    /// How many parts the sum over tiles is cut into; none where the direct way is the faster one.
    fn winograd_parts(&self) -> Option<usize> {
        let sums = PLACES * self.channels * self.filters;
        let blocks = Tiles::new(self.batch, self.output, self.channels + self.filters).blocks();
        // Each part pays for adding its sums to the others.
        let parts = (MAX_PARTIALS / sums.max(1)).min(MAX_PARTS).min(blocks / 2);
        (self.winograd_forward() && parts >= 2).then_some(parts)
    }

    /// Whether [`backward_weights`] is the faster way.
    pub(in crate::kernels::conv) fn winograd_weights(&self) -> bool {
        self.winograd_parts().is_some()
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
    let (channels, filters) = (conv.channels, conv.filters);
    let tiles = Tiles::new(conv.batch, conv.output, channels + filters);
    let parts = conv.winograd_parts().unwrap_or(1);
    let chunk = tiles.blocks().div_ceil(parts);
    let parts = tiles.blocks().div_ceil(chunk);
    let sums = PLACES * channels * filters;
    with_scratch(parts * sums, |partials: &mut [f32]| {
        parallel::for_each_chunk_mut(partials, sums, |index, partial| {
            let blocks = index * chunk..tiles.blocks().min((index + 1) * chunk);
            for (i, block) in blocks.enumerate() {
                add_block(conv, &tiles, block, (x, dy), i > 0, partial);
            }
        });
        let partials = &*partials;
        let dw = Shared(dw.as_mut_ptr());
        parallel::for_each_chunk(channels, 8, |range| {
            for channel in range {
                dispatch(KernelGradient {
                    parts: partials,
                    part_step: sums,
                    channels,
                    filters,
                    channel,
                    beta,
                    to: dw.at(0),
                });
            }
        });
    });
}

/// The products of one block of tiles, given or added to the sums.
fn add_block(
    conv: &Conv2d,
    tiles: &Tiles,
    block: usize,
    (x, dy): (&[f32], &[f32]),
    accumulate: bool,
    sums: &mut [f32],
) {
    let (channels, filters) = (conv.channels, conv.filters);
    let row = filters.next_multiple_of(width::<f32>());
    let first = block * tiles.block;
    let range = first..tiles.count.min(first + tiles.block);
    let seen = tiles.block * channels + PLANE_GAP;
    let given = tiles.block * row + PLANE_GAP;
    // The place of the zeros is rounded up so that the planes behind it are aligned.
    let gap = channels.next_multiple_of(width::<f32>());
    with_scratch(gap + PLACES * (seen + given), |room: &mut [f32]| {
        let (zeros, room) = room.split_at_mut(gap);
        let (before, after) = room.split_at_mut(PLACES * seen);
        zeros.fill(0.0);
        dispatch(Input {
            image: Image {
                values: x,
                size: conv.input,
                channels,
            },
            padding: conv.padding,
            tiles: *tiles,
            range: range.clone(),
            zeros,
            to: before,
            place_step: seen,
        });
        dispatch(OutputGradient {
            image: Image {
                values: dy,
                size: conv.output,
                channels: filters,
            },
            tiles: *tiles,
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
                beta: f32::from(u8::from(accumulate)),
                bias: None,
                relu: false,
            };
            // SAFETY: the planes have a row for each tile, rows of the second are whole vectors, and the sums are ours.
            unsafe { product.run() };
        }
    });
}
