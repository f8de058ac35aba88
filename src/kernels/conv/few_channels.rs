//! The gradient by an image of few channels, which would fill a part of a vector only.
//!
//! What each pixel of dy gives to all points of its window is one row of a product, `dy * kernel^T`, whose columns are points and
//! channels; the rows are then added up where the windows lie. So vectors are full, and no zeros beyond dy are multiplied.
//!
//! A piece of work is a band of the image's rows, with all the rows of dy that it sees: those near its ends are multiplied for
//! two bands.

use std::any::TypeId;

use super::{Conv2d, Shared};
use crate::kernels::gemm::{Block, BlockA, BlockB, Matrix, PackedB, RowMap, pack_b, width};
use crate::kernels::scratch::with_scratch;
use crate::kernels::simd::{Kernel, Lanes, Simd, dispatch};
use crate::parallel;
use crate::real::Real;

/// Pixels of one product, as far as lines are not longer.
const PIXELS: usize = 96;
/// Pieces of work, as far as bands would not see much of dy twice.
const PIECES: usize = 16;

impl Conv2d {
    /// Whether this way is the faster one: with channels that fill half a vector at most.
    pub(super) fn has_few_channels<F>(&self) -> bool {
        self.groups == 1 && 2 * self.channels <= width::<F>() && self.taps() > 1
    }

    /// Bands that an image is cut into: their rows are at least four times those that a window sees.
    fn bands(&self) -> usize {
        let most = self.input[0] / (4 * self.reach(0, 1));
        PIECES.div_ceil(self.batch).min(most).max(1)
    }
}

/// [`super::backward_data`] where [`Conv2d::has_few_channels`].
pub(super) fn backward_data<F: Real>(conv: &Conv2d, dy: &[F], kernel: &[F], beta: F, dx: &mut [F]) {
    let (depth, columns) = (conv.filters, conv.taps() * conv.channels);
    let bands = conv.bands();
    let rows = conv.input[0].div_ceil(bands);
    let bands = conv.input[0].div_ceil(rows);
    let to = Shared(dx.as_mut_ptr());
    with_scratch(PackedB::<F>::len(depth, columns), |packed: &mut [F]| {
        pack_b(depth, columns, Matrix::new(kernel, depth), true, packed);
        let packed = &*packed;
        parallel::for_each_chunk(conv.batch * bands, 1, |pieces| {
            for piece in pieces {
                let (image, first) = (piece / bands, piece % bands * rows);
                let rows = rows.min(conv.input[0] - first);
                let at = (image * conv.input[0] + first) * conv.input[1] * conv.channels;
                let len = rows * conv.input[1] * conv.channels;
                // SAFETY: the bands are disjoint parts of dx.
                let dx = unsafe { std::slice::from_raw_parts_mut(to.at(at), len) };
                for dx in &mut *dx {
                    *dx = if beta == F::ZERO { F::ZERO } else { *dx * beta };
                }
                band(conv, dy, packed, (image, first), dx);
            }
        });
    });
}

/// Adds what dy gives to a band of rows, from row `first` of an image on.
fn band<F: Real>(
    conv: &Conv2d,
    dy: &[F],
    packed: &[F],
    (image, first): (usize, usize),
    dx: &mut [F],
) {
    let [height, width_out] = conv.output;
    let line = conv.input[1] * conv.channels;
    let rows = dx.len() / line;
    let reach = conv.reach(0, 1);
    // The rows of dy whose windows meet the band.
    let low = (first + conv.padding[0] + 1).saturating_sub(reach);
    let seen = low.div_ceil(conv.strides[0])
        ..height.min((first + rows + conv.padding[0]).div_ceil(conv.strides[0]));
    let columns = conv.taps() * conv.channels;
    let row = columns.next_multiple_of(width::<F>());
    let lines = (PIXELS / width_out).clamp(1, height);
    with_scratch(lines * width_out * row, |room: &mut [F]| {
        for i in seen.clone().step_by(lines) {
            let taken = lines.min(seen.end - i);
            let from = (image * height + i) * width_out * conv.filters;
            let product = Block {
                rows: taken * width_out,
                columns,
                segments: &[[0, conv.filters]],
                a: BlockA::Rows {
                    first: dy[from..].as_ptr(),
                    map: RowMap::strided(conv.filters),
                },
                b: BlockB {
                    first: packed.as_ptr(),
                    step: width::<F>(),
                    next: conv.filters * width::<F>(),
                },
                c: room.as_mut_ptr(),
                ldc: row,
                beta: F::ZERO,
                bias: None,
                relu: false,
            };
            // SAFETY: dy has these lines, the packed kernel a row for each filter, the room is ours.
            unsafe { product.run() };
            for (k, products) in room.chunks_exact(width_out * row).take(taken).enumerate() {
                for a in 0..conv.kernel[0] {
                    let at = (i + k) * conv.strides[0] + a * conv.dilation[0];
                    let Some(at) = at
                        .checked_sub(conv.padding[0] + first)
                        .filter(|&at| at < rows)
                    else {
                        continue;
                    };
                    add_line(conv, products, row, a, &mut dx[at * line..][..line]);
                }
            }
        }
    });
}

/// Adds the products of a line of dy by the points of row `a` of the kernel to a line of the image.
fn add_line<F: Real>(conv: &Conv2d, products: &[F], row: usize, a: usize, to: &mut [F]) {
    // Points side by side are added together.
    let (runs, run) = if conv.dilation[1] == 1 {
        (1, conv.kernel[1])
    } else {
        (conv.kernel[1], 1)
    };
    for b in 0..runs {
        let line = Line {
            from: products[(a * conv.kernel[1] + b * run) * conv.channels..].as_ptr(),
            row,
            pixels: conv.output[1],
            to: to.as_mut_ptr(),
            columns: conv.input[1] as isize,
            first: (b * conv.dilation[1]) as isize - conv.padding[1] as isize,
            step: conv.strides[1],
            run,
            channels: conv.channels,
        };
        // SAFETY: the products have a row for each pixel, with `run` points from here on; the line is ours.
        unsafe { line.run() };
    }
}

/// `to[(first + j * step) * channels..] += from[j * row..]` over the channels of `run` points, where they lie within `columns`.
struct Line<F> {
    from: *const F,
    row: usize,
    pixels: usize,
    to: *mut F,
    columns: isize,
    first: isize,
    step: usize,
    run: usize,
    channels: usize,
}

impl<F: Real> Line<F> {
    /// # Safety
    /// `from` has so many rows, and `to` so many columns that nobody else uses.
    unsafe fn run(self) {
        if TypeId::of::<F>() == TypeId::of::<f32>() {
            dispatch(self.of_type::<f32>());
        } else if TypeId::of::<F>() == TypeId::of::<f64>() {
            dispatch(self.of_type::<f64>());
        }
    }

    /// This line as one of numbers of type `T`, which they are.
    fn of_type<T: Real>(self) -> Line<T> {
        Line {
            from: self.from.cast(),
            row: self.row,
            pixels: self.pixels,
            to: self.to.cast(),
            columns: self.columns,
            first: self.first,
            step: self.step,
            run: self.run,
            channels: self.channels,
        }
    }
}

impl Kernel for Line<f32> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Line::run`, which alone runs it.
        unsafe { add::<f32, S>(s, &self) }
    }
}

impl Kernel for Line<f64> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Line::run`, which alone runs it.
        unsafe { add::<f64, S>(s, &self) }
    }
}

/// # Safety
/// As [`Line::run`].
#[inline(always)]
unsafe fn add<F: Real, S: Lanes<F>>(s: S, line: &Line<F>) {
    // Windows that overlap are added far from each other, so that nothing is read right after it was written.
    let overlap = line.run.div_ceil(line.step);
    for start in 0..overlap.min(line.pixels) {
        for j in (start..line.pixels).step_by(overlap) {
            let column = line.first + (j * line.step) as isize;
            let skipped = (-column).clamp(0, line.run as isize);
            let end = (line.columns - column).clamp(skipped, line.run as isize);
            let len = (end - skipped) as usize * line.channels;
            let offset = skipped as usize * line.channels;
            let from = line.from.wrapping_add(j * line.row + offset);
            let to = line
                .to
                .wrapping_offset((column + skipped) * line.channels as isize);
            let mut done = 0;
            while done < len {
                let lanes = S::WIDTH.min(len - done);
                // SAFETY: as the caller vouches; so many channels of points within the line are left.
                unsafe {
                    let (from, to) = (from.add(done), to.add(done));
                    if lanes == S::WIDTH {
                        s.write(to, s.plus(s.read(to), s.read(from)));
                    } else {
                        let sum = s.plus(s.read_first(to, lanes), s.read_first(from, lanes));
                        s.write_first(to, lanes, sum);
                    }
                }
                done += lanes;
            }
        }
    }
}
