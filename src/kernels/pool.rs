//! Pooling of sequences, images and volumes with their channels last: the largest number or the mean of each window,
//! channel by channel.
//!
//! Places outside the image do not count, neither as candidates nor in the number that a sum is divided by. The loops run
//! over the channels of one place at a time and are compiled for the instruction set in use.

use std::ops::Range;

use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel;
use crate::real::Real;

/// Elements that one piece of work reads, about.
const CHUNK: usize = 1 << 15;

/// How windows lie along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windows {
    /// As wide as `size`, `stride` from one to the next, the first one `padding` places before the input.
    Sliding {
        /// Places of a window.
        size: usize,
        /// From one window to the next.
        stride: usize,
        /// Places before the input that the first window covers.
        padding: usize,
    },
    /// The axis in as many parts as the output has places, as even as can be. A place that lies in two parts is in both.
    Parts,
}

impl Windows {
    /// The one window of an axis that is not there.
    pub const ONE: Self = Self::Sliding {
        size: 1,
        stride: 1,
        padding: 0,
    };
}

/// The sizes of a pooling over up to three axes; those in front that are not there have the size 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Images.
    pub batch: usize,
    /// Size of an image.
    pub input: [usize; 3],
    /// Channels.
    pub channels: usize,
    /// Along each axis.
    pub windows: [Windows; 3],
    /// Size of the output.
    pub output: [usize; 3],
}

impl Pool {
    fn check(&self, x: usize, y: usize) {
        let elements = |[d, h, w]: [usize; 3]| self.batch * d * h * w * self.channels;
        assert_eq!(x, elements(self.input), "{self:?}: length of the input");
        assert_eq!(y, elements(self.output), "{self:?}: length of the output");
    }

    /// Numbers of an image of these sizes.
    fn image(&self, sizes: [usize; 3]) -> usize {
        sizes.iter().product::<usize>() * self.channels
    }

    /// The places of the image in window `i`.
    fn places(&self, axis: usize, i: usize) -> Range<usize> {
        let (input, output) = (self.input[axis], self.output[axis]);
        match self.windows[axis] {
            Windows::Sliding {
                size,
                stride,
                padding,
            } => {
                let end = (i * stride).saturating_add(size).saturating_sub(padding);
                let start = (i * stride).saturating_sub(padding);
                start..end.min(input).max(start)
            }
            Windows::Parts => i * input / output..((i + 1) * input).div_ceil(output),
        }
    }

    /// Calls `visit` with each of `rows` output rows' pixels, their place in `rows` and in the images, from output row
    /// `first` on (rows of all images counted through).
    #[inline(always)]
    fn for_each_window(&self, first: usize, rows: usize, mut visit: impl FnMut(usize, &Window)) {
        let [planes, lines, columns] = self.output;
        let mut window = Window {
            size: [self.input[1], self.input[2]],
            ..Window::default()
        };
        for r in 0..rows {
            let (plane, line) = ((first + r) / lines, (first + r) % lines);
            let image = plane / planes * self.input[0];
            let inside = self.places(0, plane % planes);
            window.planes = image + inside.start..image + inside.end;
            window.lines = self.places(1, line);
            for j in 0..columns {
                window.columns = self.places(2, j);
                visit(r * columns + j, &window);
            }
        }
    }

    /// Output rows of one piece of work.
    fn rows_together(&self) -> usize {
        let window: usize = (0..3)
            .map(|axis| self.places(axis, self.output[axis] / 2).len().max(1))
            .product();
        let row = self.output[2] * self.channels * window;
        (CHUNK / row.max(1)).max(1)
    }
}

/// The places of one window: planes of all images counted through, lines and columns.
#[derive(Default)]
struct Window {
    planes: Range<usize>,
    lines: Range<usize>,
    columns: Range<usize>,
    /// Lines and columns of an image.
    size: [usize; 2],
}

impl Window {
    fn len(&self) -> usize {
        self.planes.len() * self.lines.len() * self.columns.len()
    }

    /// Calls `visit` with the numbers of the first pixel of each line and of the one behind the last.
    #[inline(always)]
    fn for_each_line(&self, mut visit: impl FnMut(Range<usize>)) {
        let [lines, columns] = self.size;
        for plane in self.planes.clone() {
            for line in self.lines.clone() {
                let line = (plane * lines + line) * columns;
                visit(line + self.columns.start..line + self.columns.end);
            }
        }
    }

    /// Calls `visit` with the numbers of the pixels, line by line.
    #[inline(always)]
    fn for_each_pixel(&self, mut visit: impl FnMut(usize)) {
        self.for_each_line(|pixels| pixels.for_each(&mut visit));
    }

    /// `y = merge(y, x)` for each pixel's channels in `x`; four pixels are merged with each other before, so that `y`,
    /// for which each waits, is asked for less often.
    #[inline(always)]
    fn merge<F: Real>(&self, x: &[F], y: &mut [F], merge: impl Fn(F, F) -> F) {
        let channels = y.len();
        self.for_each_line(|pixels| {
            let mut x = &x[pixels.start * channels..pixels.end * channels];
            while x.len() >= 4 * channels {
                let (ab, rest) = x.split_at(2 * channels);
                let (cd, rest) = rest.split_at(2 * channels);
                let ((a, b), (c, d)) = (ab.split_at(channels), cd.split_at(channels));
                let pixels = a.iter().zip(b).zip(c.iter().zip(d));
                for (y, ((&a, &b), (&c, &d))) in y.iter_mut().zip(pixels) {
                    *y = merge(*y, merge(merge(a, b), merge(c, d)));
                }
                x = rest;
            }
            while !x.is_empty() {
                let (now, rest) = x.split_at(channels);
                for (y, &x) in y.iter_mut().zip(now) {
                    *y = merge(*y, x);
                }
                x = rest;
            }
        });
    }
}

/// `y = ` the largest number of each window. A NaN in it wins, so that it is seen.
///
/// # Panics
/// If a length does not fit the sizes, as in all functions here.
pub fn max_forward<F: Real>(pool: &Pool, x: &[F], y: &mut [F]) {
    pool.check(x.len(), y.len());
    for_each_rows(pool, y, |first, y| {
        dispatch(MaxForward { pool, first, x, y })
    });
}

/// Calls `work` with the number of the first row and the numbers of some rows of the output.
fn for_each_rows<F: Real>(pool: &Pool, y: &mut [F], work: impl Fn(usize, &mut [F]) + Sync) {
    let row = pool.output[2] * pool.channels;
    if !y.is_empty() {
        let rows = pool.rows_together();
        parallel::for_each_chunk_mut(y, rows * row, |index, y| work(index * rows, y));
    }
}

struct MaxForward<'a, F> {
    pool: &'a Pool,
    first: usize,
    x: &'a [F],
    y: &'a mut [F],
}

impl<F: Real> Kernel for MaxForward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (pool, x) = (self.pool, self.x);
        let channels = pool.channels;
        let rows = self.y.len() / (pool.output[2] * channels);
        pool.for_each_window(self.first, rows, |at, window| {
            let y = &mut self.y[at * channels..][..channels];
            y.fill(-F::INFINITY);
            window.merge(x, y, |y, x| if (x > y) | x.is_nan() { x } else { y });
        });
    }
}

/// `dx = dy` at the first place of each window that gave its maximum, 0 elsewhere; added to `dx` if `accumulate`.
pub fn max_backward<F: Real>(
    pool: &Pool,
    (x, y): (&[F], &[F]),
    dy: &[F],
    accumulate: bool,
    dx: &mut [F],
) {
    pool.check(x.len(), y.len());
    pool.check(dx.len(), dy.len());
    for_each_images(pool, accumulate, dx, |images, dx| {
        let input = images.start * pool.image(pool.input);
        let output = pool.image(pool.output);
        let rows = images.start * output..images.end * output;
        dispatch(MaxBackward {
            pool,
            x: &x[input..][..dx.len()],
            y: &y[rows.clone()],
            dy: &dy[rows],
            dx,
        });
    });
}

/// Calls `work` with some images and their part of `dx`, which is cleared unless it accumulates.
fn for_each_images<F: Real>(
    pool: &Pool,
    accumulate: bool,
    dx: &mut [F],
    work: impl Fn(Range<usize>, &mut [F]) + Sync,
) {
    let image = pool.image(pool.input);
    if dx.is_empty() {
        return;
    }
    let together = (CHUNK / image).max(1);
    parallel::for_each_chunk_mut(dx, together * image, |index, dx| {
        if !accumulate {
            dx.fill(F::ZERO);
        }
        let first = index * together;
        work(first..first + dx.len() / image, dx);
    });
}

struct MaxBackward<'a, F> {
    pool: &'a Pool,
    x: &'a [F],
    y: &'a [F],
    dy: &'a [F],
    dx: &'a mut [F],
}

impl<F: Real> Kernel for MaxBackward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        /// Channels whose gradient is on its way at once.
        const BLOCK: usize = 64;
        let channels = self.pool.channels;
        let rows = self.dy.len() / (self.pool.output[2] * channels).max(1);
        let mut left = [F::ZERO; BLOCK];
        self.pool.for_each_window(0, rows, |at, window| {
            for first in (0..channels).step_by(BLOCK) {
                let block = BLOCK.min(channels - first);
                let y = &self.y[at * channels + first..][..block];
                // What no place has taken yet; the first place that equals the maximum takes it.
                left[..block].copy_from_slice(&self.dy[at * channels + first..][..block]);
                window.for_each_pixel(|pixel| {
                    let place = pixel * channels + first;
                    let x = &self.x[place..][..block];
                    let dx = &mut self.dx[place..][..block];
                    for (((dx, &x), &y), left) in dx.iter_mut().zip(x).zip(y).zip(&mut left) {
                        let hit = (x == y) | x.is_nan();
                        *dx += if hit { *left } else { F::ZERO };
                        *left = if hit { F::ZERO } else { *left };
                    }
                });
            }
        });
    }
}

/// `y = ` the mean of each window.
pub fn average_forward<F: Real>(pool: &Pool, x: &[F], y: &mut [F]) {
    pool.check(x.len(), y.len());
    for_each_rows(pool, y, |first, y| {
        dispatch(AverageForward { pool, first, x, y });
    });
}

struct AverageForward<'a, F> {
    pool: &'a Pool,
    first: usize,
    x: &'a [F],
    y: &'a mut [F],
}

impl<F: Real> Kernel for AverageForward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (pool, x) = (self.pool, self.x);
        let channels = pool.channels;
        let rows = self.y.len() / (pool.output[2] * channels);
        pool.for_each_window(self.first, rows, |at, window| {
            let y = &mut self.y[at * channels..][..channels];
            y.fill(F::ZERO);
            window.merge(x, y, |y, x| y + x);
            let count = F::of_usize(window.len().max(1));
            y.iter_mut().for_each(|y| *y /= count);
        });
    }
}

/// `dx = ` each window's `dy` shared out evenly among its places; added to `dx` if `accumulate`.
pub fn average_backward<F: Real>(pool: &Pool, dy: &[F], accumulate: bool, dx: &mut [F]) {
    pool.check(dx.len(), dy.len());
    for_each_images(pool, accumulate, dx, |images, dx| {
        let image = pool.image(pool.output);
        let dy = &dy[images.start * image..images.end * image];
        dispatch(AverageBackward { pool, dy, dx });
    });
}

struct AverageBackward<'a, F> {
    pool: &'a Pool,
    dy: &'a [F],
    dx: &'a mut [F],
}

impl<F: Real> Kernel for AverageBackward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let channels = self.pool.channels;
        let rows = self.dy.len() / (self.pool.output[2] * channels).max(1);
        self.pool.for_each_window(0, rows, |at, window| {
            let dy = &self.dy[at * channels..][..channels];
            let count = F::of_usize(window.len().max(1));
            window.for_each_pixel(|pixel| {
                for (dx, &dy) in self.dx[pixel * channels..].iter_mut().zip(dy) {
                    *dx += dy / count;
                }
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Array;

    const NAN: f64 = f64::NAN;

    /// One channel, 3 x 3 windows at stride 2 over 4 x 4 with padding "same": 0 before and 1 after.
    const SAME: Pool = Pool {
        batch: 1,
        input: [1, 4, 4],
        channels: 1,
        windows: [Windows::ONE, sliding(3, 2, 0), sliding(3, 2, 0)],
        output: [1, 2, 2],
    };

    const fn sliding(size: usize, stride: usize, padding: usize) -> Windows {
        Windows::Sliding {
            size,
            stride,
            padding,
        }
    }

    #[test]
    fn maximum_keeps_nan_and_minus_infinity_and_ignores_the_border() {
        let low = f64::NEG_INFINITY;
        #[rustfmt::skip]
        let x = [
            -1.0, -2.0, -3.0, low,
            -4.0,  NAN, low,  low,
            -5.0, -6.0, low,  low,
            -7.0, -8.0, low,  low,
        ];
        let mut y = [0.0; 4];
        max_forward(&SAME, &x, &mut y);
        assert!(y[0].is_nan());
        assert_eq!(y[1..], [-3.0, -5.0, low]);
    }

    #[test]
    fn the_first_of_equal_maxima_gets_the_gradient() {
        let pool = Pool {
            input: [1, 2, 4],
            windows: [Windows::ONE, sliding(2, 2, 0), sliding(2, 2, 0)],
            output: [1, 1, 2],
            ..SAME
        };
        let x = [
            3.0f32,
            3.0,
            f32::NEG_INFINITY,
            f32::NEG_INFINITY,
            1.0,
            3.0,
            f32::NEG_INFINITY,
            f32::NEG_INFINITY,
        ];
        let (mut y, mut dx) = ([0.0; 2], [1.0; 8]);
        max_forward(&pool, &x, &mut y);
        max_backward(&pool, (&x, &y), &[5.0, 7.0], true, &mut dx);
        assert_eq!(dx, [6.0, 1.0, 8.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn means_divide_by_the_places_inside() {
        let x: Vec<f64> = (0..16).map(f64::from).collect();
        let mut y = [0.0; 4];
        average_forward(&SAME, &x, &mut y);
        assert_eq!(y, [5.0, 6.5, 11.0, 12.5]);
        let mut dx = [0.0; 16];
        average_backward(&SAME, &[9.0, 6.0, 6.0, 4.0], false, &mut dx);
        let expected = [
            1., 1., 2., 1., 1., 1., 2., 1., 2., 2., 4., 2., 1., 1., 2., 1.,
        ];
        assert_eq!(dx, expected);
    }

    #[test]
    fn parts_cover_an_axis_evenly() {
        let pool = Pool {
            input: [1, 1, 8],
            windows: [Windows::ONE, Windows::ONE, Windows::Parts],
            output: [1, 1, 3],
            ..SAME
        };
        assert_eq!([0, 1, 2].map(|i| pool.places(2, i)), [0..3, 2..6, 5..8]);
        let more = Pool {
            input: [1, 1, 2],
            ..pool
        };
        assert_eq!([0, 1, 2].map(|i| more.places(2, i)), [0..1, 0..2, 1..2]);
    }

    #[test]
    fn windows_of_many_channels_match_plain_loops() {
        let pool = Pool {
            batch: 3,
            input: [4, 7, 6],
            channels: 70,
            windows: [Windows::Parts, sliding(3, 2, 1), sliding(2, 1, 0)],
            output: [3, 4, 6],
        };
        let x = Array::random(&[3, 4, 7, 6, 70], 1).values;
        let len = 3 * 3 * 4 * 6 * 70;
        let (mut largest, mut mean) = (vec![0.0; len], vec![0.0; len]);
        max_forward(&pool, &x, &mut largest);
        average_forward(&pool, &x, &mut mean);
        for (at, (&largest, &mean)) in largest.iter().zip(&mean).enumerate() {
            let (c, j, i) = (at % 70, at / 70 % 6, at / 420 % 4);
            let (d, n) = (at / 1680 % 3, at / 5040);
            let mut values = Vec::new();
            for plane in [d, d + 1] {
                for line in (2 * i).saturating_sub(1)..(2 * i + 2).min(7) {
                    for column in j..(j + 2).min(6) {
                        values.push(x[(((n * 4 + plane) * 7 + line) * 6 + column) * 70 + c]);
                    }
                }
            }
            assert_eq!(largest, values.iter().copied().fold(f64::MIN, f64::max));
            let expected = values.iter().sum::<f64>() / values.len() as f64;
            assert!((mean - expected).abs() < 1e-15);
        }
    }
}
