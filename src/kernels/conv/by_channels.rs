//! The gradient by a kernel of many channels, a block of channels at a time.
//!
//! What a point of the kernel saw at some hundred pixels is copied side by side, the channels of the block alone, with zeros
//! where there is no image (a kernel of one point reads it in place). So the sum over pixels runs on without a break, however narrow the image is, and reads neighbours
//! in memory, however many channels there are. Blocks share out the work without partial sums, which large kernels have no
//! room for.

use std::ops::Range;

use super::weights::{MAX_PARTIALS, add_in_order};
use super::{Conv2d, Shared};
use crate::kernels::gemm::{Block, BlockA, BlockB, Matrix, pack_panel, width};
use crate::kernels::scratch::with_scratch;
use crate::parallel;
use crate::real::Real;

/// Fewer channels are better summed for several points of the kernel together.
const MIN_CHANNELS: usize = 32;
/// Channels of a block at most.
const MAX_CHANNELS: usize = 64;
/// Pixels that are summed over in one pass.
const PIXELS: usize = 512;
/// Pieces of work, as far as there are pixels enough.
const PIECES: usize = 16;

impl Conv2d {
    /// Whether [`backward_weights`] is the faster way.
    pub(super) fn has_many_channels(&self) -> bool {
        self.group_channels() >= MIN_CHANNELS
    }

    /// Copies `channels` (of all groups) of what a point of the kernel saw at some pixels of the output.
    fn seen<F: Real>(
        &self,
        x: &[F],
        [a, b]: [usize; 2],
        pixels: Range<usize>,
        channels: Range<usize>,
        to: &mut [F],
    ) {
        let [height, width] = self.output;
        let at = |axis: usize, i: usize, k: usize| {
            (i * self.strides[axis] + k * self.dilation[axis])
                .checked_sub(self.padding[axis])
                .filter(|&at| at < self.input[axis])
        };
        let mut to = to.chunks_exact_mut(channels.len());
        let mut pixel = pixels.start;
        while pixel < pixels.end {
            let (line, first) = (pixel / width, pixel % width);
            let last = width.min(first + pixels.end - pixel);
            let row = at(0, line % height, a);
            for (j, to) in (first..last).zip(&mut to) {
                match (row, at(1, j, b)) {
                    (Some(u), Some(v)) => {
                        let line = line / height * self.input[0] + u;
                        let from = (line * self.input[1] + v) * self.channels;
                        to.copy_from_slice(&x[from..][channels.clone()]);
                    }
                    _ => to.fill(F::ZERO),
                }
            }
            pixel += last - first;
        }
    }
}

/// [`super::backward_weights`] where [`Conv2d::has_many_channels`].
pub(super) fn backward_weights<F: Real>(conv: &Conv2d, x: &[F], dy: &[F], beta: F, dw: &mut [F]) {
    let pixels = conv.batch * conv.output[0] * conv.output[1];
    let per_group = conv.group_channels().div_ceil(MAX_CHANNELS);
    let blocks = conv.groups * per_group;
    let parts = PIECES
        .div_ceil(blocks)
        .min(pixels / PIXELS)
        .min(MAX_PARTIALS / dw.len())
        .max(1);
    let part = pixels.div_ceil(parts);
    let run = |dw: Shared<F>, len: usize, beta: F| {
        parallel::for_each_chunk(parts * blocks, 1, |range| {
            let (index, block) = (range.start / blocks, range.start % blocks);
            let to = Shared(dw.at(index * len));
            let pixels = index * part..pixels.min((index + 1) * part);
            let (group, block) = (block / per_group, block % per_group);
            block_of_channels(conv, (x, dy), pixels, (group, block, per_group), beta, &to);
        });
    };
    if parts == 1 {
        return run(Shared(dw.as_mut_ptr()), 0, beta);
    }
    with_scratch(parts * dw.len(), |partials: &mut [F]| {
        run(Shared(partials.as_mut_ptr()), dw.len(), F::ZERO);
        add_in_order(partials, beta, dw);
    });
}

/// The sum over some pixels for block `block` of the `blocks` of a group's channels, on this thread.
fn block_of_channels<F: Real>(
    conv: &Conv2d,
    (x, dy): (&[F], &[F]),
    pixels: Range<usize>,
    (group, block, blocks): (usize, usize, usize),
    beta: F,
    dw: &Shared<F>,
) {
    let filters = conv.group_filters();
    let whole = filters / width::<F>() * width::<F>();
    let all = conv.group_channels();
    let channels = all * block / blocks..all * (block + 1) / blocks;
    let seen = group * all + channels.start..group * all + channels.end;
    let tail = if whole < filters {
        PIXELS * width::<F>()
    } else {
        0
    };
    let copied = if conv.is_pointwise() {
        0
    } else {
        PIXELS * channels.len()
    };
    with_scratch(copied + tail, |room: &mut [F]| {
        let (room, tail) = room.split_at_mut(copied);
        for first in pixels.clone().step_by(PIXELS) {
            let taken = first..pixels.end.min(first + PIXELS);
            let dy = &dy[first * conv.filters + group * filters..];
            if whole < filters {
                let tail = &mut tail[..taken.len() * width::<F>()];
                pack_panel(Matrix::new(dy, conv.filters), false, whole, filters, tail);
            }
            for point in 0..conv.taps() {
                let place = [point / conv.kernel[1], point % conv.kernel[1]];
                let (first_seen, step) = if conv.is_pointwise() {
                    let at = taken.start * conv.channels + seen.start;
                    (x[at..].as_ptr(), conv.channels)
                } else {
                    let copy = &mut room[..taken.len() * channels.len()];
                    conv.seen(x, place, taken.clone(), seen.clone(), copy);
                    (copy.as_ptr(), channels.len())
                };
                let row = point * all + channels.start;
                let product = Block {
                    rows: channels.len(),
                    columns: filters,
                    segments: &[[0, taken.len()]],
                    a: BlockA::Columns {
                        first: first_seen,
                        step,
                    },
                    b: BlockB {
                        first: dy.as_ptr(),
                        step: conv.filters,
                        next: width::<F>(),
                    },
                    c: dw.at(row * conv.filters + group * filters),
                    ldc: conv.filters,
                    beta: if first == pixels.start { beta } else { F::ONE },
                    bias: None,
                    relu: false,
                };
                // SAFETY: the copy and dy have a row for each pixel (whole vectors are read, the rest is packed), and
                // nobody else writes this block of channels of this part's sums.
                unsafe { product.run_with_rest(tail.as_ptr()) };
            }
        }
    });
}
