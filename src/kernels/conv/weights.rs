//! The gradient by the kernel.

use super::window::{Bands, Segments, Source};
use super::{CHUNK_WORK, Conv2d, by_channels, depthwise, few_filters, small_groups, winograd};
use crate::kernels::gemm::{Block, BlockA, BlockB, Matrix, Segment, pack_panel, width};
use crate::kernels::scratch::with_scratch;
use crate::parallel;
use crate::real::Real;

/// Pixels that are summed over in one pass.
const PIXELS: usize = 512;
/// Parts of the sum at most.
const MAX_PARTS: usize = 16;
/// Elements that all partial sums may take together.
pub(super) const MAX_PARTIALS: usize = 1 << 22;

/// `dw = beta * dw + ` the sum over all pixels of what the kernel's points saw there times the gradient by the output.
/// dw is not read where `beta` is 0.
///
/// # Panics
/// If a length does not fit the sizes.
pub fn backward_weights<F: Real>(conv: &Conv2d, x: &[F], dy: &[F], beta: F, dw: &mut [F]) {
    conv.check(x.len(), dw.len(), dy.len());
    let conv = &conv.in_a_line();
    if conv.is_empty() || dw.is_empty() {
        for dw in dw {
            *dw = if beta == F::ZERO { F::ZERO } else { *dw * beta };
        }
        return;
    }
    if conv.is_depthwise() {
        return depthwise::backward_weights(conv, x, dy, beta, dw);
    }
    let in_f32 = conv.winograd_weights() || conv.has_small_groups();
    if in_f32
        && let (Some(x), Some(dy), Some(dw)) = (F::as_f32(x), F::as_f32(dy), F::as_f32_mut(dw))
    {
        let way = if conv.has_small_groups() {
            small_groups::backward_weights
        } else {
            winograd::backward_weights
        };
        return way(conv, x, dy, beta.f64() as f32, dw);
    }
    if conv.has_few_filters::<F>() {
        return few_filters::backward_weights(conv, x, dy, beta, dw);
    }
    if conv.has_many_channels() {
        return by_channels::backward_weights(conv, x, dy, beta, dw);
    }
    let bands = Bands::new(conv.batch, conv.output, PIXELS);
    let (parts, chunk) = cut(bands.count(), conv.work(), dw.len());
    let room = Segments::room(conv.taps(), conv.group_channels());
    with_scratch(room, |list: &mut [Segment]| {
        let segments = conv.segments(bands.columns, list);
        if parts == 1 {
            return part(conv, x, dy, &bands, 0..chunk, &segments, beta, dw);
        }
        with_scratch(parts * dw.len(), |partials: &mut [F]| {
            parallel::for_each_chunk_mut(partials, dw.len(), |index, partial| {
                let range = index * chunk..bands.count().min((index + 1) * chunk);
                part(conv, x, dy, &bands, range, &segments, F::ZERO, partial);
            });
            add_in_order(partials, beta, dw);
        });
    });
}

/// How a sum over `units`, which take `work` multiplications together, is cut: the number of parts, each with its own
/// `weights` partial sums, and the units in each.
pub(super) fn cut(units: usize, work: usize, weights: usize) -> (usize, usize) {
    let parts = (work / CHUNK_WORK)
        .min(MAX_PARTS)
        .min(MAX_PARTIALS / weights)
        .clamp(1, units);
    let each = units.div_ceil(parts);
    (units.div_ceil(each), each)
}

/// `dw = beta * dw + ` the sum of the partial sums.
pub(super) fn add_in_order<F: Real>(partials: &[F], beta: F, dw: &mut [F]) {
    const CHUNK: usize = 4096;
    let len = dw.len();
    parallel::for_each_chunk_mut(dw, CHUNK, |index, dw| {
        for (i, dw) in dw.iter_mut().enumerate() {
            let at = index * CHUNK + i;
            let sum = partials[at..]
                .iter()
                .step_by(len)
                .fold(F::ZERO, |sum, &x| sum + x);
            *dw = if beta == F::ZERO {
                sum
            } else {
                beta * *dw + sum
            };
        }
    });
}

/// The sum over some bands, on this thread.
#[expect(clippy::too_many_arguments, reason = "a closure's body with a name")]
fn part<F: Real>(
    conv: &Conv2d,
    x: &[F],
    dy: &[F],
    bands: &Bands,
    range: std::ops::Range<usize>,
    segments: &Segments<'_>,
    beta: F,
    dw: &mut [F],
) {
    let filters = conv.group_filters();
    let whole = filters / width::<F>() * width::<F>();
    let first_band = range.start;
    for index in range {
        let band = bands.get(index);
        let beta = if index == first_band { beta } else { F::ONE };
        let window = conv.window(band, bands.columns);
        let columns = band.columns;
        let copied = if conv.sees_border() {
            band.images * window.plane()
        } else {
            0
        };
        let pixels = band.images * band.rows * columns;
        let first_pixel = (band.image * conv.output[0] + band.row) * conv.output[1] + band.column;
        let tail = if whole < filters {
            pixels * width::<F>()
        } else {
            0
        };
        with_scratch(copied, |room: &mut [F]| {
            let source = Source::new(x, (band.image, band.images), &window, room);
            with_scratch(band.images * band.rows, |lines: &mut [Segment]| {
                for (i, line) in lines.iter_mut().enumerate() {
                    let (image, row) = (i / band.rows, i % band.rows);
                    let at = image * source.plane_step + row * conv.strides[0] * source.row_step;
                    *line = [at, columns];
                }
                with_scratch(tail, |tail: &mut [F]| {
                    for group in 0..conv.groups {
                        let dy = Matrix::new(
                            &dy[first_pixel * conv.filters + group * filters..],
                            conv.filters,
                        );
                        if whole < filters {
                            pack_panel(dy, false, whole, filters, tail);
                        }
                        let strip = BlockB {
                            first: dy.values.as_ptr(),
                            step: conv.filters,
                            next: width::<F>(),
                        };
                        let mut row = 0;
                        for &[start, len] in segments.as_slice() {
                            let at = start + group * conv.group_channels();
                            let block = Block {
                                rows: len,
                                columns: filters,
                                segments: lines,
                                a: BlockA::Columns {
                                    first: source.first.wrapping_add(at),
                                    step: conv.strides[1] * conv.channels,
                                },
                                b: strip,
                                c: dw[row * conv.filters + group * filters..].as_mut_ptr(),
                                ldc: conv.filters,
                                beta,
                                bias: None,
                                relu: false,
                            };
                            // SAFETY: the window holds what every point of the kernel sees at the band's pixels, dy has a
                            // row for each of them (whole vectors are read, the rest is packed), and dw is ours alone.
                            unsafe { block.run_with_rest(tail.as_ptr()) };
                            row += len;
                        }
                    }
                });
            });
        });
    }
}
