//! Convolutions of each channel by itself, `m` filters for each.
//!
//! ```text
//! y[n, i, j, f]   = sum over a, b of x[n, i*s0 + a*d0 - p0, j*s1 + b*d1 - p1, f / m] * w[a, b, f]
//! dx[n, u, v, c]  = sum over a, b and the m filters f of c, of dy[n, (u + p0 - a*d0) / s0, …, f] * w[a, b, f]
//! dw[a, b, f]     = sum over n, i, j of x[n, i*s0 + a*d0 - p0, …, f / m] * dy[n, i, j, f]
//! ```
//!
//! There is no sum over channels, so vectors run along them: a vector of channels times that of a point of the kernel, for
//! several pixels of a line at once. Lines are read where they lie: points outside the image are left out, rows of points
//! for the whole line, single ones at its ends only. With m above 1, x and dx are repeated m times, so that x, dx and y have
//! equally many channels.
//!
//! Lines are cut into pieces by sizes alone, and each number is summed by one thread in one order.

mod line;
mod weights;

use std::ops::Range;

use super::{CHUNK_WORK, Conv2d};
use crate::kernels::gemm::Epilogue;
use crate::kernels::scratch::with_scratch;
use crate::parallel;
use crate::real::Real;
use line::{Finish, Line, Tap};

pub(super) use weights::backward_weights;

/// With more filters for a channel, matrix products are faster.
const MAX_MULTIPLIER: usize = 8;
/// Elements that one piece of repeating or folding handles.
const CHUNK: usize = 1 << 14;

impl Conv2d {
    /// Whether each group is one channel with a few filters.
    pub(super) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.group_channels() == 1 && self.group_filters() <= MAX_MULTIPLIER
    }

    /// Elements of the input with each channel as often as it has filters; 0 if that is once.
    fn repeated_len(&self) -> usize {
        match self.group_filters() {
            1 => 0,
            count => self.input_len() * count,
        }
    }

    /// The points that output row `i` sees, of the image's rows from its first element on.
    fn taps_of_row<'a>(&self, i: usize, list: &'a mut [Tap]) -> &'a [Tap] {
        let mut len = 0;
        for a in 0..self.kernel[0] {
            let row = (i * self.strides[0] + a * self.dilation[0]).checked_sub(self.padding[0]);
            let Some(row) = row.filter(|&row| row < self.input[0]) else {
                continue;
            };
            for b in 0..self.kernel[1] {
                let column = (b * self.dilation[1]) as isize - self.padding[1] as isize;
                list[len] = Tap {
                    from: ((row * self.input[1]) as isize + column) * self.filters as isize,
                    column,
                    weight: (a * self.kernel[1] + b) * self.filters,
                };
                len += 1;
            }
        }
        &list[..len]
    }

    /// The points of column phase `q` that image row `u` is seen by, in the rows of dy.
    fn taps_of_phase<'a>(&self, u: usize, q: usize, list: &'a mut [Tap]) -> &'a [Tap] {
        let (_, _, origin) = self.phase(1, q);
        let mut len = 0;
        for a in 0..self.kernel[0] {
            let Some(at) = (u + self.padding[0]).checked_sub(a * self.dilation[0]) else {
                continue;
            };
            let row = at / self.strides[0];
            if !at.is_multiple_of(self.strides[0]) || row >= self.output[0] {
                continue;
            }
            // From the last to the first: so they go through dy in its order.
            for b in (0..self.kernel[1]).rev() {
                let Some(lag) = self.lag(1, q, b) else {
                    continue;
                };
                let column = origin as isize - lag as isize;
                list[len] = Tap {
                    from: ((row * self.output[1]) as isize + column) * self.filters as isize,
                    column,
                    weight: (a * self.kernel[1] + b) * self.filters,
                };
                len += 1;
            }
        }
        &list[..len]
    }
}

/// Calls `work` with image, row and columns of pieces of the lines of all images of this size.
fn for_each_piece(
    batch: usize,
    size: [usize; 2],
    pixel_work: usize,
    work: impl Fn(usize, usize, Range<usize>) + Sync,
) {
    let [height, width] = size;
    let pixels = (CHUNK_WORK / pixel_work.max(1)).max(1);
    let pixels = match pixels / width {
        0 => pixels,
        lines => lines * width,
    };
    parallel::for_each_chunk(batch * height * width, pixels, |range| {
        for_each_line(size, range, &work);
    });
}

/// Calls `work` with image, row and columns of each line of a range of pixels.
fn for_each_line(
    [height, width]: [usize; 2],
    pixels: Range<usize>,
    mut work: impl FnMut(usize, usize, Range<usize>),
) {
    let mut pixel = pixels.start;
    while pixel < pixels.end {
        let (line, column) = (pixel / width, pixel % width);
        let end = width.min(column + pixels.end - pixel);
        work(line / height, line % height, column..end);
        pixel += end - column;
    }
}

/// Calls `work` with x in which each channel stands as often as it has filters.
fn with_repeated<F: Real, R>(conv: &Conv2d, x: &[F], work: impl FnOnce(&[F]) -> R) -> R {
    let count = conv.group_filters();
    if count == 1 {
        return work(x);
    }
    with_scratch(conv.repeated_len(), |room: &mut [F]| {
        let pixels = CHUNK.div_ceil(count);
        parallel::for_each_chunk_mut(room, pixels * count, |index, room| {
            for (to, &x) in room.chunks_exact_mut(count).zip(&x[index * pixels..]) {
                to.fill(x);
            }
        });
        work(room)
    })
}

/// [`super::forward`] where [`Conv2d::is_depthwise`].
pub(super) fn forward<F: Real>(
    conv: &Conv2d,
    x: &[F],
    kernel: &[F],
    epilogue: Epilogue<'_, F>,
    beta: F,
    y: &mut [F],
) {
    let image = conv.input[0] * conv.input[1] * conv.filters;
    let to = super::Shared(y.as_mut_ptr());
    with_repeated(conv, x, |x| {
        for_each_piece(
            conv.batch,
            conv.output,
            conv.kernel_len(),
            |n, i, columns| {
                with_scratch(conv.taps(), |list: &mut [Tap]| {
                    let line = Line {
                        from: x[n * image..].as_ptr(),
                        columns: conv.input[1],
                        step: conv.strides[1],
                        taps: conv.taps_of_row(i, list),
                        weights: kernel.as_ptr(),
                        to: to.at(((n * conv.output[0] + i) * conv.output[1]) * conv.filters),
                        to_step: conv.filters,
                        channels: conv.filters,
                        finish: Finish {
                            beta,
                            bias: epilogue.bias.map(<[F]>::as_ptr),
                            relu: epilogue.relu,
                        },
                    };
                    // SAFETY: the taps' rows lie within the image, the kernel has a row for each, and this piece alone
                    // writes these columns of the line.
                    unsafe { line.run(columns) };
                });
            },
        );
    });
}

/// [`super::backward_data`] where [`Conv2d::is_depthwise`].
pub(super) fn backward_data<F: Real>(conv: &Conv2d, dy: &[F], kernel: &[F], beta: F, dx: &mut [F]) {
    let count = conv.group_filters();
    if count == 1 {
        return add_up_data(conv, dy, kernel, beta, dx);
    }
    with_scratch(conv.repeated_len(), |room: &mut [F]| {
        add_up_data(conv, dy, kernel, F::ZERO, room);
        let room = &*room;
        parallel::for_each_chunk_mut(dx, CHUNK, |index, dx| {
            let from = room[index * CHUNK * count..].chunks_exact(count);
            for (dx, from) in dx.iter_mut().zip(from) {
                let sum = from.iter().fold(F::ZERO, |sum, &x| sum + x);
                *dx = if beta == F::ZERO {
                    sum
                } else {
                    beta * *dx + sum
                };
            }
        });
    });
}

/// The gradient by the image with each channel as often as it has filters.
fn add_up_data<F: Real>(conv: &Conv2d, dy: &[F], kernel: &[F], beta: F, dx: &mut [F]) {
    let image = conv.output[0] * conv.output[1] * conv.filters;
    let stride = conv.strides[1];
    let grid = [conv.input[0], conv.input[1].div_ceil(stride)];
    let to = super::Shared(dx.as_mut_ptr());
    for_each_piece(conv.batch, grid, conv.kernel_len(), |n, u, columns| {
        with_scratch(conv.taps(), |list: &mut [Tap]| {
            for q in 0..stride {
                let (first, count, _) = conv.phase(1, q);
                let pixel = (n * conv.input[0] + u) * conv.input[1] + first;
                let line = Line {
                    from: dy[n * image..].as_ptr(),
                    columns: conv.output[1],
                    step: 1,
                    taps: conv.taps_of_phase(u, q, list),
                    weights: kernel.as_ptr(),
                    to: to.at(pixel * conv.filters),
                    to_step: stride * conv.filters,
                    channels: conv.filters,
                    finish: Finish {
                        beta,
                        bias: None,
                        relu: false,
                    },
                };
                // SAFETY: the taps' rows lie within dy's image, the kernel has a row for each, and this piece alone writes
                // these pixels of the line: there are `count` in this phase.
                unsafe { line.run(columns.start.min(count)..columns.end.min(count)) };
            }
        });
    });
}
