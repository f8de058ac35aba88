//! A line of pixels, several at once in registers, one pass over the points of the kernel.

use std::any::TypeId;
use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use crate::kernels::simd::{Isa, Kernel, Lanes, Simd, dispatch};
use crate::real::Real;

/// Pixels in registers on AVX-512; half of them elsewhere, where there are half the registers.
const PIXELS: usize = 8;
/// Vectors of channels that a pixel at the end of a line takes at once.
const VECTORS: usize = 4;

/// What one point of the kernel sees.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Tap {
    /// Where pixel 0 sees: in elements from the image's first.
    pub from: isize,
    /// The column that pixel 0 sees, which may lie outside.
    pub column: isize,
    /// Where the point's weights begin.
    pub weight: usize,
}

// SAFETY: three integers of one size, so without padding; all zeros are three zeros.
unsafe impl Zeroable for Tap {}
// SAFETY: as above, and any bits are a value.
unsafe impl Pod for Tap {}

/// What happens to the sum before it is stored: `relu(beta * to + sum + bias)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finish<F> {
    pub beta: F,
    pub bias: Option<*const F>,
    pub relu: bool,
}

/// `to[j] = finish(sum over the taps of from[tap.from + j * step] * weights[tap.weight])` for vectors of channels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a, F> {
    /// The first element of the image that is read.
    pub from: *const F,
    /// Columns of it.
    pub columns: usize,
    /// Columns of it from one pixel to the next.
    pub step: usize,
    pub taps: &'a [Tap],
    pub weights: *const F,
    /// Pixel 0.
    pub to: *mut F,
    /// Elements from one pixel to the next.
    pub to_step: usize,
    pub channels: usize,
    pub finish: Finish<F>,
}

/// The pixels whose every tap lies within the columns, of pixels `range`.
pub(super) fn inner(
    taps: &[Tap],
    columns: usize,
    step: usize,
    range: &Range<usize>,
) -> Range<usize> {
    let (step, columns) = (step as isize, columns as isize);
    let (mut start, mut end) = (range.start as isize, range.end as isize);
    for tap in taps {
        start = start.max((step - 1 - tap.column).div_euclid(step));
        end = end.min((columns - 1 - tap.column).div_euclid(step) + 1);
    }
    let end = end.max(range.start as isize) as usize;
    (start as usize).min(end)..end
}

impl Tap {
    /// Whether pixel `j` sees something with this point.
    #[inline(always)]
    pub fn sees(&self, j: usize, step: usize, columns: usize) -> bool {
        (0..columns as isize).contains(&(self.column + (j * step) as isize))
    }
}

impl<F: Real> Line<'_, F> {
    /// Computes these pixels on this thread.
    ///
    /// # Safety
    /// The rows of the taps are readable, weights and bias have all channels, and nobody else uses these pixels of `to`.
    pub unsafe fn run(self, range: Range<usize>) {
        if let Some(line) = self.as_type::<f32>() {
            dispatch(Task(line, range));
        } else if let Some(line) = self.as_type::<f64>() {
            dispatch(Task(line, range));
        }
    }

    /// This line, if its numbers are of type `T`.
    fn as_type<T: Real>(&self) -> Option<Line<'_, T>> {
        (TypeId::of::<F>() == TypeId::of::<T>()).then(|| Line {
            from: self.from.cast(),
            columns: self.columns,
            step: self.step,
            taps: self.taps,
            weights: self.weights.cast(),
            to: self.to.cast(),
            to_step: self.to_step,
            channels: self.channels,
            finish: Finish {
                beta: T::of(self.finish.beta.f64()),
                bias: self.finish.bias.map(<*const F>::cast),
                relu: self.finish.relu,
            },
        })
    }
}

struct Task<'a, F>(Line<'a, F>, Range<usize>);

impl Kernel for Task<'_, f32> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Line::run`, which alone makes tasks.
        unsafe { pixels::<f32, S>(s, S::ISA, &self.0, self.1) }
    }
}

impl Kernel for Task<'_, f64> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Line::run`, which alone makes tasks.
        unsafe { pixels::<f64, S>(s, S::ISA, &self.0, self.1) }
    }
}

/// # Safety
/// As [`Line::run`].
#[inline(always)]
unsafe fn pixels<F: Real, S: Lanes<F>>(s: S, isa: Isa, line: &Line<'_, F>, range: Range<usize>) {
    let inside = inner(line.taps, line.columns, line.step, &range);
    // SAFETY: inside, every tap of every pixel lies within the columns; the caller vouches for the rest.
    unsafe {
        for j in range.start..inside.start {
            single::<F, S, false>(s, line, j);
        }
        let j = match run(line.taps, line.step) {
            5 => several::<F, S, 5>(s, isa, line, inside.clone()),
            3 => several::<F, S, 3>(s, isa, line, inside.clone()),
            _ => several::<F, S, 1>(s, isa, line, inside.clone()),
        };
        for j in j..inside.end {
            single::<F, S, true>(s, line, j);
        }
        for j in inside.end..range.end {
            single::<F, S, false>(s, line, j);
        }
    }
}

/// Taps that see neighbouring columns one after another, all along the list: 5, 3 or 1.
#[inline(always)]
pub(super) fn run(taps: &[Tap], step: usize) -> usize {
    let is_run = |taps: &[Tap]| taps.windows(2).all(|t| t[1].column == t[0].column + 1);
    let fits = |n: &usize| taps.len().is_multiple_of(*n) && taps.chunks(*n).all(is_run);
    if step == 1 {
        [5, 3].into_iter().find(fits).unwrap_or(1)
    } else {
        1
    }
}

/// As many of the pixels as fill blocks, whose every tap lies within the columns; tells which is the first that is left.
///
/// # Safety
/// As [`Line::run`]; taps are runs of `RUN`.
#[inline(always)]
unsafe fn several<F: Real, S: Lanes<F>, const RUN: usize>(
    s: S,
    isa: Isa,
    line: &Line<'_, F>,
    pixels: Range<usize>,
) -> usize {
    let mut j = pixels.start;
    // SAFETY: as the caller vouches.
    unsafe {
        if isa == Isa::Avx512 {
            while j + PIXELS <= pixels.end {
                block::<F, S, PIXELS, RUN>(s, line, j);
                j += PIXELS;
            }
        }
        while j + PIXELS / 2 <= pixels.end {
            block::<F, S, { PIXELS / 2 }, RUN>(s, line, j);
            j += PIXELS / 2;
        }
    }
    j
}

/// One pixel, several vectors of channels at a time; each tap is looked at first unless `INSIDE`.
///
/// # Safety
/// As [`Line::run`]; if `INSIDE`, every tap lies within the columns.
#[inline(always)]
#[expect(clippy::needless_range_loop)]
unsafe fn single<F: Real, S: Lanes<F>, const INSIDE: bool>(s: S, line: &Line<'_, F>, j: usize) {
    let from = line.from.wrapping_add(j * line.step * line.channels);
    let to = line.to.wrapping_add(j * line.to_step);
    let mut channel = 0;
    while channel < line.channels {
        let mut sums = [s.fill(F::ZERO); VECTORS];
        let whole = line.channels - channel >= VECTORS * S::WIDTH;
        let lanes = S::WIDTH.min(line.channels - channel);
        for tap in line.taps {
            if !INSIDE && !tap.sees(j, line.step, line.columns) {
                continue;
            }
            let weights = line.weights.wrapping_add(tap.weight + channel);
            let seen = from.wrapping_offset(tap.from).wrapping_add(channel);
            // SAFETY: the tap lies within the image, and both have so many channels from here on.
            unsafe {
                if whole {
                    for v in 0..VECTORS {
                        let x = s.read(seen.wrapping_add(v * S::WIDTH));
                        let weights = s.read(weights.wrapping_add(v * S::WIDTH));
                        sums[v] = s.times_plus(x, weights, sums[v]);
                    }
                } else {
                    let (x, weights) = (s.read_first(seen, lanes), s.read_first(weights, lanes));
                    sums[0] = s.times_plus(x, weights, sums[0]);
                }
            }
        }
        for v in 0..if whole { VECTORS } else { 1 } {
            // SAFETY: the pixel has `lanes` channels from here on, and so has the bias.
            unsafe {
                let to = to.wrapping_add(channel);
                store(s, line.finish, channel, lanes, sums[v], to);
            }
            channel += lanes;
        }
    }
}

/// `COUNT` pixels from `j` on. Plain loops over indices: iterator adapters may stay calls, with every vector going through memory.
///
/// # Safety
/// As [`Line::run`]; every tap lies within the columns, and taps are runs of `RUN`.
#[inline(always)]
#[expect(clippy::needless_range_loop)]
unsafe fn block<F: Real, S: Lanes<F>, const COUNT: usize, const RUN: usize>(
    s: S,
    line: &Line<'_, F>,
    j: usize,
) {
    let from = line.from.wrapping_add(j * line.step * line.channels);
    let from_step = line.step * line.channels;
    let to = line.to.wrapping_add(j * line.to_step);
    let mut channel = 0;
    while channel < line.channels {
        let lanes = S::WIDTH.min(line.channels - channel);
        let mut sums = [s.fill(F::ZERO); COUNT];
        for taps in line.taps.chunks_exact(RUN) {
            let seen = from.wrapping_offset(taps[0].from).wrapping_add(channel);
            // SAFETY: the taps lie within the image at each of the pixels, and both have `lanes` channels from here on.
            unsafe {
                let mut weights = [s.fill(F::ZERO); RUN];
                if lanes == S::WIDTH {
                    for t in 0..RUN {
                        weights[t] = s.read(line.weights.wrapping_add(taps[t].weight + channel));
                    }
                    for p in 0..COUNT + RUN - 1 {
                        let x = s.read(seen.wrapping_add(p * from_step));
                        for t in 0..RUN {
                            if p >= t && p - t < COUNT {
                                sums[p - t] = s.times_plus(x, weights[t], sums[p - t]);
                            }
                        }
                    }
                } else {
                    for t in 0..RUN {
                        let at = line.weights.wrapping_add(taps[t].weight + channel);
                        weights[t] = s.read_first(at, lanes);
                    }
                    for p in 0..COUNT + RUN - 1 {
                        let x = s.read_first(seen.wrapping_add(p * from_step), lanes);
                        for t in 0..RUN {
                            if p >= t && p - t < COUNT {
                                sums[p - t] = s.times_plus(x, weights[t], sums[p - t]);
                            }
                        }
                    }
                }
            }
        }
        for p in 0..COUNT {
            let to = to.wrapping_add(p * line.to_step + channel);
            // SAFETY: the pixel has `lanes` channels from here on, and so has the bias.
            unsafe { store(s, line.finish, channel, lanes, sums[p], to) };
        }
        channel += lanes;
    }
}

/// # Safety
/// `to` and the bias have `lanes` numbers from `channel` on.
#[inline(always)]
unsafe fn store<F: Real, S: Lanes<F>>(
    s: S,
    finish: Finish<F>,
    channel: usize,
    lanes: usize,
    mut sum: S::V,
    to: *mut F,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        if finish.beta != F::ZERO {
            sum = s.times_plus(s.fill(finish.beta), s.read_first(to, lanes), sum);
        }
        if let Some(bias) = finish.bias {
            sum = s.plus(sum, s.read_first(bias.wrapping_add(channel), lanes));
        }
        if finish.relu {
            sum = s.larger(s.fill(F::ZERO), sum);
        }
        if lanes == S::WIDTH {
            s.write(to, sum);
        } else {
            s.write_first(to, lanes, sum);
        }
    }
}
