//! The gradient by the image.
//!
//! Pixel u sees the output at `(u + p - a*d) / s` wherever that is whole. Pixels with the same `q = (u + p) mod s` (a phase) see the
//! same points a of the kernel: those with `a*d = q + s*m`. With the phase's first pixel u', its j-th pixel `u' + j*s`, and
//! `o = (u' + p - q) / s`, the output they see is `o + j - m`: a convolution of dy with stride 1, for each phase
//! its own. This is how strided convolutions are transposed without multiplying by zeros.

use super::window::{Band, Bands, Segments, Source, Window};
use super::{CHUNK_WORK, Conv2d, Shared, depthwise, winograd};
use crate::kernels::gemm::{
    Block, BlockA, BlockB, Matrix, PackedB, RowMap, Segment, pack_panel, width,
};
use crate::kernels::scratch::with_scratch;
use crate::parallel;
use crate::real::Real;

/// `dx = beta * dx + ` what each pixel gave to the outputs times the gradient by them. dx is not read where `beta` is 0.
///
/// # Panics
/// If a length does not fit the sizes.
pub fn backward_data<F: Real>(conv: &Conv2d, dy: &[F], kernel: &[F], beta: F, dx: &mut [F]) {
    conv.check(dx.len(), kernel.len(), dy.len());
    if conv.is_empty() || kernel.is_empty() {
        for dx in dx {
            *dx = if beta == F::ZERO { F::ZERO } else { *dx * beta };
        }
        return;
    }
    if conv.is_depthwise() {
        return depthwise::backward_data(conv, dy, kernel, beta, dx);
    }
    if conv.winograd_data()
        && let (Some(dy), Some(kernel), Some(dx)) =
            (F::as_f32(dy), F::as_f32(kernel), F::as_f32_mut(dx))
    {
        return winograd::backward_data(conv, dy, kernel, beta.f64() as f32, dx);
    }
    let (channels, filters) = (conv.group_channels(), conv.group_filters());
    let num_phases = conv.strides[0] * conv.strides[1];
    let grid = [0, 1].map(|axis| conv.input[axis].div_ceil(conv.strides[axis]));
    let pixels = (conv.batch * grid[0] * grid[1] / 16).clamp(48, 192);
    let bands = Bands::new(conv.batch, grid, pixels);
    let sources = Sources::new(conv, bands.columns);
    let room = Segments::room(conv.taps(), filters);
    with_scratch(num_phases, |phases: &mut [[usize; 4]]| {
        with_scratch(room, |list: &mut [Segment]| {
            let packed_group = PackedB::<F>::len(conv.taps() * filters, channels);
            with_scratch(conv.groups * packed_group, |packed: &mut [F]| {
                let mut segments = Segments::new(list);
                let mut tap_rows = 0;
                for (index, phase) in phases.iter_mut().enumerate() {
                    let q = [index / conv.strides[1], index % conv.strides[1]];
                    let (first, first_row) = (segments.len(), tap_rows);
                    // From the last point of the kernel to the first: so they go through dy in its order.
                    for a in (0..conv.kernel[0]).rev() {
                        let Some(m0) = conv.lag(0, q[0], a) else {
                            continue;
                        };
                        for b in (0..conv.kernel[1]).rev() {
                            let Some(m1) = conv.lag(1, q[1], b) else {
                                continue;
                            };
                            let pixel =
                                (sources.lag[0] - m0) * sources.columns + sources.lag[1] - m1;
                            segments.push(first, pixel * conv.filters, filters);
                            tap_rows += filters;
                        }
                    }
                    *phase = [first, segments.len(), first_row, tap_rows];
                }
                pack_kernel(conv, kernel, phases, packed);
                let job = Job {
                    conv,
                    dy,
                    packed,
                    phases,
                    segments: &segments,
                    sources,
                    beta,
                    dx: Shared(dx.as_mut_ptr()),
                };
                job.run(&bands, pixels);
            });
        });
    });
}

impl Conv2d {
    /// The m of point `a` in phase `q`, if it belongs to it.
    pub(super) fn lag(&self, axis: usize, q: usize, a: usize) -> Option<usize> {
        let (at, stride) = (a * self.dilation[axis], self.strides[axis]);
        (at % stride == q).then(|| at / stride)
    }

    /// The first pixel of phase `q`, the number of its pixels, and its o.
    pub(super) fn phase(&self, axis: usize, q: usize) -> (usize, usize, usize) {
        let (stride, padding) = (self.strides[axis], self.padding[axis]);
        let first = (q + stride - padding % stride) % stride;
        let count = self.input[axis].saturating_sub(first).div_ceil(stride);
        (first, count, (first + padding - q) / stride)
    }
}

/// Packs the kernel phase after phase: in each, points from last to first, filters as k and channels as columns.
fn pack_kernel<F: Real>(conv: &Conv2d, kernel: &[F], phases: &[[usize; 4]], packed: &mut [F]) {
    let (channels, filters) = (conv.group_channels(), conv.group_filters());
    let depth = conv.taps() * filters;
    let panels = channels.div_ceil(width::<F>());
    // Panel by panel: [group][panel][phase and tap][filter][lane].
    parallel::for_each_chunk_mut(packed, depth * width::<F>(), |index, panel| {
        let (group, column) = (index / panels, index % panels * width::<F>());
        let mut taps = panel.chunks_exact_mut(filters * width::<F>());
        for phase in 0..phases.len() {
            let q = [phase / conv.strides[1], phase % conv.strides[1]];
            for a in (0..conv.kernel[0])
                .rev()
                .filter(|&a| conv.lag(0, q[0], a).is_some())
            {
                for b in (0..conv.kernel[1])
                    .rev()
                    .filter(|&b| conv.lag(1, q[1], b).is_some())
                {
                    let at = (a * conv.kernel[1] + b) * channels * conv.filters;
                    let tap = Matrix::new(&kernel[at + group * filters..], conv.filters);
                    if let Some(to) = taps.next() {
                        pack_panel(tap, true, column, channels, to);
                    }
                }
            }
        }
    });
}

/// The part of dy that all phases of a band see.
#[derive(Clone, Copy)]
struct Sources {
    /// The largest m.
    lag: [usize; 2],
    /// The smallest and the largest o.
    low: [usize; 2],
    high: [usize; 2],
    /// Columns of the window.
    columns: usize,
}

impl Sources {
    /// For bands of so many columns.
    fn new(conv: &Conv2d, band_columns: usize) -> Self {
        let origins = |axis: usize| (0..conv.strides[axis]).map(move |q| conv.phase(axis, q).2);
        let low = [0, 1].map(|axis| origins(axis).min().unwrap_or(0));
        let high = [0, 1].map(|axis| origins(axis).max().unwrap_or(0));
        let lag =
            [0, 1].map(|axis| (conv.kernel[axis] - 1) * conv.dilation[axis] / conv.strides[axis]);
        Self {
            lag,
            low,
            high,
            columns: high[1] - low[1] + band_columns + lag[1],
        }
    }
}

struct Job<'a, F> {
    conv: &'a Conv2d,
    dy: &'a [F],
    packed: &'a [F],
    phases: &'a [[usize; 4]],
    segments: &'a Segments<'a>,
    sources: Sources,
    beta: F,
    dx: Shared<F>,
}

impl<F: Real> Job<'_, F> {
    fn run(&self, bands: &Bands, pixels: usize) {
        let conv = self.conv;
        let together = (CHUNK_WORK / (pixels * conv.pixel_work()).max(1)).max(1);
        parallel::for_each_chunk(bands.count(), together, |range| {
            for band in range.map(|index| bands.get(index)) {
                let Sources { lag, low, high, .. } = self.sources;
                let window = Window {
                    size: conv.output,
                    channels: conv.filters,
                    first: [
                        (low[0] + band.row) as isize - lag[0] as isize,
                        (low[1] + band.column) as isize - lag[1] as isize,
                    ],
                    extent: [high[0] - low[0] + band.rows + lag[0], self.sources.columns],
                };
                with_scratch(band.images * window.plane(), |room: &mut [F]| {
                    let source = Source::new(self.dy, (band.image, band.images), &window, room);
                    for phase in 0..self.phases.len() {
                        for group in 0..conv.groups {
                            self.phase(band, source, phase, group);
                        }
                    }
                });
            }
        });
    }

    /// The pixels of one phase and group in a band.
    fn phase(&self, band: Band, source: Source<F>, phase: usize, group: usize) {
        let conv = self.conv;
        let (channels, filters) = (conv.group_channels(), conv.group_filters());
        let q = [phase / conv.strides[1], phase % conv.strides[1]];
        let (first_row, num_rows, o_row) = conv.phase(0, q[0]);
        let (first_column, num_columns, o_column) = conv.phase(1, q[1]);
        let rows = band.rows.min(num_rows.saturating_sub(band.row));
        let columns = band.columns.min(num_columns.saturating_sub(band.column));
        if rows == 0 || columns == 0 {
            return;
        }
        let [from, to, row_start, _] = self.phases[phase];
        let depth = conv.taps() * filters;
        let start = (o_row - self.sources.low[0]) * source.row_step
            + (o_column - self.sources.low[1]) * conv.filters
            + group * filters;
        let b = BlockB {
            first: self.packed.as_ptr().wrapping_add(
                group * PackedB::<F>::len(depth, channels) + row_start * width::<F>(),
            ),
            step: width::<F>(),
            next: depth * width::<F>(),
        };
        let block = |image: usize, row: usize, pixels: usize, map: RowMap| {
            let at = start + image * source.plane_step + row * source.row_step;
            let pixel = ((band.image + image) * conv.input[0]
                + first_row
                + (band.row + row) * conv.strides[0])
                * conv.input[1]
                + first_column
                + band.column * conv.strides[1];
            Block {
                rows: pixels,
                columns: channels,
                segments: &self.segments.as_slice()[from..to],
                a: BlockA::Rows {
                    first: source.first.wrapping_add(at),
                    map,
                },
                b,
                c: self.dx.at(pixel * conv.channels + group * channels),
                ldc: conv.strides[1] * conv.channels,
                beta: self.beta,
                bias: None,
                relu: false,
            }
        };
        if conv.strides == [1, 1] {
            let map = source.pixels(rows, columns, [1, 1], conv.filters);
            let whole = block(0, 0, band.images * rows * columns, map);
            // SAFETY: the window holds all that the band's pixels see (the lag of a point is at most the largest), the packed
            // kernel has a row for each place of the segments, and the band's pixels are written by this piece alone.
            unsafe { whole.run_deep() };
            return;
        }
        for image in 0..band.images {
            for row in 0..rows {
                let line = block(image, row, columns, RowMap::strided(conv.filters));
                // SAFETY: as above, for one line of pixels that are a stride apart.
                unsafe { line.run_deep() };
            }
        }
    }
}
