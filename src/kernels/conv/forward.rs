//! The convolution itself.

use super::window::{Band, Bands, Segments, Source, Window};
use super::{CHUNK_WORK, Conv2d, Shared, depthwise, small_groups, winograd};
use crate::kernels::gemm::{
    Block, BlockA, BlockB, Epilogue, Matrix, PackedB, Segment, pack_b, width,
};
use crate::kernels::scratch::with_scratch;
use crate::parallel;
use crate::real::Real;

/// What it takes to sum the lanes of a vector, in vectors that are multiplied.
const DOT_COST: usize = 12;

/// `y = relu(beta * y + conv(x, kernel) + bias)`: bias and ReLU as the epilogue says; y is not read where `beta` is 0.
///
/// # Panics
/// If a length does not fit the sizes.
pub fn forward<F: Real>(
    conv: &Conv2d,
    x: &[F],
    kernel: &[F],
    epilogue: Epilogue<'_, F>,
    beta: F,
    y: &mut [F],
) {
    conv.check(x.len(), kernel.len(), y.len());
    let conv = &conv.in_a_line();
    assert!(epilogue.bias.is_none_or(|bias| bias.len() == conv.filters));
    if y.is_empty() {
        return;
    }
    if conv.is_depthwise() {
        return depthwise::forward(conv, x, kernel, epilogue, beta, y);
    }
    let in_f32 = conv.winograd_forward() || conv.has_small_groups();
    if in_f32
        && let (Some(x), Some(kernel), Some(y)) =
            (F::as_f32(x), F::as_f32(kernel), F::as_f32_mut(y))
    {
        let way = if conv.has_small_groups() {
            small_groups::forward
        } else {
            winograd::forward
        };
        let epilogue = Epilogue {
            bias: epilogue.bias.and_then(F::as_f32),
            relu: epilogue.relu,
        };
        return way(conv, x, kernel, epilogue, beta.f64() as f32, y);
    }
    let depth = conv.taps() * conv.group_channels();
    let packed_group = conv.packed_group::<F>();
    with_scratch(conv.groups * packed_group, |packed: &mut [F]| {
        for (group, packed) in packed.chunks_exact_mut(packed_group.max(1)).enumerate() {
            let columns = Matrix::new(&kernel[group * conv.group_filters()..], conv.filters);
            if conv.takes_dots::<F>() {
                for (i, to) in packed.iter_mut().enumerate() {
                    *to = columns.values[i % depth * columns.ld + i / depth]; // [filters, depth]
                }
            } else {
                pack_b(depth, conv.group_filters(), columns, false, packed);
            }
        }
        let room = Segments::room(conv.taps(), conv.group_channels());
        let pixels = (conv.batch * conv.output[0] * conv.output[1] / 16).clamp(48, 192);
        let bands = Bands::new(conv.batch, conv.output, pixels);
        with_scratch(room, |list: &mut [Segment]| {
            let segments = conv.segments(bands.columns, list);
            run(
                conv,
                x,
                packed,
                (&bands, pixels),
                &segments,
                (epilogue, beta),
                &Shared(y.as_mut_ptr()),
            );
        });
    });
}

impl Conv2d {
    /// Whether a group's filters would leave so much of a vector unused that channels are better laid along vectors, counted
    /// in vectors that are multiplied for a pixel.
    fn takes_dots<F>(&self) -> bool {
        let points = if self.groups == 1 && self.dilation[1] == 1 {
            self.kernel[1]
        } else {
            1
        };
        let segment = points * self.group_channels();
        let segments = self.taps() / points;
        let dots = self.group_filters() * (segments * segment.div_ceil(width::<F>()) + DOT_COST);
        let columns = segments * segment * self.group_filters().div_ceil(width::<F>());
        4 * dots <= 3 * columns
    }

    /// Elements of a group's packed kernel.
    fn packed_group<F: Real>(&self) -> usize {
        let (depth, filters) = (self.taps() * self.group_channels(), self.group_filters());
        if self.takes_dots::<F>() {
            depth * filters
        } else {
            PackedB::<F>::len(depth, filters)
        }
    }

    /// What an output pixel sees, relative to its first element, in the order of the kernel; in the window of bands of so many
    /// columns, if windows are copied.
    pub(super) fn segments<'a>(
        &self,
        band_columns: usize,
        list: &'a mut [Segment],
    ) -> Segments<'a> {
        let columns = if self.sees_border() {
            self.reach(1, band_columns)
        } else {
            self.input[1]
        };
        let mut segments = Segments::new(list);
        for a in 0..self.kernel[0] {
            for b in 0..self.kernel[1] {
                let pixel = a * self.dilation[0] * columns + b * self.dilation[1];
                segments.push(0, pixel * self.channels, self.group_channels());
            }
        }
        segments
    }

    /// What a band of the output sees, in windows wide enough for `band_columns` columns.
    pub(super) fn window(&self, band: Band, band_columns: usize) -> Window {
        let first = [band.row * self.strides[0], band.column * self.strides[1]];
        Window {
            size: self.input,
            channels: self.channels,
            first: [0, 1].map(|axis| first[axis] as isize - self.padding[axis] as isize),
            extent: [self.reach(0, band.rows), self.reach(1, band_columns)],
        }
    }
}

fn run<F: Real>(
    conv: &Conv2d,
    x: &[F],
    packed: &[F],
    (bands, pixels): (&Bands, usize),
    segments: &Segments<'_>,
    (epilogue, beta): (Epilogue<'_, F>, F),
    y: &Shared<F>,
) {
    let [height, columns] = conv.output;
    let (channels, filters) = (conv.group_channels(), conv.group_filters());
    let depth = conv.taps() * channels;
    let together = (CHUNK_WORK / (pixels * conv.pixel_work()).max(1)).max(1);
    parallel::for_each_chunk(bands.count(), together, |range| {
        for band in range.map(|index| bands.get(index)) {
            let window = conv.window(band, bands.columns);
            let copied = if conv.sees_border() {
                band.images * window.plane()
            } else {
                0
            };
            with_scratch(copied, |room: &mut [F]| {
                let source = Source::new(x, (band.image, band.images), &window, room);
                let first_pixel = (band.image * height + band.row) * columns + band.column;
                let takes_dots = conv.takes_dots::<F>();
                let (step, next) = if takes_dots {
                    (1, depth)
                } else {
                    (width::<F>(), depth * width::<F>())
                };
                for group in 0..conv.groups {
                    let column = group * filters;
                    let block = Block {
                        rows: band.images * band.rows * band.columns,
                        columns: filters,
                        segments: segments.as_slice(),
                        a: BlockA::Rows {
                            first: source.first.wrapping_add(group * channels),
                            map: source.pixels(
                                band.rows,
                                band.columns,
                                conv.strides,
                                conv.channels,
                            ),
                        },
                        b: BlockB {
                            first: packed
                                .as_ptr()
                                .wrapping_add(group * conv.packed_group::<F>()),
                            step,
                            next,
                        },
                        c: y.at(first_pixel * conv.filters + column),
                        ldc: conv.filters,
                        beta,
                        bias: epilogue.bias.map(|bias| bias[column..].as_ptr()),
                        relu: epilogue.relu,
                    };
                    // SAFETY: the window holds all that the band's pixels see, the packed kernel has a row for each place
                    // of the segments, and the band's pixels of y are written by this piece of work alone.
                    unsafe {
                        if takes_dots {
                            block.run_dots();
                        } else {
                            block.run_deep();
                        }
                    }
                }
            });
        }
    });
}
