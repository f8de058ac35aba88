//! Images on their way into a convolution and its gradient on the way back: put in order, and under their masks.

use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// The sizes of images.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frames {
    /// Pixels of an image.
    pub pixels: usize,
    /// Numbers of a pixel.
    pub channels: usize,
    /// Copies under masks of their own, side by side in each pixel: 1 without masks.
    pub copies: usize,
}

impl Frames {
    /// Elements of an image.
    fn len(&self) -> usize {
        self.pixels * self.channels
    }

    /// Writes image `source(i)` of `from` to image `i` of `to`, `[pixels, copies, channels]`: each copy times its part of
    /// the masks of sample `i % batch`.
    pub fn spread<F: Real>(
        &self,
        from: &[F],
        source: impl Fn(usize) -> usize + Sync,
        masks: &[F],
        batch: usize,
        to: &mut [F],
    ) {
        let (len, channels) = (self.len(), self.channels);
        if len == 0 {
            return;
        }
        for_each_chunk_mut(to, self.copies * len, |frame, to| {
            let from = &from[source(frame) * len..][..len];
            if masks.is_empty() {
                return to.copy_from_slice(from);
            }
            let masks = self.of_sample(masks, frame % batch).chunks_exact(channels);
            for (i, (to, mask)) in to.chunks_exact_mut(channels).zip(masks).enumerate() {
                let from = &from[i / self.copies * channels..][..channels];
                for ((to, &from), &mask) in to.iter_mut().zip(from).zip(mask) {
                    *to = from * mask;
                }
            }
        });
    }

    /// The gradient of [`Frames::spread`]: writes, or adds, to image `i` of `to`, one of sample `i / time`, the copies of
    /// image `source(i)` of `from` times their masks.
    pub fn collect<F: Real>(
        &self,
        from: &[F],
        source: impl Fn(usize) -> usize + Sync,
        masks: &[F],
        time: usize,
        accumulate: bool,
        to: &mut [F],
    ) {
        let (len, channels) = (self.len(), self.channels);
        if len == 0 {
            return;
        }
        for_each_chunk_mut(to, len, |frame, to| {
            let from = &from[source(frame) * self.copies * len..][..self.copies * len];
            if !accumulate {
                to.fill(F::ZERO);
            }
            if masks.is_empty() {
                to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
                return;
            }
            let masks = self.of_sample(masks, frame / time).chunks_exact(channels);
            for (i, (from, mask)) in from.chunks_exact(channels).zip(masks).enumerate() {
                let to = &mut to[i / self.copies * channels..][..channels];
                for ((to, &from), &mask) in to.iter_mut().zip(from).zip(mask) {
                    *to += from * mask;
                }
            }
        });
    }

    fn of_sample<'a, F>(&self, masks: &'a [F], sample: usize) -> &'a [F] {
        let len = self.copies * self.len();
        &masks[sample * len..][..len]
    }
}
