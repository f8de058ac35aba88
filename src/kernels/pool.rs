//! Pooling of images with their channels last: the largest number or the mean of each window, channel by channel.
//!
//! Places outside the image do not count, neither as candidates nor in the number that a sum is divided by. The loops run
//! over the channels of one place at a time and are compiled for the instruction set in use.

use std::ops::Range;

use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel;
use crate::real::Real;

/// Elements that one piece of work reads, about.
const CHUNK: usize = 1 << 15;

/// The sizes of a pooling. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2d {
    /// Images.
    pub batch: usize,
    /// Size of an image.
    pub input: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// Size of a window.
    pub size: [usize; 2],
    /// From one window to the next.
    pub strides: [usize; 2],
    /// Places before the image that the first window covers.
    pub padding: [usize; 2],
    /// Size of the output.
    pub output: [usize; 2],
}

impl Pool2d {
    fn check(&self, x: usize, y: usize) {
        let elements = |[h, w]: [usize; 2]| self.batch * h * w * self.channels;
        assert_eq!(x, elements(self.input), "{self:?}: length of the input");
        assert_eq!(y, elements(self.output), "{self:?}: length of the output");
    }

    /// The places of the image in window `i`.
    fn places(&self, axis: usize, i: usize) -> Range<usize> {
        let start = i * self.strides[axis];
        let end = start
            .saturating_add(self.size[axis])
            .saturating_sub(self.padding[axis]);
        let start = start.saturating_sub(self.padding[axis]);
        start..end.min(self.input[axis]).max(start)
    }

    /// Calls `visit` with each of `rows` output pixels' place in `rows` and its places in the images, from output row `first` on
    /// (rows of all images counted through).
    #[inline(always)]
    fn for_each_window(&self, first: usize, rows: usize, mut visit: impl FnMut(usize, Windows)) {
        for r in 0..rows {
            let (image, i) = ((first + r) / self.output[0], (first + r) % self.output[0]);
            let vertical = self.places(0, i);
            for j in 0..self.output[1] {
                let windows = Windows {
                    first_row: image * self.input[0] + vertical.start,
                    rows: vertical.len(),
                    columns: self.places(1, j),
                    width: self.input[1],
                };
                visit(r * self.output[1] + j, windows);
            }
        }
    }

    /// Output rows of one piece of work.
    fn rows_together(&self) -> usize {
        let window = self.size[0].min(self.input[0]) * self.size[1].min(self.input[1]);
        let row = self.output[1] * self.channels * window;
        (CHUNK / row.max(1)).max(1)
    }
}

/// The places of one window.
struct Windows {
    first_row: usize,
    rows: usize,
    columns: Range<usize>,
    width: usize,
}

impl Windows {
    fn len(&self) -> usize {
        self.rows * self.columns.len()
    }

    /// The numbers of the pixels, row by row.
    #[inline(always)]
    fn pixels(&self) -> impl Iterator<Item = usize> {
        let (columns, width) = (self.columns.clone(), self.width);
        (self.first_row..self.first_row + self.rows)
            .flat_map(move |row| columns.clone().map(move |column| row * width + column))
    }
}

/// `y = ` the largest number of each window. A NaN in it wins, so that it is seen.
///
/// # Panics
/// If a length does not fit the sizes, as in all functions here.
pub fn max_forward<F: Real>(pool: &Pool2d, x: &[F], y: &mut [F]) {
    pool.check(x.len(), y.len());
    for_each_rows(pool, y, |first, y| {
        dispatch(MaxForward { pool, first, x, y })
    });
}

/// Calls `work` with the number of the first row and the numbers of some rows of the output.
fn for_each_rows<F: Real>(pool: &Pool2d, y: &mut [F], work: impl Fn(usize, &mut [F]) + Sync) {
    let row = pool.output[1] * pool.channels;
    if !y.is_empty() {
        let rows = pool.rows_together();
        parallel::for_each_chunk_mut(y, rows * row, |index, y| work(index * rows, y));
    }
}

struct MaxForward<'a, F> {
    pool: &'a Pool2d,
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
        let rows = self.y.len() / (pool.output[1] * channels);
        pool.for_each_window(self.first, rows, |at, window| {
            let y = &mut self.y[at * channels..][..channels];
            for (i, pixel) in window.pixels().enumerate() {
                let x = &x[pixel * channels..][..channels];
                if i == 0 {
                    y.copy_from_slice(x);
                } else {
                    for (y, &x) in y.iter_mut().zip(x) {
                        *y = if (x > *y) | x.is_nan() { x } else { *y };
                    }
                }
            }
        });
    }
}

/// `dx = dy` at the first place of each window that gave its maximum, 0 elsewhere; added to `dx` if `accumulate`.
pub fn max_backward<F: Real>(
    pool: &Pool2d,
    (x, y): (&[F], &[F]),
    dy: &[F],
    accumulate: bool,
    dx: &mut [F],
) {
    pool.check(x.len(), y.len());
    pool.check(dx.len(), dy.len());
    for_each_images(pool, accumulate, dx, |images, dx| {
        let input = images.start * pool.input[0] * pool.input[1] * pool.channels;
        let row = pool.output[1] * pool.channels;
        let rows = images.start * pool.output[0] * row..images.end * pool.output[0] * row;
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
    pool: &Pool2d,
    accumulate: bool,
    dx: &mut [F],
    work: impl Fn(Range<usize>, &mut [F]) + Sync,
) {
    let image = pool.input[0] * pool.input[1] * pool.channels;
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
    pool: &'a Pool2d,
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
        let rows = self.dy.len() / (self.pool.output[1] * channels).max(1);
        let mut left = [F::ZERO; BLOCK];
        self.pool.for_each_window(0, rows, |at, window| {
            for first in (0..channels).step_by(BLOCK) {
                let block = BLOCK.min(channels - first);
                let y = &self.y[at * channels + first..][..block];
                // What no place has taken yet; the first place that equals the maximum takes it.
                left[..block].copy_from_slice(&self.dy[at * channels + first..][..block]);
                for pixel in window.pixels() {
                    let place = pixel * channels + first;
                    let x = &self.x[place..][..block];
                    let dx = &mut self.dx[place..][..block];
                    for (((dx, &x), &y), left) in dx.iter_mut().zip(x).zip(y).zip(&mut left) {
                        let hit = (x == y) | x.is_nan();
                        *dx += if hit { *left } else { F::ZERO };
                        *left = if hit { F::ZERO } else { *left };
                    }
                }
            }
        });
    }
}

/// `y = ` the mean of each window.
pub fn average_forward<F: Real>(pool: &Pool2d, x: &[F], y: &mut [F]) {
    pool.check(x.len(), y.len());
    for_each_rows(pool, y, |first, y| {
        dispatch(AverageForward { pool, first, x, y });
    });
}

struct AverageForward<'a, F> {
    pool: &'a Pool2d,
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
        let rows = self.y.len() / (pool.output[1] * channels);
        pool.for_each_window(self.first, rows, |at, window| {
            let y = &mut self.y[at * channels..][..channels];
            y.fill(F::ZERO);
            for pixel in window.pixels() {
                for (y, &x) in y.iter_mut().zip(&x[pixel * channels..]) {
                    *y += x;
                }
            }
            let count = F::of_usize(window.len().max(1));
            y.iter_mut().for_each(|y| *y /= count);
        });
    }
}

/// `dx = ` each window's `dy` shared out evenly among its places; added to `dx` if `accumulate`.
pub fn average_backward<F: Real>(pool: &Pool2d, dy: &[F], accumulate: bool, dx: &mut [F]) {
    pool.check(dx.len(), dy.len());
    for_each_images(pool, accumulate, dx, |images, dx| {
        let image = pool.output[0] * pool.output[1] * pool.channels;
        let dy = &dy[images.start * image..images.end * image];
        dispatch(AverageBackward { pool, dy, dx });
    });
}

struct AverageBackward<'a, F> {
    pool: &'a Pool2d,
    dy: &'a [F],
    dx: &'a mut [F],
}

impl<F: Real> Kernel for AverageBackward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let channels = self.pool.channels;
        let rows = self.dy.len() / (self.pool.output[1] * channels).max(1);
        self.pool.for_each_window(0, rows, |at, window| {
            let dy = &self.dy[at * channels..][..channels];
            let count = F::of_usize(window.len().max(1));
            for pixel in window.pixels() {
                for (dx, &dy) in self.dx[pixel * channels..].iter_mut().zip(dy) {
                    *dx += dy / count;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Array;

    const NAN: f64 = f64::NAN;

    /// One channel, 3 x 3 windows at stride 2 over 4 x 4 with padding "same": 0 before and 1 after.
    const SAME: Pool2d = Pool2d {
        batch: 1,
        input: [4, 4],
        channels: 1,
        size: [3, 3],
        strides: [2, 2],
        padding: [0, 0],
        output: [2, 2],
    };

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
        let pool = Pool2d {
            input: [2, 4],
            size: [2, 2],
            output: [1, 2],
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
    fn windows_of_many_channels_match_plain_loops() {
        let pool = Pool2d {
            batch: 3,
            input: [7, 6],
            channels: 70,
            size: [3, 2],
            strides: [2, 1],
            padding: [1, 0],
            output: [4, 6],
        };
        let x = Array::random(&[3, 7, 6, 70], 1).values;
        let len = 3 * 4 * 6 * 70;
        let (mut largest, mut mean) = (vec![0.0; len], vec![0.0; len]);
        max_forward(&pool, &x, &mut largest);
        average_forward(&pool, &x, &mut mean);
        for (at, (&largest, &mean)) in largest.iter().zip(&mean).enumerate() {
            let (c, j, i, n) = (at % 70, at / 70 % 6, at / 420 % 4, at / 1680);
            let places = (0..3).flat_map(|a| (0..2).map(move |b| (2 * i + a, j + b)));
            let values: Vec<f64> = places
                .filter_map(|(u, v)| Some((u.checked_sub(1)?, v)))
                .filter(|&(u, v)| u < 7 && v < 6)
                .map(|(u, v)| x[((n * 7 + u) * 6 + v) * 70 + c])
                .collect();
            assert_eq!(largest, values.iter().copied().fold(f64::MIN, f64::max));
            let expected = values.iter().sum::<f64>() / values.len() as f64;
            assert!((mean - expected).abs() < 1e-15);
        }
    }
}
