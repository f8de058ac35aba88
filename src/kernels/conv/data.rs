//! The gradient by the image.
//!
//! Pixel u sees the output at `(u + p - a*d) / s` wherever that is whole. Pixels with the same `q = (u + p) mod s` (a phase) see the
//! same points a of the kernel: those with `a*d = q + s*m`. With the phase's first pixel u', its j-th pixel `u' + j*s`, and
//! `o = (u' + p - q) / s`, the output they see is `o + j - m`: a convolution of dy with stride 1, for each phase
//! its own. This is how strided convolutions are transposed without multiplying by zeros. Rows of points that a row of pixels
//! sees beyond dy are left out; columns there are zeros of a copy.

use super::window::{Band, Bands, Segments, Source, Window};
use super::{CHUNK_WORK, Conv2d, Shared, depthwise, few_channels, small_groups, winograd};
use crate::kernels::gemm::{
    Block, BlockA, BlockB, Matrix, PackedB, RowMap, Segment, pack_panel, width,
};
use crate::kernels::scratch::with_scratch;
use crate::parallel;
use crate::real::Real;

/// Columns of a band below which all its rows see all points, zeros or not: single lines would make tiles too small.
const MIN_COLUMNS: usize = 8;

/// `dx = beta * dx + ` what each pixel gave to the outputs times the gradient by them. dx is not read where `beta` is 0.
///
/// # Panics
/// If a length does not fit the sizes.
pub fn backward_data<F: Real>(conv: &Conv2d, dy: &[F], kernel: &[F], beta: F, dx: &mut [F]) {
    conv.check(dx.len(), kernel.len(), dy.len());
    let conv = &conv.in_a_line();
    if conv.is_empty() || kernel.is_empty() {
        for dx in dx {
            *dx = if beta == F::ZERO { F::ZERO } else { *dx * beta };
        }
        return;
    }
    if conv.is_depthwise() {
        return depthwise::backward_data(conv, dy, kernel, beta, dx);
    }
    let in_f32 = conv.winograd_data() || conv.has_small_groups();
    if in_f32
        && let (Some(dy), Some(kernel), Some(dx)) =
            (F::as_f32(dy), F::as_f32(kernel), F::as_f32_mut(dx))
    {
        let way = if conv.has_small_groups() {
            small_groups::backward_data
        } else {
            winograd::backward_data
        };
        return way(conv, dy, kernel, beta.f64() as f32, dx);
    }
    if conv.has_few_channels::<F>() {
        return few_channels::backward_data(conv, dy, kernel, beta, dx);
    }
    let (channels, filters) = (conv.group_channels(), conv.group_filters());
    let num_phases = conv.strides[0] * conv.strides[1];
    let grid = [0, 1].map(|axis| conv.input[axis].div_ceil(conv.strides[axis]));
    let pixels = (conv.batch * grid[0] * grid[1] / 16).clamp(48, 192);
    let bands = Bands::new(conv.batch, grid, pixels);
    let sources = Sources::new(conv, bands.columns, grid);
    let room = Segments::room(conv.taps(), filters);
    with_scratch(
        num_phases * (conv.kernel[0] + 1),
        |lines: &mut [[usize; 3]]| {
            with_scratch(room, |list: &mut [Segment]| {
                let packed_group = PackedB::<F>::len(conv.taps() * filters, channels);
                with_scratch(conv.groups * packed_group, |packed: &mut [F]| {
                    let mut segments = Segments::new(list);
                    let mut tap_rows = 0;
                    for (index, lines) in lines.chunks_exact_mut(conv.kernel[0] + 1).enumerate() {
                        let q = [index / conv.strides[1], index % conv.strides[1]];
                        // From the last point of the kernel to the first: so they go through dy in its order.
                        let seen = (0..conv.kernel[0]).rev();
                        let seen = seen.filter_map(|a| conv.lag(0, q[0], a));
                        let mut count = 0;
                        for m0 in seen {
                            let first = segments.len();
                            lines[count] = [m0, first, tap_rows];
                            count += 1;
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
                        lines[count..].fill([usize::MAX, segments.len(), tap_rows]);
                    }
                    pack_kernel(conv, kernel, num_phases, packed);
                    let job = Job {
                        conv,
                        dy,
                        packed,
                        lines,
                        segments: &segments,
                        sources,
                        beta,
                        dx: Shared(dx.as_mut_ptr()),
                    };
                    job.run(&bands, pixels);
                });
            });
        },
    );
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
fn pack_kernel<F: Real>(conv: &Conv2d, kernel: &[F], num_phases: usize, packed: &mut [F]) {
    let (channels, filters) = (conv.group_channels(), conv.group_filters());
    let depth = conv.taps() * filters;
    let panels = channels.div_ceil(width::<F>());
    // Panel by panel: [group][panel][phase and tap][filter][lane].
    parallel::for_each_chunk_mut(packed, depth * width::<F>(), |index, panel| {
        let (group, column) = (index / panels, index % panels * width::<F>());
        let mut taps = panel.chunks_exact_mut(filters * width::<F>());
        for phase in 0..num_phases {
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
    /// Whether all of it lies within dy.
    inside: bool,
}

impl Sources {
    /// For bands of so many columns, of so many pixels in each phase.
    fn new(conv: &Conv2d, band_columns: usize, pixels: [usize; 2]) -> Self {
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
            inside: (0..2)
                .all(|axis| lag[axis] == 0 && high[axis] + pixels[axis] <= conv.output[axis]),
        }
    }
}

/// Points that pixels see: their segments, and their first row of the packed kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    from: usize,
    to: usize,
    row: usize,
}

struct Job<'a, F> {
    conv: &'a Conv2d,
    dy: &'a [F],
    packed: &'a [F],
    /// For each phase the lines of points that belong to it, and then what comes after them: m, the first segment, the
    /// first row of the packed kernel.
    lines: &'a [[usize; 3]],
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
                let copied = if self.sources.inside {
                    0
                } else {
                    band.images * window.plane()
                };
                with_scratch(copied, |room: &mut [F]| {
                    let source = Source::new(self.dy, (band.image, band.images), &window, room);
                    for phase in 0..conv.strides[0] * conv.strides[1] {
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
        let depth = conv.taps() * filters;
        let start = (o_row - self.sources.low[0]) * source.row_step
            + (o_column - self.sources.low[1]) * conv.filters
            + group * filters;
        let packed = group * PackedB::<F>::len(depth, channels);
        let seen = |row: usize| self.seen(phase, o_row + band.row + row);
        let block = |image: usize, row: usize, pixels: usize, seen: Seen, map: RowMap| {
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
                segments: &self.segments.as_slice()[seen.from..seen.to],
                a: BlockA::Rows {
                    first: source.first.wrapping_add(at),
                    map,
                },
                b: BlockB {
                    first: self
                        .packed
                        .as_ptr()
                        .wrapping_add(packed + seen.row * width::<F>()),
                    step: width::<F>(),
                    next: depth * width::<F>(),
                },
                c: self.dx.at(pixel * conv.channels + group * channels),
                ldc: conv.strides[1] * conv.channels,
                beta: self.beta,
                bias: None,
                relu: false,
            }
        };
        if conv.strides != [1, 1] {
            for image in 0..band.images {
                for row in 0..rows {
                    let map = RowMap::strided(conv.filters);
                    let line = block(image, row, columns, seen(row), map);
                    // SAFETY: the window holds all that the band's pixels see (the lag of a point is at most the largest),
                    // the packed kernel has a row for each place of the segments, and the band's pixels, here one line of
                    // them that are a stride apart, are written by this piece alone.
                    unsafe { line.run_deep() };
                }
            }
            return;
        }
        let map = |rows: usize| source.pixels(rows, columns, [1, 1], conv.filters);
        let like = |first: usize| {
            (first..rows)
                .take_while(|&row| seen(row) == seen(first))
                .count()
        };
        if columns < MIN_COLUMNS || like(0) == rows {
            let all = if like(0) == rows {
                seen(0)
            } else {
                self.all(phase)
            };
            let whole = block(0, 0, band.images * rows * columns, all, map(rows));
            // SAFETY: as above.
            unsafe { whole.run_deep() };
            return;
        }
        for image in 0..band.images {
            let mut row = 0;
            while row < rows {
                let taken = like(row);
                let lines = block(image, row, taken * columns, seen(row), map(taken));
                // SAFETY: as above.
                unsafe { lines.run_deep() };
                row += taken;
            }
        }
    }

    /// The lines of points of a phase.
    fn lines(&self, phase: usize) -> &[[usize; 3]] {
        let count = self.conv.kernel[0] + 1;
        &self.lines[phase * count..][..count]
    }

    /// All points of a phase.
    fn all(&self, phase: usize) -> Seen {
        let lines = self.lines(phase);
        let ([_, from, row], [_, to, _]) = (lines[0], lines[lines.len() - 1]);
        Seen { from, to, row }
    }

    /// The points with which pixels see something of dy, if they would see row `i` of it with an m of 0.
    fn seen(&self, phase: usize, i: usize) -> Seen {
        let lines = self.lines(phase);
        let known = lines.partition_point(|&[m0, ..]| m0 != usize::MAX);
        // m goes down along the lines.
        let first = lines[..known].partition_point(|&[m0, ..]| m0 > i);
        let last = lines[..known].partition_point(|&[m0, ..]| m0 + self.conv.output[0] > i);
        let ([_, from, row], [_, to, _]) = (lines[first], lines[last.max(first)]);
        Seen { from, to, row }
    }
}
