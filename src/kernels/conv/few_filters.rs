//! The gradient by a kernel of few filters: `dy^T * x`, with channels along vectors.
//!
//! Its rows are filters and points of the kernel: for each, the numbers of dy that a line of pixels was seen with at that point. They
//! are views of one copy of dy, a plane for each filter with zeros around and, where windows are a stride apart, between.

use super::Conv2d;
use super::weights::{add_in_order, cut};
use super::window::{Band, Bands};
use crate::kernels::gemm::{Block, BlockA, BlockB, Matrix, RowMap, Segment, pack_panel, width};
use crate::kernels::scratch::with_scratch;
use crate::parallel;
use crate::real::Real;

/// Pixels that are summed over in one pass.
const PIXELS: usize = 256;

impl Conv2d {
    /// Whether [`backward_weights`] is the faster way, by a good deal, counted in multiplications for a pixel.
    pub(super) fn has_few_filters<F>(&self) -> bool {
        let channels = self.channels.next_multiple_of(width::<F>());
        let seen = self.strides[0] * self.strides[1] * self.filters * channels;
        let direct = self.channels * self.filters.next_multiple_of(width::<F>());
        self.groups == 1 && 4 * seen <= 3 * direct
    }
}

/// [`super::backward_weights`] where [`Conv2d::has_few_filters`].
pub(super) fn backward_weights<F: Real>(conv: &Conv2d, x: &[F], dy: &[F], beta: F, dw: &mut [F]) {
    let bands = Bands::new(conv.batch, conv.input, PIXELS);
    let (parts, each) = cut(bands.count(), conv.work(), dw.len());
    let len = dw.len();
    with_scratch((parts + 1) * len, |room: &mut [F]| {
        let (partials, sum) = room.split_at_mut(parts * len);
        parallel::for_each_chunk_mut(partials, len, |index, partial| {
            partial.fill(F::ZERO);
            for index in index * each..bands.count().min((index + 1) * each) {
                add_band(conv, x, dy, &bands.get(index), partial);
            }
        });
        add_in_order(partials, F::ZERO, sum); // [filters, points from last to first, channels]
        let taps = conv.taps();
        for (i, dw) in dw.iter_mut().enumerate() {
            let (row, filter) = (i / conv.filters, i % conv.filters);
            let (point, channel) = (row / conv.channels, row % conv.channels);
            let at = (filter * taps + taps - 1 - point) * conv.channels + channel;
            let old = if beta == F::ZERO { F::ZERO } else { beta * *dw };
            *dw = old + sum[at];
        }
    });
}

/// Adds what a band of the image's pixels gives.
fn add_band<F: Real>(conv: &Conv2d, x: &[F], dy: &[F], band: &Band, sum: &mut [F]) {
    let channels = conv.channels;
    let whole = channels / width::<F>() * width::<F>();
    // Beside the pixels lies what they are seen with at the first point and at the last one.
    let extent = [
        band.rows + (conv.kernel[0] - 1) * conv.dilation[0],
        band.columns + (conv.kernel[1] - 1) * conv.dilation[1],
    ];
    let plane = extent[0] * extent[1];
    let pixels = band.rows * band.columns;
    let tail = if whole < channels {
        pixels * width::<F>()
    } else {
        0
    };
    with_scratch(band.rows, |lines: &mut [Segment]| {
        for (row, line) in lines.iter_mut().enumerate() {
            *line = [row * extent[1], band.columns];
        }
        with_scratch(conv.filters * plane + tail, |room: &mut [F]| {
            let (planes, tail) = room.split_at_mut(conv.filters * plane);
            for image in band.image..band.image + band.images {
                spread(conv, dy, (image, band), extent, planes);
                let first = (image * conv.input[0] + band.row) * conv.input[1] + band.column;
                debug_assert!(band.rows == 1 || band.columns == conv.input[1]);
                let x = &x[first * channels..][..pixels * channels];
                if whole < channels {
                    pack_panel(Matrix::new(x, channels), false, whole, channels, tail);
                }
                let product = Block {
                    rows: conv.filters * conv.taps(),
                    columns: channels,
                    segments: lines,
                    a: BlockA::Rows {
                        first: planes.as_ptr(),
                        map: RowMap {
                            step: conv.dilation[1],
                            line: conv.kernel[1],
                            line_step: conv.dilation[0] * extent[1],
                            lines: conv.kernel[0],
                            plane_step: plane,
                        },
                    },
                    b: BlockB {
                        first: x.as_ptr(),
                        step: channels,
                        next: width::<F>(),
                    },
                    c: sum.as_mut_ptr(),
                    ldc: channels,
                    beta: F::ONE,
                    bias: None,
                    relu: false,
                };
                // SAFETY: each filter has a plane with all that points of the kernel were seen with at the band's pixels, x has
                // a row for each of them (whole vectors are read, the rest is packed), and the sum is ours alone.
                unsafe { product.run_with_rest(tail.as_ptr()) };
            }
        });
    });
}

/// Copies dy to a plane for each filter in which the window of a pixel's last point lies in the pixel's place, that of its
/// first point as far after it as the points lie apart.
fn spread<F: Real>(
    conv: &Conv2d,
    dy: &[F],
    (image, band): (usize, &Band),
    extent: [usize; 2],
    planes: &mut [F],
) {
    planes.fill(F::ZERO);
    let first = [band.row, band.column];
    let last = [0, 1].map(|axis| (conv.kernel[axis] - 1) * conv.dilation[axis]);
    // Windows whose place, `i * stride + last - padding - first`, lies in the planes.
    let windows = |axis: usize| {
        let end = |place: usize| {
            let end = (place + conv.padding[axis]).saturating_sub(last[axis]);
            end.div_ceil(conv.strides[axis]).min(conv.output[axis])
        };
        end(first[axis])..end(first[axis] + extent[axis])
    };
    let place = |axis: usize, i: usize| {
        i * conv.strides[axis] + last[axis] - conv.padding[axis] - first[axis]
    };
    let columns = windows(1);
    if columns.is_empty() {
        return;
    }
    for i in windows(0) {
        let line = (image * conv.output[0] + i) * conv.output[1];
        let dy = &dy[(line + columns.start) * conv.filters..][..columns.len() * conv.filters];
        let to = place(0, i) * extent[1] + place(1, columns.start);
        for filter in 0..conv.filters {
            let to = planes[filter * extent[0] * extent[1] + to..].iter_mut();
            for (to, from) in to
                .step_by(conv.strides[1])
                .zip(dy.chunks_exact(conv.filters))
            {
                *to = from[filter];
            }
        }
    }
}
