//! 2-D convolutions of images with their channels last, with any stride, dilation, padding and groups.
//!
//! With x of `(batch, height, width, channels)` and a kernel of `(kh, kw, channels / groups, filters)`, for each group:
//!
//! ```text
//! y[n, i, j, f]  = sum over a, b, c of x[n, i*s0 + a*d0 - p0, j*s1 + b*d1 - p1, c] * kernel[a, b, c, f]
//! dx[n, u, v, c] = sum over a, b, f of dy[n, (u + p0 - a*d0) / s0, (v + p1 - b*d1) / s1, f] * kernel[a, b, c, f]
//! dw[a, b, c, f] = sum over n, i, j of x[n, i*s0 + a*d0 - p0, j*s1 + b*d1 - p1, c] * dy[n, i, j, f]
//! ```
//!
//! Nothing is unrolled into a matrix of windows (im2col): with channels last, what a pixel sees of one row of the image is
//! contiguous, so each sum is the matrix product of [`super::gemm`] whose k runs through a few segments. Images with a
//! border are copied, a band of rows at a time, into a buffer with zeros around; so the inner loop knows no border.
//!
//! Kernels of 3 x 3 at stride 1 over enough channels take fewer multiplications: see `winograd`. Kernels of one point know no
//! images, only one line of pixels. Where few channels would fill a part of a vector only, others come beside them: see
//! `depthwise`, `small_groups` and, for the gradients by the image and by the kernel, `few_channels` and `few_filters`.
//!
//! Bands depend on sizes alone. Every output is computed by one thread; the weights' gradient is summed over parts whose
//! number depends on sizes, added in order. So the bits depend neither on threads nor on the instruction set.

mod by_channels;
mod data;
mod depthwise;
mod few_channels;
mod few_filters;
mod forward;
mod small_groups;
mod volume;
mod weights;
mod window;
mod winograd;

pub use data::backward_data;
pub use forward::forward;
pub use volume::Conv3d;
pub use weights::backward_weights;

/// Work (multiplications) of one piece at least: some 10 us.
const CHUNK_WORK: usize = 1 << 20;
/// The longest segment, so that long ones can be cut into passes.
const MAX_SEGMENT: usize = 512;

/// The sizes of a convolution. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Images.
    pub batch: usize,
    /// Size of an image.
    pub input: [usize; 2],
    /// Channels of the image.
    pub channels: usize,
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// Channels of the output.
    pub filters: usize,
    /// Independent convolutions that channels and filters are split into; divides both.
    pub groups: usize,
    /// From one window to the next.
    pub strides: [usize; 2],
    /// From one point of the window to the next.
    pub dilation: [usize; 2],
    /// Zeros before the image. What is missing after it counts as zero too.
    pub padding: [usize; 2],
    /// Size of the output.
    pub output: [usize; 2],
}

impl Conv2d {
    /// Channels that a filter sees.
    fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    /// Filters of a group.
    fn group_filters(&self) -> usize {
        self.filters / self.groups
    }

    /// Points of the kernel.
    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Elements of the kernel.
    pub fn kernel_len(&self) -> usize {
        self.taps() * self.group_channels() * self.filters
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.batch * self.input[0] * self.input[1] * self.channels
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        self.batch * self.output[0] * self.output[1] * self.filters
    }

    /// Whether an output sees the pixel in its place alone.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1]
            && self.strides == [1, 1]
            && self.padding == [0, 0]
            && self.input == self.output
    }

    /// This convolution with all pixels in one line, if they have nothing to do with each other.
    fn in_a_line(mut self) -> Self {
        if self.is_pointwise() {
            self.input = [1, self.batch * self.input[0] * self.input[1]];
            self.output = self.input;
            self.batch = self.batch.min(1);
        }
        self
    }

    /// Multiplications for one pixel of the output.
    fn pixel_work(&self) -> usize {
        self.kernel_len()
    }

    /// Multiplications of the whole convolution.
    fn work(&self) -> usize {
        self.batch * self.output[0] * self.output[1] * self.pixel_work()
    }

    /// Rows or columns of the image that `count` windows see.
    fn reach(&self, axis: usize, count: usize) -> usize {
        (count - 1) * self.strides[axis] + (self.kernel[axis] - 1) * self.dilation[axis] + 1
    }

    /// Whether a window sees something beyond the image.
    fn sees_border(&self) -> bool {
        (0..2).any(|axis| {
            self.padding[axis] > 0 || self.reach(axis, self.output[axis]) > self.input[axis]
        })
    }

    fn check(&self, x: usize, kernel: usize, y: usize) {
        assert!(
            self.groups > 0
                && self.channels.is_multiple_of(self.groups)
                && self.filters.is_multiple_of(self.groups),
            "{self:?}: groups divide channels and filters"
        );
        assert!(
            [self.kernel, self.strides, self.dilation]
                .iter()
                .flatten()
                .all(|&n| n > 0),
            "{self:?}: sizes are positive"
        );
        assert_eq!(x, self.input_len(), "{self:?}: length of the input");
        assert_eq!(kernel, self.kernel_len(), "{self:?}: length of the kernel");
        assert_eq!(y, self.output_len(), "{self:?}: length of the output");
    }

    /// Whether there is nothing to compute or to sum.
    fn is_empty(&self) -> bool {
        self.input_len() == 0 || self.output_len() == 0
    }
}

/// Memory of which threads write disjoint parts.
#[derive(Clone, Copy)]
struct Shared<F>(*mut F);

// SAFETY: made from an exclusive slice that outlives the threads' work; the users write disjoint parts.
unsafe impl<F: Send> Sync for Shared<F> {}

impl<F> Shared<F> {
    fn at(&self, offset: usize) -> *mut F {
        self.0.wrapping_add(offset)
    }
}

#[cfg(test)]
mod tests;
