//! The transforms of tiles and kernels, 16 channels at a time.

#![expect(
    clippy::needless_range_loop,
    reason = "adapters over arrays of vectors may stay calls, with every vector going through memory"
)]

use std::ops::Range;

use super::{PLACES, Tiles};
use crate::kernels::gemm::Epilogue;
use crate::kernels::simd::{Kernel, LANES, Lanes, Simd};

/// Images with their channels last.
#[derive(Clone, Copy)]
pub(super) struct Image<'a> {
    /// From the first channel that is read on.
    pub values: &'a [f32],
    pub size: [usize; 2],
    pub channels: usize,
    /// Channels that are read.
    pub taken: usize,
}

/// `B' d B` of tiles: `to[place][tile][channel]`.
pub(super) struct Input<'a> {
    pub image: Image<'a>,
    pub padding: [usize; 2],
    pub tiles: Tiles,
    pub range: Range<usize>,
    /// A zero for each channel: what lies outside.
    pub zeros: &'a [f32],
    pub to: &'a mut [f32],
    pub place_step: usize,
}

impl Kernel for Input<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Image {
            values,
            size: [height, width],
            channels,
            taken,
        } = self.image;
        let [down, across] = self.tiles.dilation;
        let count = self.range.len();
        assert!(self.zeros.len() >= taken && self.place_step >= count * taken);
        assert!(self.to.len() >= (PLACES - 1) * self.place_step + count * taken);
        for (tile, index) in self.range.enumerate() {
            let (image, [row, column]) = self.tiles.place(index);
            let mut from = [self.zeros.as_ptr(); PLACES];
            for (place, from) in from.iter_mut().enumerate() {
                // Wraps round above and to the left of the image, so one comparison tells.
                let u = (row + place / 4 * down).wrapping_sub(self.padding[0]);
                let v = (column + place % 4 * across).wrapping_sub(self.padding[1]);
                if u < height && v < width {
                    let pixel = (image * height + u) * width + v;
                    *from = values[pixel * channels..][..taken].as_ptr();
                }
            }
            let to = self.to[tile * taken..].as_mut_ptr();
            let mut c = 0;
            while c < taken {
                let lanes = LANES.min(taken - c);
                // SAFETY: every pointer is to `taken` numbers, and `to` has room for all planes (asserted above).
                unsafe {
                    let mut d = [s.zero(); PLACES];
                    for i in 0..PLACES {
                        d[i] = read(s, from[i].add(c), lanes);
                    }
                    let d = both_sides(|x| before(s, x), d);
                    for (i, &d) in d.iter().enumerate() {
                        write(s, to.add(i * self.place_step + c), lanes, d);
                    }
                }
                c += LANES;
            }
        }
    }
}

/// `A dy A'` of tiles: `to[place][tile][filter]`, rows padded with zeros to whole vectors.
pub(super) struct OutputGradient<'a> {
    pub image: Image<'a>,
    pub tiles: Tiles,
    pub range: Range<usize>,
    pub to: &'a mut [f32],
    /// Filters with the padding.
    pub row: usize,
    pub place_step: usize,
}

impl Kernel for OutputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Image {
            values,
            size: [height, width],
            channels,
            taken: filters,
        } = self.image;
        let [down, across] = self.tiles.dilation;
        let count = self.range.len();
        assert!(self.row >= filters && self.row.is_multiple_of(LANES));
        assert!(self.to.len() >= (PLACES - 1) * self.place_step + count * self.row);
        for (tile, index) in self.range.enumerate() {
            let (image, [row, column]) = self.tiles.place(index);
            let mut from = [None; 4];
            for (place, from) in from.iter_mut().enumerate() {
                let (u, v) = (row + place / 2 * down, column + place % 2 * across);
                if u < height && v < width {
                    let pixel = (image * height + u) * width + v;
                    *from = Some(values[pixel * channels..][..filters].as_ptr());
                }
            }
            let to = self.to[tile * self.row..].as_mut_ptr();
            let mut f = 0;
            while f < filters {
                let lanes = LANES.min(filters - f);
                // SAFETY: every pointer is to `filters` numbers, and `to` has room for all planes (asserted above).
                unsafe {
                    let mut d = [s.zero(); 4];
                    for i in 0..4 {
                        if let Some(from) = from[i] {
                            d[i] = read(s, from.add(f), lanes);
                        }
                    }
                    let (top, bottom) = (spread(s, [d[0], d[1]]), spread(s, [d[2], d[3]]));
                    for j in 0..4 {
                        let column = spread(s, [top[j], bottom[j]]);
                        for (i, &d) in column.iter().enumerate() {
                            write(s, to.add((4 * i + j) * self.place_step + f), LANES, d);
                        }
                    }
                }
                f += LANES;
            }
        }
    }
}

/// `A' m A` of tiles, and what an epilogue does to it.
pub(super) struct Output<'a> {
    pub from: &'a [f32],
    pub place_step: usize,
    pub tiles: Tiles,
    pub range: Range<usize>,
    pub size: [usize; 2],
    pub filters: usize,
    pub beta: f32,
    pub epilogue: Epilogue<'a, f32>,
    /// All images; other threads write other tiles of them.
    pub to: *mut f32,
}

impl Kernel for Output<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let ([height, width], filters) = (self.size, self.filters);
        let [down, across] = self.tiles.dilation;
        assert!(self.from.len() >= (PLACES - 1) * self.place_step + self.range.len() * filters);
        assert!(self.epilogue.bias.is_none_or(|bias| bias.len() >= filters));
        let (beta, zero) = (s.splat(self.beta), s.zero());
        for (tile, index) in self.range.enumerate() {
            let (image, [row, column]) = self.tiles.place(index);
            let pixel = (image * height + row) * width + column;
            let rows = [row < height, row + down < height];
            let columns = [column < width, column + across < width];
            let from = self.from[tile * filters..].as_ptr();
            let mut f = 0;
            while f < filters {
                let lanes = LANES.min(filters - f);
                // SAFETY: the planes hold the tile (asserted above), the pixels inside are those of this tile alone, and the
                // images have `filters` numbers for each.
                unsafe {
                    let mut m = [s.zero(); PLACES];
                    for i in 0..PLACES {
                        m[i] = read(s, from.add(i * self.place_step + f), lanes);
                    }
                    let bias = match self.epilogue.bias {
                        Some(bias) => read(s, bias.as_ptr().add(f), lanes),
                        None => zero,
                    };
                    let mut half = [[zero; 2]; 4];
                    for j in 0..4 {
                        half[j] = after(s, [m[j], m[4 + j], m[8 + j], m[12 + j]]);
                    }
                    for i in 0..2 {
                        let y = after(s, [half[0][i], half[1][i], half[2][i], half[3][i]]);
                        for (j, &y) in y.iter().enumerate() {
                            if !(rows[i] && columns[j]) {
                                continue;
                            }
                            let to = self
                                .to
                                .add((pixel + i * down * width + j * across) * filters + f);
                            let mut y = s.add(y, bias);
                            if self.beta != 0.0 {
                                y = s.fma(beta, read(s, to, lanes), y);
                            }
                            if self.epilogue.relu {
                                y = s.max(zero, y);
                            }
                            write(s, to, lanes, y);
                        }
                    }
                }
                f += LANES;
            }
        }
    }
}

/// `G g G'` of one panel of 16 filters, packed as the products take it: `to[place][channel][lane]`.
///
/// `turned` is the kernel of the gradient: `channels` are then the last axis of `kernel` and `filters` the one before, and
/// the points go from last to first.
pub(super) struct Kernels<'a> {
    pub kernel: &'a [f32],
    pub channels: usize,
    pub filters: usize,
    pub turned: bool,
    pub panel: usize,
    /// The panel of the first place.
    pub to: *mut f32,
    pub place_step: usize,
}

impl Kernel for Kernels<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (channels, filters) = (self.channels, self.filters);
        let tap = channels * filters;
        assert!(self.kernel.len() >= 9 * tap);
        let first = self.panel * LANES;
        let lanes = LANES.min(filters - first);
        let from = self.kernel.as_ptr();
        if !self.turned {
            for c in 0..channels {
                // SAFETY: the kernel has nine taps (asserted above); the panel has a row for each channel in each place.
                unsafe {
                    let mut g = [s.zero(); 9];
                    for a in 0..9 {
                        g[a] = read(s, from.add(a * tap + c * filters + first), lanes);
                    }
                    let u = kernel_places(s, g);
                    for (place, &u) in u.iter().enumerate() {
                        write(
                            s,
                            self.to.add(place * self.place_step + c * LANES),
                            LANES,
                            u,
                        );
                    }
                }
            }
            return;
        }
        let mut c = 0;
        while c < channels {
            // Rows of the kernel are the panel's lanes here: 16 x 16 numbers are transposed for each place.
            let taken = LANES.min(channels - c);
            let mut squares = [[s.zero(); LANES]; PLACES];
            for lane in 0..lanes {
                let mut g = [s.zero(); 9];
                for a in 0..9 {
                    let at = (8 - a) * tap + (first + lane) * channels + c;
                    // SAFETY: the kernel has nine taps (asserted above).
                    g[a] = unsafe { read(s, from.add(at), taken) };
                }
                let u = kernel_places(s, g);
                for (square, &u) in squares.iter_mut().zip(&u) {
                    square[lane] = u;
                }
            }
            for (place, square) in squares.iter_mut().enumerate() {
                s.transpose(square);
                for (i, &row) in square[..taken].iter().enumerate() {
                    // SAFETY: the panel has a row for each channel in each place.
                    unsafe {
                        let to = self.to.add(place * self.place_step + (c + i) * LANES);
                        write(s, to, LANES, row);
                    }
                }
            }
            c += LANES;
        }
    }
}

/// `dw = beta * dw + G' u G` for a block of channels by filters: u is `[place][channel][filter]`.
pub(super) struct KernelGradient<'a> {
    pub from: &'a [f32],
    pub channels: usize,
    pub filters: usize,
    pub beta: f32,
    /// The first channel and filter of the block; other threads write others.
    pub to: *mut f32,
    /// From one channel of dw to the next.
    pub row: usize,
    /// From one point of the kernel to the next.
    pub point: usize,
}

impl Kernel for KernelGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (channels, filters) = (self.channels, self.filters);
        let plane = channels * filters;
        assert!(self.from.len() >= PLACES * plane);
        let beta = s.splat(self.beta);
        for channel in 0..channels {
            let mut f = 0;
            while f < filters {
                let lanes = LANES.min(filters - f);
                let mut u = [s.zero(); PLACES];
                for i in 0..PLACES {
                    let at = i * plane + channel * filters + f;
                    // SAFETY: there are all places of all channels and filters (asserted above).
                    u[i] = unsafe { read(s, self.from.as_ptr().add(at), lanes) };
                }
                let mut half = [[s.zero(); 3]; 4];
                for j in 0..4 {
                    half[j] = kernel_back(s, [u[j], u[4 + j], u[8 + j], u[12 + j]]);
                }
                for i in 0..3 {
                    let row = kernel_back(s, [half[0][i], half[1][i], half[2][i], half[3][i]]);
                    for (j, &g) in row.iter().enumerate() {
                        // SAFETY: dw has nine points; this block of them is ours alone.
                        unsafe {
                            let to = self
                                .to
                                .add((3 * i + j) * self.point + channel * self.row + f);
                            let g = if self.beta == 0.0 {
                                g
                            } else {
                                s.fma(beta, read(s, to, lanes), g)
                            };
                            write(s, to, lanes, g);
                        }
                    }
                }
                f += LANES;
            }
        }
    }
}

/// Applies a transform of four numbers to the columns and then to the rows of a tile.
#[inline(always)]
fn both_sides<V: Copy>(one: impl Fn([V; 4]) -> [V; 4], d: [V; PLACES]) -> [V; PLACES] {
    let mut t = d;
    for j in 0..4 {
        let column = one([d[j], d[4 + j], d[8 + j], d[12 + j]]);
        for i in 0..4 {
            t[4 * i + j] = column[i];
        }
    }
    let mut out = t;
    for i in 0..4 {
        let row = one([t[4 * i], t[4 * i + 1], t[4 * i + 2], t[4 * i + 3]]);
        for j in 0..4 {
            out[4 * i + j] = row[j];
        }
    }
    out
}

/// `B'` times four numbers.
#[inline(always)]
fn before<S: Simd>(s: S, [a, b, c, d]: [S::F; 4]) -> [S::F; 4] {
    [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(b, d)]
}

/// `A'` times four numbers.
#[inline(always)]
fn after<S: Simd>(s: S, [a, b, c, d]: [S::F; 4]) -> [S::F; 2] {
    [s.add(a, s.add(b, c)), s.sub(s.sub(b, c), d)]
}

/// `A` times two numbers.
#[inline(always)]
fn spread<S: Simd>(s: S, [a, b]: [S::F; 2]) -> [S::F; 4] {
    [a, s.add(a, b), s.sub(a, b), s.neg(b)]
}

/// `G` times three numbers.
#[inline(always)]
fn kernel_out<S: Simd>(s: S, [a, b, c]: [S::F; 3]) -> [S::F; 4] {
    let half = s.splat(0.5);
    let sides = s.add(a, c);
    [
        a,
        s.mul(half, s.add(sides, b)),
        s.mul(half, s.sub(sides, b)),
        c,
    ]
}

/// `G'` times four numbers.
#[inline(always)]
fn kernel_back<S: Simd>(s: S, [a, b, c, d]: [S::F; 4]) -> [S::F; 3] {
    let half = s.splat(0.5);
    let middle = s.mul(half, s.add(b, c));
    [s.add(a, middle), s.mul(half, s.sub(b, c)), s.add(middle, d)]
}

/// `G g G'`.
#[inline(always)]
fn kernel_places<S: Simd>(s: S, g: [S::F; 9]) -> [S::F; PLACES] {
    let mut half = [[s.zero(); 4]; 3];
    for j in 0..3 {
        half[j] = kernel_out(s, [g[j], g[3 + j], g[6 + j]]);
    }
    let mut u = [s.zero(); PLACES];
    for i in 0..4 {
        let row = kernel_out(s, [half[0][i], half[1][i], half[2][i]]);
        u[4 * i..4 * i + 4].copy_from_slice(&row);
    }
    u
}

/// # Safety
/// `from` points to `lanes` readable numbers.
#[inline(always)]
unsafe fn read<S: Simd>(s: S, from: *const f32, lanes: usize) -> S::F {
    // SAFETY: as the caller vouches.
    unsafe {
        if lanes == LANES {
            <S as Lanes<f32>>::read(s, from)
        } else {
            <S as Lanes<f32>>::read_first(s, from, lanes)
        }
    }
}

/// # Safety
/// `to` points to `lanes` writable numbers.
#[inline(always)]
unsafe fn write<S: Simd>(s: S, to: *mut f32, lanes: usize, v: S::F) {
    // SAFETY: as the caller vouches.
    unsafe {
        if lanes == LANES {
            <S as Lanes<f32>>::write(s, to, v);
        } else {
            <S as Lanes<f32>>::write_first(s, to, lanes, v);
        }
    }
}
