//! The gradient by the kernel.

use std::any::TypeId;
use std::ops::Range;

use super::line::{Tap, inner, run};
use super::{for_each_line, with_repeated};
use crate::kernels::conv::Conv2d;
use crate::kernels::conv::weights::{add_in_order, cut};
use crate::kernels::scratch::with_scratch;
use crate::kernels::simd::{Kernel, Lanes, Simd, dispatch};
use crate::parallel;
use crate::real::Real;

/// Points whose sums are in registers at once: all of 3 x 3.
const TAPS: usize = 9;

/// [`super::super::backward_weights`] where [`Conv2d::is_depthwise`].
pub(in super::super) fn backward_weights<F: Real>(
    conv: &Conv2d,
    x: &[F],
    dy: &[F],
    beta: F,
    dw: &mut [F],
) {
    let pixels = conv.batch * conv.output[0] * conv.output[1];
    let (parts, chunk) = cut(pixels, conv.work(), dw.len());
    with_repeated(conv, x, |x| {
        with_scratch(parts * dw.len(), |partials: &mut [F]| {
            parallel::for_each_chunk_mut(partials, dw.len(), |index, partial| {
                partial.fill(F::ZERO);
                part(
                    conv,
                    x,
                    dy,
                    index * chunk..pixels.min((index + 1) * chunk),
                    partial,
                );
            });
            add_in_order(partials, beta, dw);
        });
    });
}

/// Adds up some pixels, on this thread.
fn part<F: Real>(conv: &Conv2d, x: &[F], dy: &[F], pixels: Range<usize>, dw: &mut [F]) {
    let channels = conv.filters;
    let image = conv.input[0] * conv.input[1] * channels;
    with_scratch(conv.taps(), |list: &mut [Tap]| {
        for_each_line(conv.output, pixels, |n, i, columns| {
            let line = Line {
                x: x[n * image..].as_ptr(),
                columns: conv.input[1],
                step: conv.strides[1],
                taps: conv.taps_of_row(i, list),
                dy: dy[((n * conv.output[0] + i) * conv.output[1]) * channels..].as_ptr(),
                channels,
                dw: dw.as_mut_ptr(),
                range: columns,
            };
            // SAFETY: the taps' rows lie within the image, dy has the line's pixels, and dw is ours alone.
            unsafe { line.run() };
        });
    });
}

/// `dw[tap] += sum over the pixels j of x[tap.from + j * step] * dy[j]`
struct Line<'a, F> {
    x: *const F,
    columns: usize,
    step: usize,
    taps: &'a [Tap],
    dy: *const F,
    channels: usize,
    dw: *mut F,
    range: Range<usize>,
}

impl<'a, F: Real> Line<'a, F> {
    /// # Safety
    /// The rows of the taps and the pixels of dy are readable; dw has a row for each tap that nobody else uses.
    unsafe fn run(self) {
        if TypeId::of::<F>() == TypeId::of::<f32>() {
            dispatch(self.of_type::<f32>());
        } else if TypeId::of::<F>() == TypeId::of::<f64>() {
            dispatch(self.of_type::<f64>());
        }
    }

    /// This line as one of numbers of type `T`, which they are.
    fn of_type<T: Real>(self) -> Line<'a, T> {
        Line {
            x: self.x.cast(),
            columns: self.columns,
            step: self.step,
            taps: self.taps,
            dy: self.dy.cast(),
            channels: self.channels,
            dw: self.dw.cast(),
            range: self.range,
        }
    }
}

impl Kernel for Line<'_, f32> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Line::run`, which alone runs it.
        unsafe { add_up::<f32, S>(s, &self) }
    }
}

impl Kernel for Line<'_, f64> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Line::run`, which alone runs it.
        unsafe { add_up::<f64, S>(s, &self) }
    }
}

/// # Safety
/// As [`Line::run`].
#[inline(always)]
unsafe fn add_up<F: Real, S: Lanes<F>>(s: S, line: &Line<'_, F>) {
    let inside = inner(line.taps, line.columns, line.step, &line.range);
    let run = run(line.taps, line.step);
    let mut channel = 0;
    while channel < line.channels {
        let lanes = S::WIDTH.min(line.channels - channel);
        let mut taps = line.taps;
        // SAFETY: inside, every tap of every pixel lies within the columns; the caller vouches for the rest.
        unsafe {
            while !taps.is_empty() {
                let count = match (run, taps.len()) {
                    (5, 10..) => 10,
                    (5, _) => 5,
                    (_, TAPS..) => TAPS,
                    (_, 3..) => 3,
                    _ => 1,
                };
                let (some, rest) = taps.split_at(count);
                taps = rest;
                match (run, count) {
                    (5, 10) => runs::<F, S, 2, 5>(s, line, some, channel, lanes),
                    (5, _) => runs::<F, S, 1, 5>(s, line, some, channel, lanes),
                    (3, TAPS) => runs::<F, S, 3, 3>(s, line, some, channel, lanes),
                    (3, _) => runs::<F, S, 1, 3>(s, line, some, channel, lanes),
                    (_, TAPS) => sums::<F, S, TAPS>(s, line, some, channel, lanes, inside.clone()),
                    (_, 3) => sums::<F, S, 3>(s, line, some, channel, lanes, inside.clone()),
                    _ => sums::<F, S, 1>(s, line, some, channel, lanes, inside.clone()),
                }
            }
            let ends = (line.range.start..inside.start).chain(inside.end..line.range.end);
            for j in ends.filter(|_| run == 1) {
                for tap in line.taps {
                    if tap.sees(j, line.step, line.columns) {
                        let tap = std::slice::from_ref(tap);
                        sums::<F, S, 1>(s, line, tap, channel, lanes, j..j + 1);
                    }
                }
            }
        }
        channel += lanes;
    }
}

/// Adds the sums of `COUNT` taps over some pixels, `lanes` channels from `channel` on.
///
/// # Safety
/// As [`Line::run`]; the taps lie within the columns at all of the pixels.
#[inline(always)]
unsafe fn sums<F: Real, S: Lanes<F>, const COUNT: usize>(
    s: S,
    line: &Line<'_, F>,
    taps: &[Tap],
    channel: usize,
    lanes: usize,
    pixels: Range<usize>,
) {
    let mut sums = [s.fill(F::ZERO); COUNT];
    let mut from = [line.x; COUNT];
    let step = line.step * line.channels;
    for t in 0..COUNT {
        from[t] = line
            .x
            .wrapping_offset(taps[t].from)
            .wrapping_add(channel + pixels.start * step);
    }
    let mut dy = line.dy.wrapping_add(pixels.start * line.channels + channel);
    // SAFETY: as the caller vouches; each pixel has `lanes` channels from `channel` on.
    unsafe {
        if lanes == S::WIDTH {
            for j in 0..pixels.len() {
                let slope = s.read(dy);
                for t in 0..COUNT {
                    let x = s.read(from[t].wrapping_add(j * step));
                    sums[t] = s.times_plus(x, slope, sums[t]);
                }
                dy = dy.wrapping_add(line.channels);
            }
        } else {
            for j in 0..pixels.len() {
                let slope = s.read_first(dy, lanes);
                for t in 0..COUNT {
                    let x = s.read_first(from[t].wrapping_add(j * step), lanes);
                    sums[t] = s.times_plus(x, slope, sums[t]);
                }
                dy = dy.wrapping_add(line.channels);
            }
        }
        for t in 0..COUNT {
            let to = line.dw.wrapping_add(taps[t].weight + channel);
            let sum = s.plus(s.read_first(to, lanes), sums[t]);
            s.write_first(to, lanes, sum);
        }
    }
}

/// Adds the sums of `ROWS` runs of `RUN` taps over all pixels: what the taps of a run see is read once, and each tap takes the slope
/// of the pixel that sees it there.
///
/// # Safety
/// As [`Line::run`].
#[inline(always)]
unsafe fn runs<F: Real, S: Lanes<F>, const ROWS: usize, const RUN: usize>(
    s: S,
    line: &Line<'_, F>,
    taps: &[Tap],
    channel: usize,
    lanes: usize,
) {
    let pixels = &line.range;
    let column = taps[0].column + pixels.start as isize;
    let zero = s.fill(F::ZERO);
    let mut sums = [[zero; RUN]; ROWS];
    let mut from = [line.x; ROWS];
    for r in 0..ROWS {
        from[r] = line
            .x
            .wrapping_offset(taps[r * RUN].from)
            .wrapping_add(channel + pixels.start * line.channels);
    }
    let dy = line.dy.wrapping_add(pixels.start * line.channels + channel);
    // The slopes of the pixels that see column p with each tap.
    let mut slopes = [zero; RUN];
    // SAFETY: as the caller vouches; each pixel has `lanes` channels from `channel` on.
    unsafe {
        for p in 0..pixels.len() + RUN - 1 {
            for t in (1..RUN).rev() {
                slopes[t] = slopes[t - 1];
            }
            let at = p * line.channels;
            slopes[0] = match (p < pixels.len(), lanes == S::WIDTH) {
                (true, true) => s.read(dy.wrapping_add(at)),
                (true, false) => s.read_first(dy.wrapping_add(at), lanes),
                (false, _) => zero,
            };
            if !(0..line.columns as isize).contains(&(column + p as isize)) {
                continue;
            }
            for r in 0..ROWS {
                let x = from[r].wrapping_add(at);
                let x = if lanes == S::WIDTH {
                    s.read(x)
                } else {
                    s.read_first(x, lanes)
                };
                for t in 0..RUN {
                    sums[r][t] = s.times_plus(x, slopes[t], sums[r][t]);
                }
            }
        }
        for r in 0..ROWS {
            for t in 0..RUN {
                let to = line.dw.wrapping_add(taps[r * RUN + t].weight + channel);
                let sum = s.plus(s.read_first(to, lanes), sums[r][t]);
                s.write_first(to, lanes, sum);
            }
        }
    }
}
