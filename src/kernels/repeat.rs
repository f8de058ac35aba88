//! Every pixel repeated along its axes, with the channels last; and the sums of the copies.

use super::region::for_each_line;
use crate::kernels::each::{each_row, each_with};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::real::Real;

/// Sizes; axes in front that are not there have the size 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// Images.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Size of the input.
    pub input: [usize; 3],
    /// Copies of each pixel along each axis.
    pub times: [usize; 3],
}

impl Repeat {
    fn check(&self, x: usize, y: usize) {
        let elements = self.batch * self.input.iter().product::<usize>() * self.channels;
        assert_eq!(x, elements, "{self:?}: length of the input");
        let copies: usize = self.times.iter().product();
        assert_eq!(y, elements * copies, "{self:?}: length of the output");
    }

    /// `y = ` each pixel of `x`, so many times.
    ///
    /// # Panics
    /// If a length does not fit the sizes.
    pub fn forward<F: Real>(&self, x: &[F], y: &mut [F]) {
        self.check(x.len(), y.len());
        let [_, lines, columns] = self.input;
        let [planes_times, lines_times, times] = self.times;
        let width = columns * self.channels;
        for_each_line(y, width * times, |line, y| {
            let (plane, line) = (line / (lines * lines_times), line % (lines * lines_times));
            let line = plane / planes_times * lines + line / lines_times;
            let x = &x[line * width..][..width];
            let copies = y.chunks_exact_mut(times * self.channels);
            for (y, x) in copies.zip(x.chunks_exact(self.channels)) {
                y.chunks_exact_mut(self.channels)
                    .for_each(|y| y.copy_from_slice(x));
            }
        });
    }

    /// `dx = ` the sum of the copies' `dy`; added to `dx` if `accumulate`.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn backward<F: Real>(&self, dy: &[F], dx: &mut [F], accumulate: bool) {
        self.check(dx.len(), dy.len());
        for_each_line(dx, self.input[2] * self.channels, |line, dx| {
            if !accumulate {
                dx.fill(F::ZERO);
            }
            dispatch(Sums {
                repeat: self,
                line,
                dy,
                dx,
            });
        });
    }
}

/// The sums of one line.
struct Sums<'a, F> {
    repeat: &'a Repeat,
    line: usize,
    dy: &'a [F],
    dx: &'a mut [F],
}

impl<F: Real> Kernel for Sums<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let channels = self.repeat.channels;
        let [_, lines, _] = self.repeat.input;
        let [planes_times, lines_times, times] = self.repeat.times;
        let (plane, line) = (self.line / lines, self.line % lines);
        let width = self.dx.len() * times;
        for copy in 0..planes_times * lines_times {
            let plane = plane * planes_times + copy / lines_times;
            let line = (plane * lines + line) * lines_times + copy % lines_times;
            let dy = &self.dy[line * width..][..width];
            each_row(&mut *self.dx, channels, |column, dx| {
                for copy in column * times..(column + 1) * times {
                    each_with(dx, &dy[copy * channels..][..channels], |dx, dy| dx + dy);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_repeated_along_every_axis_and_summed_again() {
        let repeat = Repeat {
            batch: 2,
            channels: 3,
            input: [2, 3, 2],
            times: [2, 3, 4],
        };
        let x: Vec<f64> = (0..72).map(f64::from).collect();
        let mut y = vec![0.0; 72 * 24];
        repeat.forward(&x, &mut y);
        for (i, &v) in y.iter().enumerate() {
            let (c, w, h, d, n) = (i % 3, i / 3 % 8, i / 24 % 9, i / 216 % 4, i / 864);
            assert_eq!(v, x[(((n * 2 + d / 2) * 3 + h / 3) * 2 + w / 4) * 3 + c]);
        }
        let mut dx = vec![1.0; 72];
        repeat.backward(&y, &mut dx, true);
        assert!(dx.iter().zip(&x).all(|(dx, x)| *dx == 1.0 + 24.0 * x));
        repeat.backward(&y, &mut dx, false);
        assert!(dx.iter().zip(&x).all(|(dx, x)| *dx == 24.0 * x));
    }
}
