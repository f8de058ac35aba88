//! Convolutions over depth, height and width: as 2-D ones of images whose channels are those of all planes that a window
//! sees.
//!
//! ```text
//! x'[n, i, u, v, (g, a, c)] = x[n, i*s0 + a*d0 - p0, u, v, (g, c)]        y = conv2d(x', w')        w'[b, e, (a, c), f] = w[a, b, e, c, f]
//! ```
//!
//! with g the group, c a channel of it, and a the plane of the kernel. The gradients go the same way back: what several
//! windows saw is added up. What has one plane is a 2-D convolution as it lies, without any copy.

use std::ops::Range;

use super::{Conv2d, backward_data, backward_weights, forward};
use crate::kernels::gemm::Epilogue;
use crate::kernels::permute::permute;
use crate::parallel;
use crate::real::Real;

/// Elements of one piece of work.
const CHUNK: usize = 1 << 15;

/// The sizes of a convolution over (depth, height, width); fewer axes have sizes 1 in front. See [`Conv2d`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv3d {
    /// Volumes.
    pub batch: usize,
    /// Size of a volume.
    pub input: [usize; 3],
    /// Channels of the volume.
    pub channels: usize,
    /// Size of the kernel.
    pub kernel: [usize; 3],
    /// Channels of the output.
    pub filters: usize,
    /// Independent convolutions.
    pub groups: usize,
    /// From one window to the next.
    pub strides: [usize; 3],
    /// From one point of the window to the next.
    pub dilation: [usize; 3],
    /// Zeros before the volume.
    pub padding: [usize; 3],
    /// Size of the output.
    pub output: [usize; 3],
}

impl Conv3d {
    /// Whether each plane of the output sees the plane of the input in its place alone.
    fn is_flat(&self) -> bool {
        self.kernel[0] == 1
            && self.strides[0] == 1
            && self.padding[0] == 0
            && self.input[0] == self.output[0]
    }

    /// The 2-D convolution with the kernel's planes among the channels.
    fn plane(&self) -> Conv2d {
        let two = |[_, height, width]: [usize; 3]| [height, width];
        Conv2d {
            batch: self.batch * self.output[0],
            input: two(self.input),
            channels: self.channels * self.kernel[0],
            kernel: two(self.kernel),
            filters: self.filters,
            groups: self.groups,
            strides: two(self.strides),
            dilation: two(self.dilation),
            padding: two(self.padding),
            output: two(self.output),
        }
    }

    /// Elements of the memory that all functions here need beside their arguments.
    pub fn room(&self) -> usize {
        if self.is_flat() {
            return 0;
        }
        let plane = self.plane();
        plane.input_len() + plane.kernel_len()
    }

    /// The plane of the input that plane `a` of the kernel sees from plane `i` of the output.
    fn seen(&self, i: usize, a: usize) -> Option<usize> {
        (i * self.strides[0] + a * self.dilation[0])
            .checked_sub(self.padding[0])
            .filter(|&at| at < self.input[0])
    }

    /// The plane of the output that sees plane `u` of the input with plane `a` of the kernel.
    fn seen_from(&self, u: usize, a: usize) -> Option<usize> {
        let at = (u + self.padding[0]).checked_sub(a * self.dilation[0])?;
        let i = at / self.strides[0];
        (at.is_multiple_of(self.strides[0]) && i < self.output[0]).then_some(i)
    }

    /// The kernel as the 2-D convolution wants it, or that of the 2-D convolution as it was.
    fn turn_kernel<F: Real>(&self, from: &[F], back: bool, to: &mut [F], accumulate: bool) {
        let [planes, height, width] = self.kernel;
        let (a, b) = if back {
            (height * width, planes)
        } else {
            (planes, height * width)
        };
        let rest = self.channels / self.groups * self.filters;
        permute(from, &[a, b, rest], &[1, 0, 2], to, accumulate);
    }

    /// Calls `work` with the place in x and the place in x' of each run of elements, pixels `pixels` of plane `seen` of
    /// the input and `plane` of the output, that plane `a` of the kernel joins.
    fn for_each_run(
        &self,
        (seen, plane, a): (usize, usize, usize),
        pixels: Range<usize>,
        mut work: impl FnMut(Range<usize>, Range<usize>),
    ) {
        let pixels_of_plane = self.input[1] * self.input[2];
        let run = self.channels / self.groups;
        for pixel in pixels {
            for group in 0..self.groups {
                let x = ((seen * pixels_of_plane + pixel) * self.groups + group) * run;
                let places = (plane * pixels_of_plane + pixel) * self.groups + group;
                let to = (places * self.kernel[0] + a) * run;
                work(x..x + run, to..to + run);
            }
        }
    }

    /// x'
    fn gather<F: Real>(&self, x: &[F], to: &mut [F]) {
        let plane_pixels = self.input[1] * self.input[2];
        let width = self.channels * self.kernel[0];
        let pixels = (CHUNK / width.max(1)).clamp(1, plane_pixels.max(1));
        let pieces = plane_pixels.div_ceil(pixels);
        let shared = super::Shared(to.as_mut_ptr());
        let planes = self.batch * self.output[0];
        parallel::for_each_chunk(planes * pieces, 1, |tasks| {
            for task in tasks {
                let (plane, piece) = (task / pieces, task % pieces);
                let (n, i) = (plane / self.output[0], plane % self.output[0]);
                let range = piece * pixels..plane_pixels.min((piece + 1) * pixels);
                for a in 0..self.kernel[0] {
                    let seen = self.seen(i, a);
                    let from = n * self.input[0] + seen.unwrap_or(0);
                    self.for_each_run((from, plane, a), range.clone(), |x_run, to_run| {
                        // SAFETY: each pixel of each plane of x' is written by one piece of work alone.
                        let to = unsafe {
                            std::slice::from_raw_parts_mut(shared.at(to_run.start), to_run.len())
                        };
                        match seen {
                            Some(_) => to.copy_from_slice(&x[x_run]),
                            None => to.fill(F::ZERO),
                        }
                    });
                }
            }
        });
    }

    /// `x = beta * x + ` all that the windows saw of it, from x'.
    fn scatter<F: Real>(&self, from: &[F], beta: F, x: &mut [F]) {
        let plane_pixels = self.input[1] * self.input[2];
        let pixels = (CHUNK / self.channels.max(1)).clamp(1, plane_pixels.max(1));
        let pieces = plane_pixels.div_ceil(pixels);
        let shared = super::Shared(x.as_mut_ptr());
        let planes = self.batch * self.input[0];
        parallel::for_each_chunk(planes * pieces, 1, |tasks| {
            for task in tasks {
                let (plane, piece) = (task / pieces, task % pieces);
                let (n, u) = (plane / self.input[0], plane % self.input[0]);
                let range = piece * pixels..plane_pixels.min((piece + 1) * pixels);
                let first = (plane * plane_pixels + range.start) * self.channels;
                // SAFETY: each pixel of each plane of x is written by one piece of work alone.
                let mine = unsafe {
                    std::slice::from_raw_parts_mut(shared.at(first), range.len() * self.channels)
                };
                for x in &mut *mine {
                    *x = if beta == F::ZERO { F::ZERO } else { beta * *x };
                }
                for a in 0..self.kernel[0] {
                    let Some(i) = self.seen_from(u, a) else {
                        continue;
                    };
                    let places = (plane, n * self.output[0] + i, a);
                    self.for_each_run(places, range.clone(), |x_run, from_run| {
                        let x = &mut mine[x_run.start - first..x_run.end - first];
                        x.iter_mut()
                            .zip(&from[from_run])
                            .for_each(|(x, &from)| *x += from);
                    });
                }
            }
        });
    }

    /// [`forward`] over volumes.
    ///
    /// # Panics
    /// If a length does not fit the sizes, as in all functions here.
    pub fn forward<F: Real>(
        &self,
        x: &[F],
        kernel: &[F],
        epilogue: Epilogue<'_, F>,
        beta: F,
        y: &mut [F],
        room: &mut [F],
    ) {
        let plane = self.plane();
        if self.is_flat() {
            return forward(&plane, x, kernel, epilogue, beta, y);
        }
        let (seen, turned) = room[..self.room()].split_at_mut(plane.input_len());
        self.gather(x, seen);
        self.turn_kernel(kernel, false, turned, false);
        forward(&plane, seen, turned, epilogue, beta, y);
    }

    /// [`backward_data`] over volumes.
    pub fn backward_data<F: Real>(
        &self,
        dy: &[F],
        kernel: &[F],
        beta: F,
        dx: &mut [F],
        room: &mut [F],
    ) {
        let plane = self.plane();
        if self.is_flat() {
            return backward_data(&plane, dy, kernel, beta, dx);
        }
        let (seen, turned) = room[..self.room()].split_at_mut(plane.input_len());
        self.turn_kernel(kernel, false, turned, false);
        backward_data(&plane, dy, turned, F::ZERO, seen);
        self.scatter(seen, beta, dx);
    }

    /// [`backward_weights`] over volumes.
    pub fn backward_weights<F: Real>(
        &self,
        x: &[F],
        dy: &[F],
        accumulate: bool,
        dw: &mut [F],
        room: &mut [F],
    ) {
        let plane = self.plane();
        if self.is_flat() {
            let beta = if accumulate { F::ONE } else { F::ZERO };
            return backward_weights(&plane, x, dy, beta, dw);
        }
        let (seen, turned) = room[..self.room()].split_at_mut(plane.input_len());
        self.gather(x, seen);
        backward_weights(&plane, seen, dy, F::ZERO, turned);
        self.turn_kernel(turned, true, dw, accumulate);
    }
}
