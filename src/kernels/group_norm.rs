//! Group normalisation: the channels of each sample brought to mean 0 and variance 1, a group of them together.
//!
//! Wu and He, "Group Normalization", 2018. With N numbers of a sample in a group, `x^ = (x - mean) r` and
//! `r = 1 / sqrt(var + epsilon)`:
//!
//! ```text
//! y = gamma * x^ + beta        g = gamma * dy
//! dx = r (g - sum(g) / N - x^ sum(g x^) / N)        dgamma = sum over samples and places of dy x^        dbeta = … of dy
//! ```
//!
//! Sums go over the places of each channel first (a matrix of places by channels for each sample), then over the channels of
//! a group: the squared deviations of a group are those of its channels and, for each place, those of the channels' means.

use crate::kernels::batch_norm::{ColumnStatistics, gradient_sums, moments, scale_columns};
use crate::kernels::scratch::with_scratch;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel::{for_each_chunk_mut, for_each_chunk_mut2, for_each_chunk_mut3};
use crate::real::Real;

/// Elements one chunk of places holds at least.
const CHUNK: usize = 1 << 14;

/// The sizes of samples, each a matrix of places by channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// Places of a sample.
    pub places: usize,
    /// Channels.
    pub channels: usize,
    /// Groups of channels.
    pub groups: usize,
}

impl Groups {
    /// Elements of a sample.
    fn sample(&self) -> usize {
        self.places * self.channels
    }

    /// Channels of a group.
    fn width(&self) -> usize {
        self.channels / self.groups
    }

    /// Replaces a number for each channel by the mean over all numbers of its group, of which there are the sums.
    fn average<F: Real>(&self, sums: &mut [F]) {
        let scale = F::ONE / F::of_usize(self.places * self.width());
        for group in sums.chunks_exact_mut(self.width()) {
            let sum = group.iter().fold(F::ZERO, |sum, &x| sum + x);
            group.fill(sum * scale);
        }
    }

    /// Replaces mean and sum of squared deviations of each channel by mean and inverse deviation of its group.
    fn merge<F: Real>(&self, mean: &mut [F], squares: &mut [F], epsilon: F) {
        let places = F::of_usize(self.places);
        let channel_means = mean.chunks_exact_mut(self.width());
        for (mean, squares) in channel_means.zip(squares.chunks_exact_mut(self.width())) {
            let of_group = mean.iter().fold(F::ZERO, |sum, &x| sum + x) / F::of_usize(self.width());
            let sum = mean.iter().zip(&*squares).fold(F::ZERO, |sum, (&m, &s)| {
                sum + (s + places * (m - of_group) * (m - of_group))
            });
            let variance = sum / F::of_usize(self.places * self.width());
            mean.fill(of_group);
            squares.fill(F::ONE / (variance + epsilon).sqrt());
        }
    }

    /// Normalises `x` into `y`, and keeps mean and inverse deviation for each channel of each sample.
    ///
    /// # Panics
    /// If a length does not fit, as in all functions here.
    #[expect(clippy::too_many_arguments, reason = "what the formula needs")]
    pub fn forward<F: Real>(
        &self,
        x: &[F],
        y: &mut [F],
        gamma: Option<&[F]>,
        beta: Option<&[F]>,
        epsilon: F,
        mean: &mut [F],
        inverse_std: &mut [F],
    ) {
        assert_eq!(x.len(), y.len(), "an output for each input");
        let (sample, channels) = (self.sample(), self.channels);
        if sample == 0 {
            return;
        }
        for_each_chunk_mut3(
            (y, sample),
            (mean, channels),
            (inverse_std, channels),
            |index, y, mean, r| {
                let x = &x[index * sample..][..sample];
                moments(x, channels, mean, r);
                self.merge(mean, r, epsilon);
                with_scratch(2 * channels, |room: &mut [F]| {
                    let (scale, shift) = room.split_at_mut(channels);
                    scale.copy_from_slice(r);
                    if let Some(gamma) = gamma {
                        let pairs = scale.iter_mut().zip(gamma);
                        pairs.for_each(|(scale, &gamma)| *scale *= gamma);
                    }
                    match beta {
                        Some(beta) => shift.copy_from_slice(beta),
                        None => shift.fill(F::ZERO),
                    }
                    scale_columns(x, y, mean, scale, shift);
                });
            },
        );
    }

    /// The sums of `dy` and of `dy x^` over the places, for each channel of each sample: over the samples, these are the
    /// gradients by beta and gamma.
    pub fn sums<F: Real>(
        &self,
        x: &[F],
        dy: &[F],
        statistics: ColumnStatistics<'_, F>,
        sums: &mut [F],
        sums_x: &mut [F],
    ) {
        assert_eq!(x.len(), dy.len(), "one shape");
        let (sample, channels) = (self.sample(), self.channels);
        for_each_chunk_mut2(
            (sums, channels),
            (sums_x, channels),
            |index, sums, sums_x| {
                let range = index * sample..(index + 1) * sample;
                let statistics = self.of_sample(statistics, index);
                gradient_sums(&x[range.clone()], &dy[range], statistics, sums, sums_x);
            },
        );
    }

    /// The gradient by `x`, added to `dx` if `accumulate`, with what [`Groups::sums`] gave.
    #[expect(clippy::too_many_arguments, reason = "what the formula needs")]
    pub fn backward<F: Real>(
        &self,
        x: &[F],
        dy: &[F],
        gamma: Option<&[F]>,
        statistics: ColumnStatistics<'_, F>,
        (sums, sums_x): (&[F], &[F]),
        dx: &mut [F],
        accumulate: bool,
    ) {
        assert!(x.len() == dy.len() && x.len() == dx.len(), "one shape");
        let (sample, channels) = (self.sample(), self.channels);
        if sample == 0 {
            return;
        }
        for_each_chunk_mut(dx, sample, |index, dx| {
            let statistics = self.of_sample(statistics, index);
            let r = statistics.inverse_std;
            let range = index * channels..(index + 1) * channels;
            let inputs = index * sample..(index + 1) * sample;
            with_scratch(3 * channels, |room: &mut [F]| {
                let (scale, room) = room.split_at_mut(channels);
                let (shift, slope) = room.split_at_mut(channels);
                scale.fill(F::ONE);
                if let Some(gamma) = gamma {
                    scale.copy_from_slice(gamma);
                }
                for j in 0..channels {
                    shift[j] = scale[j] * sums[range.start + j];
                    slope[j] = scale[j] * sums_x[range.start + j];
                }
                self.average(shift);
                self.average(slope);
                for j in 0..channels {
                    scale[j] *= r[j];
                    shift[j] *= r[j];
                    slope[j] *= r[j] * r[j];
                }
                let (scale, shift, slope) = (&*scale, &*shift, &*slope);
                let (x, dy) = (&x[inputs.clone()], &dy[inputs]);
                let chunk = CHUNK.div_ceil(channels) * channels;
                for_each_chunk_mut(dx, chunk, |index, dx| {
                    dispatch(Gradient {
                        x: &x[index * chunk..][..dx.len()],
                        dy: &dy[index * chunk..][..dx.len()],
                        mean: statistics.mean,
                        scale,
                        shift,
                        slope,
                        dx,
                        accumulate,
                    });
                });
            });
        });
    }

    fn of_sample<'a, F>(
        &self,
        statistics: ColumnStatistics<'a, F>,
        index: usize,
    ) -> ColumnStatistics<'a, F> {
        let range = index * self.channels..(index + 1) * self.channels;
        ColumnStatistics {
            mean: &statistics.mean[range.clone()],
            inverse_std: &statistics.inverse_std[range],
        }
    }
}

/// `dx = scale dy - shift - slope (x - mean)`, column by column.
struct Gradient<'a, F> {
    x: &'a [F],
    dy: &'a [F],
    mean: &'a [F],
    scale: &'a [F],
    shift: &'a [F],
    slope: &'a [F],
    dx: &'a mut [F],
    accumulate: bool,
}

impl<F: Real> Kernel for Gradient<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = self.mean.len();
        let (mean, scale) = (self.mean, &self.scale[..width]);
        let (shift, slope) = (&self.shift[..width], &self.slope[..width]);
        let inputs = self.x.chunks_exact(width).zip(self.dy.chunks_exact(width));
        for ((x, dy), dx) in inputs.zip(self.dx.chunks_exact_mut(width)) {
            if !self.accumulate {
                dx.fill(F::ZERO);
            }
            for j in 0..width {
                dx[j] += scale[j] * dy[j] - shift[j] - slope[j] * (x[j] - mean[j]);
            }
        }
    }
}
