//! A box of pixels inside a larger one, with the channels last: cut out of it, or put in the middle of zeros.

use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Elements one chunk of lines holds at least.
const CHUNK: usize = 1 << 14;

/// Sizes and place of the box; axes in front that are not there have the size 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Images.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Size of the whole.
    pub whole: [usize; 3],
    /// Where the box begins.
    pub start: [usize; 3],
    /// Size of the box.
    pub size: [usize; 3],
}

impl Region {
    fn check(&self, whole: usize, part: usize) {
        let elements =
            |sizes: [usize; 3]| self.batch * sizes.iter().product::<usize>() * self.channels;
        assert_eq!(whole, elements(self.whole), "{self:?}: length of the whole");
        assert_eq!(part, elements(self.size), "{self:?}: length of the box");
        let fits = |axis: usize| self.start[axis] + self.size[axis] <= self.whole[axis];
        assert!((0..3).all(fits), "{self:?}: a box inside");
    }

    /// `y = ` the box in `x`; added to `y` if `accumulate`.
    ///
    /// # Panics
    /// If a length does not fit the sizes, or the box does not lie inside.
    pub fn cut<F: Real>(&self, x: &[F], y: &mut [F], accumulate: bool) {
        self.check(x.len(), y.len());
        let width = self.size[2] * self.channels;
        let before = self.start[2] * self.channels;
        for_each_line(y, width, |line, y| {
            let (plane, line) = (line / self.size[1], line % self.size[1]);
            let (image, plane) = (plane / self.size[0], plane % self.size[0]);
            let plane = image * self.whole[0] + self.start[0] + plane;
            let line = plane * self.whole[1] + self.start[1] + line;
            let x = &x[line * self.whole[2] * self.channels + before..][..width];
            if accumulate {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
            } else {
                y.copy_from_slice(x);
            }
        });
    }

    /// `y = x` in the box and 0 around it; added to `y` if `accumulate`.
    ///
    /// # Panics
    /// As [`Self::cut`].
    pub fn put<F: Real>(&self, x: &[F], y: &mut [F], accumulate: bool) {
        self.check(y.len(), x.len());
        let width = self.size[2] * self.channels;
        let before = self.start[2] * self.channels;
        for_each_line(y, self.whole[2] * self.channels, |line, y| {
            let (plane, line) = (line / self.whole[1], line % self.whole[1]);
            let (image, plane) = (plane / self.whole[0], plane % self.whole[0]);
            if !accumulate {
                y.fill(F::ZERO);
            }
            let inside = |axis: usize, place: usize| {
                let place = place.checked_sub(self.start[axis])?;
                (place < self.size[axis]).then_some(place)
            };
            if let (Some(plane), Some(line)) = (inside(0, plane), inside(1, line)) {
                let line = (image * self.size[0] + plane) * self.size[1] + line;
                let x = &x[line * width..][..width];
                let y = &mut y[before..before + width];
                y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
            }
        });
    }
}

/// Calls `work` with each line of `width` numbers and its number.
pub(super) fn for_each_line<F: Real>(
    y: &mut [F],
    width: usize,
    work: impl Fn(usize, &mut [F]) + Sync,
) {
    if y.is_empty() {
        return;
    }
    let lines = CHUNK.div_ceil(width);
    for_each_chunk_mut(y, lines * width, |index, y| {
        for (i, y) in y.chunks_exact_mut(width).enumerate() {
            work(index * lines + i, y);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_cut_out_and_put_back() {
        let region = Region {
            batch: 2,
            channels: 2,
            whole: [3, 4, 5],
            start: [1, 2, 1],
            size: [2, 1, 3],
        };
        let x: Vec<f64> = (0..240).map(f64::from).collect();
        let mut part = vec![1.0; 24];
        region.cut(&x, &mut part, true);
        for (i, &v) in part.iter().enumerate() {
            let (n, p, j) = (i / 12, i / 6 % 2, i % 6);
            assert_eq!(v, 1.0 + x[((n * 3 + p + 1) * 4 + 2) * 10 + 2 + j]);
        }
        let mut back = vec![7.0; 240];
        region.put(&part, &mut back, false);
        assert_eq!(back.iter().filter(|&&v| v != 0.0).count(), 24);
        assert!(back.iter().zip(&x).all(|(b, x)| *b == 0.0 || *b == x + 1.0));
        region.put(&part, &mut back, true);
        assert!(
            back.iter()
                .zip(&x)
                .all(|(b, x)| *b == 0.0 || *b == 2.0 * x + 2.0)
        );
    }
}
