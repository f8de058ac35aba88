//! Convolutions of groups of two, four or eight channels and as many filters, at stride 1.
//!
//! A group fills a part of a vector only, so a vector takes the channels of several groups side by side. The filters of a group
//! see all of its channels: for each channel of the group in turn, a permutation puts it into all lanes of the group,
//! and it is multiplied for each point of a row of the kernel that sees it, so that one permutation serves several products.
//!
//! The gradient by the image is the same convolution, of dy with the kernel turned round. That by the kernel keeps the sums of a
//! row of points in registers while a band of pixels passes by.

#![expect(
    clippy::needless_range_loop,
    reason = "adapters over arrays of vectors may stay calls, with every vector going through memory"
)]

use super::weights::{add_in_order, cut};
use super::window::{Band, Bands, Source};
use super::{CHUNK_WORK, Conv2d, Shared};
use crate::kernels::gemm::Epilogue;
use crate::kernels::scratch::with_scratch;
use crate::kernels::simd::{Isa, Kernel, LANES, Lanes, Simd, dispatch};
use crate::parallel;

/// Pixels of a band of the gradient by the kernel.
const PIXELS: usize = 512;
/// Channels of a group at most.
const MAX_SIZE: usize = 8;

impl Conv2d {
    /// Whether this way is the faster one.
    pub(super) fn has_small_groups(&self) -> bool {
        self.groups > 1
            && self.group_channels() == self.group_filters()
            && matches!(self.group_channels(), 2 | 4 | MAX_SIZE)
            && matches!(self.kernel[1], 1 | 3 | 5)
            && self.strides == [1, 1]
            && self.dilation[1] == 1
            && (0..2)
                .all(|axis| self.padding[axis] <= (self.kernel[axis] - 1) * self.dilation[axis])
    }

    /// Calls `work` with what a band sees.
    fn with_source(&self, x: &[f32], bands: &Bands, band: Band, work: impl FnOnce(Source<f32>)) {
        let window = self.window(band, bands.columns);
        let copied = if self.sees_border() {
            band.images * window.plane()
        } else {
            0
        };
        with_scratch(copied, |room: &mut [f32]| {
            work(Source::new(x, (band.image, band.images), &window, room));
        });
    }

    /// The first element of the output that a band has.
    fn first_output(&self, band: Band) -> usize {
        ((band.image * self.output[0] + band.row) * self.output[1] + band.column) * self.filters
    }
}

/// [`super::forward`] where [`Conv2d::has_small_groups`].
pub(super) fn forward(
    conv: &Conv2d,
    x: &[f32],
    kernel: &[f32],
    epilogue: Epilogue<'_, f32>,
    beta: f32,
    y: &mut [f32],
) {
    let pixels = (conv.batch * conv.output[0] * conv.output[1] / 16).clamp(48, 192);
    let bands = Bands::new(conv.batch, conv.output, pixels);
    let together = (CHUNK_WORK / (pixels * conv.pixel_work()).max(1)).max(1);
    let y = Shared(y.as_mut_ptr());
    parallel::for_each_chunk(bands.count(), together, |range| {
        for band in range.map(|index| bands.get(index)) {
            conv.with_source(x, &bands, band, |source| {
                dispatch(Sums {
                    conv,
                    band,
                    source,
                    kernel,
                    epilogue,
                    beta,
                    y: y.at(conv.first_output(band)),
                });
            });
        }
    });
}

/// [`super::backward_data`] where [`Conv2d::has_small_groups`].
pub(super) fn backward_data(conv: &Conv2d, dy: &[f32], kernel: &[f32], beta: f32, dx: &mut [f32]) {
    let turned = Conv2d {
        input: conv.output,
        output: conv.input,
        padding: [0, 1]
            .map(|axis| (conv.kernel[axis] - 1) * conv.dilation[axis] - conv.padding[axis]),
        ..*conv
    };
    let size = conv.group_channels();
    with_scratch(kernel.len(), |room: &mut [f32]| {
        let point = size * conv.filters;
        for (to, from) in room
            .chunks_exact_mut(point)
            .zip(kernel.chunks_exact(point).rev())
        {
            // Each group's square of channels by filters is transposed.
            for (i, row) in to.chunks_exact_mut(conv.filters).enumerate() {
                for (j, to) in row.iter_mut().enumerate() {
                    *to = from[j % size * conv.filters + j / size * size + i];
                }
            }
        }
        forward(&turned, dy, room, Epilogue::default(), beta, dx);
    });
}

/// [`super::backward_weights`] where [`Conv2d::has_small_groups`].
pub(super) fn backward_weights(conv: &Conv2d, x: &[f32], dy: &[f32], beta: f32, dw: &mut [f32]) {
    let bands = Bands::new(conv.batch, conv.output, PIXELS);
    let (parts, chunk) = cut(bands.count(), conv.work(), dw.len());
    with_scratch(parts * dw.len(), |partials: &mut [f32]| {
        parallel::for_each_chunk_mut(partials, dw.len(), |index, partial| {
            partial.fill(0.0);
            for index in index * chunk..bands.count().min((index + 1) * chunk) {
                let band = bands.get(index);
                conv.with_source(x, &bands, band, |source| {
                    dispatch(Slopes {
                        conv,
                        band,
                        source,
                        dy: dy[conv.first_output(band)..].as_ptr(),
                        dw: partial.as_mut_ptr(),
                    });
                });
            }
        });
        add_in_order(partials, beta, dw);
    });
}

/// For channel c of the groups, where each lane finds it.
#[inline(always)]
fn places<S: Simd>(s: S, size: usize) -> [S::I; MAX_SIZE] {
    let mut first = [0.0; LANES];
    for lane in 0..LANES {
        first[lane] = f32::from_bits((lane / size * size) as u32);
    }
    let first = s.bits(s.load(&first));
    let mut places = [first; MAX_SIZE];
    for c in 0..MAX_SIZE {
        places[c] = s.or_i32(first, s.splat_i32((c % size) as i32));
    }
    places
}

/// # Safety
/// `from` points to `lanes` readable numbers.
#[inline(always)]
unsafe fn read<S: Simd, const WHOLE: bool>(s: S, from: *const f32, lanes: usize) -> S::F {
    // SAFETY: as the caller vouches.
    unsafe {
        if WHOLE {
            <S as Lanes<f32>>::read(s, from)
        } else {
            <S as Lanes<f32>>::read_first(s, from, lanes)
        }
    }
}

/// `y = relu(beta * y + conv(x, kernel) + bias)` for a band of pixels.
struct Sums<'a> {
    conv: &'a Conv2d,
    band: Band,
    source: Source<f32>,
    kernel: &'a [f32],
    epilogue: Epilogue<'a, f32>,
    beta: f32,
    /// The band's first pixel; other threads write other bands.
    y: *mut f32,
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let places = places(s, self.conv.group_channels());
        for vector in (0..self.conv.filters).step_by(LANES) {
            let lanes = LANES.min(self.conv.filters - vector);
            // SAFETY: the source holds what the band's pixels see, y these pixels, which are ours.
            unsafe {
                match (self.conv.kernel[1], lanes) {
                    (1, LANES) => self.lines::<S, 1, true>(s, vector, lanes, &places),
                    (3, LANES) => self.lines::<S, 3, true>(s, vector, lanes, &places),
                    (_, LANES) => self.lines::<S, 5, true>(s, vector, lanes, &places),
                    (1, _) => self.lines::<S, 1, false>(s, vector, lanes, &places),
                    (3, _) => self.lines::<S, 3, false>(s, vector, lanes, &places),
                    _ => self.lines::<S, 5, false>(s, vector, lanes, &places),
                }
            }
        }
    }
}

impl Sums<'_> {
    /// All pixels of the band, `lanes` channels from `vector` on.
    ///
    /// # Safety
    /// The source holds what the pixels see; y has the pixels, which nobody else uses.
    #[inline(always)]
    unsafe fn lines<S: Simd, const POINTS: usize, const WHOLE: bool>(
        &self,
        s: S,
        vector: usize,
        lanes: usize,
        places: &[S::I; MAX_SIZE],
    ) {
        let (band, [height, width]) = (self.band, self.conv.output);
        let at = (vector, lanes);
        for image in 0..band.images {
            for row in 0..band.rows {
                let from = image * self.source.plane_step + row * self.source.row_step + vector;
                let from = self.source.first.wrapping_add(from);
                let to = (image * height + row) * width * self.conv.filters + vector;
                let to = self.y.wrapping_add(to);
                let mut j = 0;
                // SAFETY: as the caller vouches.
                unsafe {
                    if S::ISA == Isa::Avx512 {
                        while j + 8 <= band.columns {
                            self.tile::<S, POINTS, 8, WHOLE>(s, (from, to), j, at, places);
                            j += 8;
                        }
                    }
                    while j + 4 <= band.columns {
                        self.tile::<S, POINTS, 4, WHOLE>(s, (from, to), j, at, places);
                        j += 4;
                    }
                    while j + 2 <= band.columns {
                        self.tile::<S, POINTS, 2, WHOLE>(s, (from, to), j, at, places);
                        j += 2;
                    }
                    if j < band.columns {
                        self.tile::<S, POINTS, 1, WHOLE>(s, (from, to), j, at, places);
                    }
                }
            }
        }
    }

    /// `PIXELS` pixels of a line from pixel `j` on.
    ///
    /// # Safety
    /// As [`Sums::lines`].
    #[inline(always)]
    unsafe fn tile<S: Simd, const POINTS: usize, const PIXELS: usize, const WHOLE: bool>(
        &self,
        s: S,
        (from, to): (*const f32, *mut f32),
        j: usize,
        (vector, lanes): (usize, usize),
        places: &[S::I; MAX_SIZE],
    ) {
        let Conv2d {
            channels, filters, ..
        } = *self.conv;
        let size = self.conv.group_channels();
        let mut sums = [s.zero(); PIXELS];
        // SAFETY: as the caller vouches; the kernel has a row of filters for each point and channel of a group.
        unsafe {
            for a in 0..self.conv.kernel[0] {
                let line = a * self.conv.dilation[0] * self.source.row_step + j * channels;
                let line = from.wrapping_add(line);
                for (c, &place) in places[..size].iter().enumerate() {
                    let mut points = [s.zero(); POINTS];
                    for b in 0..POINTS {
                        let row = (a * POINTS + b) * size + c;
                        let row = self.kernel.as_ptr().add(row * filters + vector);
                        points[b] = read::<S, WHOLE>(s, row, lanes);
                    }
                    for p in 0..PIXELS + POINTS - 1 {
                        let x = read::<S, WHOLE>(s, line.wrapping_add(p * channels), lanes);
                        let x = s.shuffle(x, place);
                        for b in 0..POINTS {
                            if p >= b && p - b < PIXELS {
                                sums[p - b] = s.fma(x, points[b], sums[p - b]);
                            }
                        }
                    }
                }
            }
            for p in 0..PIXELS {
                let to = to.wrapping_add((j + p) * filters);
                let mut sum = sums[p];
                if self.beta != 0.0 {
                    let old = read::<S, WHOLE>(s, to, lanes);
                    sum = s.fma(s.splat(self.beta), old, sum);
                }
                if let Some(bias) = self.epilogue.bias {
                    sum = s.add(sum, read::<S, WHOLE>(s, bias[vector..].as_ptr(), lanes));
                }
                if self.epilogue.relu {
                    sum = s.max(s.zero(), sum);
                }
                <S as Lanes<f32>>::write_first(s, to, lanes, sum);
            }
        }
    }
}

/// `dw += ` the sum over a band of pixels.
struct Slopes<'a> {
    conv: &'a Conv2d,
    band: Band,
    source: Source<f32>,
    /// The band's first pixel.
    dy: *const f32,
    dw: *mut f32,
}

impl Kernel for Slopes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let size = self.conv.group_channels();
        let places = places(s, size);
        // As many sums as there are registers for.
        let most = match (S::ISA, self.conv.kernel[1]) {
            (Isa::Avx512, 5) => 4,
            (Isa::Avx512, _) => 8,
            _ => 1,
        };
        for vector in (0..self.conv.filters).step_by(LANES) {
            for a in 0..self.conv.kernel[0] {
                for c in (0..size).step_by(most) {
                    let at = [vector, a, c];
                    // SAFETY: the source holds what the band's pixels see, dy these pixels; dw is ours.
                    unsafe {
                        match most.min(size) {
                            8 => self.points::<S, 8>(s, at, &places),
                            4 => self.points::<S, 4>(s, at, &places),
                            2 => self.points::<S, 2>(s, at, &places),
                            _ => self.points::<S, 1>(s, at, &places),
                        }
                    }
                }
            }
        }
    }
}

impl Slopes<'_> {
    /// A row of points for `CHANNELS` channels of each group.
    ///
    /// # Safety
    /// The source holds what the pixels see, dy has the pixels; nobody else uses dw.
    #[inline(always)]
    unsafe fn points<S: Simd, const CHANNELS: usize>(
        &self,
        s: S,
        at: [usize; 3],
        places: &[S::I; MAX_SIZE],
    ) {
        let is_whole = self.conv.filters - at[0] >= LANES;
        // SAFETY: as the caller vouches.
        unsafe {
            match (self.conv.kernel[1], is_whole) {
                (1, true) => self.add::<S, CHANNELS, 1, true>(s, at, places),
                (3, true) => self.add::<S, CHANNELS, 3, true>(s, at, places),
                (_, true) => self.add::<S, CHANNELS, 5, true>(s, at, places),
                (1, false) => self.add::<S, CHANNELS, 1, false>(s, at, places),
                (3, false) => self.add::<S, CHANNELS, 3, false>(s, at, places),
                (_, false) => self.add::<S, CHANNELS, 5, false>(s, at, places),
            }
        }
    }

    /// # Safety
    /// As [`Slopes::points`].
    #[inline(always)]
    unsafe fn add<S: Simd, const CHANNELS: usize, const POINTS: usize, const WHOLE: bool>(
        &self,
        s: S,
        [vector, a, first]: [usize; 3],
        places: &[S::I; MAX_SIZE],
    ) {
        let Conv2d {
            channels, filters, ..
        } = *self.conv;
        let (band, [height, width]) = (self.band, self.conv.output);
        let lanes = LANES.min(filters - vector);
        let mut sums = [[s.zero(); POINTS]; CHANNELS];
        // SAFETY: as the caller vouches; dw has a row of filters for each point and channel of a group.
        unsafe {
            for line in 0..band.images * band.rows {
                let (image, row) = (line / band.rows, line % band.rows);
                let from = (row + a * self.conv.dilation[0]) * self.source.row_step;
                let from = image * self.source.plane_step + from + vector;
                let from = self.source.first.wrapping_add(from);
                let dy = (image * height + row) * width * filters + vector;
                let dy = self.dy.wrapping_add(dy);
                // The slopes of the pixels that see pixel p with each point.
                let mut slopes = [s.zero(); POINTS];
                for p in 0..band.columns + POINTS - 1 {
                    for b in (1..POINTS).rev() {
                        slopes[b] = slopes[b - 1];
                    }
                    slopes[0] = if p < band.columns {
                        read::<S, WHOLE>(s, dy.wrapping_add(p * filters), lanes)
                    } else {
                        s.zero()
                    };
                    let x = read::<S, WHOLE>(s, from.wrapping_add(p * channels), lanes);
                    for c in 0..CHANNELS {
                        let x = s.shuffle(x, places[first + c]);
                        for b in 0..POINTS {
                            sums[c][b] = s.fma(x, slopes[b], sums[c][b]);
                        }
                    }
                }
            }
            let size = self.conv.group_channels();
            for c in 0..CHANNELS {
                for b in 0..POINTS {
                    let row = (a * POINTS + b) * size + first + c;
                    let to = self.dw.add(row * filters + vector);
                    let sum = s.add(read::<S, WHOLE>(s, to, lanes), sums[c][b]);
                    <S as Lanes<f32>>::write_first(s, to, lanes, sum);
                }
            }
        }
    }
}
