//! Winograd's minimal filtering F(2x2, 3x3) for 3 x 3 kernels at stride 1: 16 multiplications instead of 36 for four pixels.
//! With a dilation d, pixels that are d apart are neighbours: each of the d x d images that they make up has tiles of its own.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016. With d a tile of 4 x 4 pixels and g a kernel:
//!
//! ```text
//! y = A' [ (G g G') . (B' d B) ] A         dg = G' [ (B' d B) . (A dy A') ] G
//! ```
//!
//! The point-wise products, summed over channels, are 16 matrix products of tiles by channels by filters. A thread takes a
//! block of tiles through all three steps, so that what is between them stays in its second-level cache.
//!
//! The error is a few units in the last place of `f32` more than that of the direct sum; `f64` takes the direct way.

mod transform;
mod weights;

pub(super) use weights::backward_weights;

use super::{Conv2d, MAX_SEGMENT, Shared};
use crate::kernels::gemm::{Block, BlockA, BlockB, Epilogue, PackedB, RowMap, Segment, width};
use crate::kernels::scratch::with_scratch;
use crate::kernels::simd::dispatch;
use crate::parallel;
use transform::{Image, Input, Kernels, Output};

/// Products of one tile: the places of a transformed tile.
const PLACES: usize = 16;
/// Fewer tiles do not pay for the transform of the kernel.
const MIN_TILES: usize = 96;
/// Fewer channels or filters do not pay for the transforms of the tiles.
const MIN_CHANNELS: usize = 32;
/// Elements of a block's transformed tiles, before and after the products, that the second-level cache holds.
const BLOCK_ELEMENTS: usize = 1 << 18;
/// Elements between the planes of two places, so that they do not fall into the same sets of the cache.
const PLANE_GAP: usize = 16;

impl Conv2d {
    /// Whether this way is the faster one for outputs of the given size.
    fn suits_winograd(&self, pixels: [usize; 2]) -> bool {
        let tiles = Tiles::lines(pixels, self.dilation)
            .iter()
            .product::<usize>();
        self.kernel == [3, 3]
            && self.strides == [1, 1]
            && self.groups == 1
            && (0..2).all(|axis| self.padding[axis] <= 2 * self.dilation[axis])
            && self.channels.min(self.filters) >= MIN_CHANNELS
            && self.batch * tiles >= MIN_TILES
            // At the border tiles are cut; at least two pixels and a half must be of use.
            && pixels.iter().product::<usize>() * 2 >= tiles * 5
    }

    /// Whether [`forward`] is the faster way.
    pub(super) fn winograd_forward(&self) -> bool {
        self.suits_winograd(self.output)
    }

    /// Whether [`backward_data`] is the faster way.
    pub(super) fn winograd_data(&self) -> bool {
        self.suits_winograd(self.input)
    }
}

/// How the pixels of the outputs are cut into tiles, and the tiles into blocks.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    /// Tiles down and across, of the pixels that are neighbours.
    grid: [usize; 2],
    /// From one pixel of a tile to the next.
    dilation: [usize; 2],
    count: usize,
    /// Tiles of a block.
    block: usize,
}

impl Tiles {
    fn new(
        batch: usize,
        pixels: [usize; 2],
        dilation: [usize; 2],
        elements_per_tile: usize,
    ) -> Self {
        let [down, across] = Self::lines(pixels, dilation);
        let count = batch * down * across;
        let room = (BLOCK_ELEMENTS / (PLACES * elements_per_tile)).clamp(48, 96);
        // An even number of blocks, so that two threads get the same.
        let blocks = (count / (2 * room)).max(1) * 2;
        let block = count.div_ceil(blocks).next_multiple_of(6).min(2 * room);
        Self {
            grid: [down / dilation[0], across / dilation[1]],
            dilation,
            count,
            block,
        }
    }

    /// Tiles down and across, of all pixels.
    fn lines(pixels: [usize; 2], dilation: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| dilation[axis] * pixels[axis].div_ceil(2 * dilation[axis]))
    }

    fn blocks(&self) -> usize {
        self.count.div_ceil(self.block)
    }

    /// The image of tile `index`, and its first pixel, which may lie beyond the image.
    fn place(&self, index: usize) -> (usize, [usize; 2]) {
        let [down, across] = [0, 1].map(|axis| self.grid[axis] * self.dilation[axis]);
        let line = index / across;
        let first = |axis: usize, tile: usize| {
            tile / self.grid[axis] + tile % self.grid[axis] * 2 * self.dilation[axis]
        };
        (
            line / down,
            [first(0, line % down), first(1, index % across)],
        )
    }
}

/// [`super::forward`] where [`Conv2d::winograd_forward`].
pub(super) fn forward(
    conv: &Conv2d,
    x: &[f32],
    kernel: &[f32],
    epilogue: Epilogue<'_, f32>,
    beta: f32,
    y: &mut [f32],
) {
    let job = Job {
        batch: conv.batch,
        input: conv.input,
        channels: conv.channels,
        output: conv.output,
        filters: conv.filters,
        padding: conv.padding,
        dilation: conv.dilation,
        beta,
        epilogue,
    };
    job.run(x, kernel, false, y);
}

/// [`super::backward_data`] where [`Conv2d::winograd_data`]: the convolution of dy with the kernel turned round.
pub(super) fn backward_data(conv: &Conv2d, dy: &[f32], kernel: &[f32], beta: f32, dx: &mut [f32]) {
    let job = Job {
        batch: conv.batch,
        input: conv.output,
        channels: conv.filters,
        output: conv.input,
        filters: conv.channels,
        padding: [0, 1].map(|axis| 2 * conv.dilation[axis] - conv.padding[axis]),
        dilation: conv.dilation,
        beta,
        epilogue: Epilogue::default(),
    };
    job.run(dy, kernel, true, dx);
}

/// A convolution, of x with the kernel or of dy with the kernel turned round.
struct Job<'a> {
    batch: usize,
    input: [usize; 2],
    channels: usize,
    output: [usize; 2],
    filters: usize,
    padding: [usize; 2],
    dilation: [usize; 2],
    beta: f32,
    epilogue: Epilogue<'a, f32>,
}

impl Job<'_> {
    fn run(&self, x: &[f32], kernel: &[f32], turned: bool, y: &mut [f32]) {
        let (channels, filters) = (self.channels, self.filters);
        let packed_place = PackedB::<f32>::len(channels, filters);
        let tiles = Tiles::new(self.batch, self.output, self.dilation, channels + filters);
        let y = Shared(y.as_mut_ptr());
        with_scratch(PLACES * packed_place, |packed: &mut [f32]| {
            let to = Shared(packed.as_mut_ptr());
            parallel::for_each_chunk(filters.div_ceil(width::<f32>()), 1, |panels| {
                for panel in panels {
                    // SAFETY: each panel is written by one piece of work alone; the packed kernel has all of them.
                    dispatch(Kernels {
                        kernel,
                        channels,
                        filters,
                        turned,
                        panel,
                        to: to.at(panel * channels * width::<f32>()),
                        place_step: packed_place,
                    });
                }
            });
            let packed = &*packed;
            parallel::for_each_chunk(tiles.blocks(), 1, |blocks| {
                for block in blocks {
                    self.block(&tiles, block, x, packed, &y);
                }
            });
        });
    }

    /// One block of tiles through the three steps.
    fn block(&self, tiles: &Tiles, block: usize, x: &[f32], packed: &[f32], y: &Shared<f32>) {
        let (channels, filters) = (self.channels, self.filters);
        let first = block * tiles.block;
        let count = tiles.block.min(tiles.count - first);
        let seen = tiles.block * channels + PLANE_GAP;
        let made = tiles.block * filters + PLANE_GAP;
        with_scratch(PLACES * (seen + made) + channels, |room: &mut [f32]| {
            let (zeros, room) = room.split_at_mut(channels);
            let (before, after) = room.split_at_mut(PLACES * seen);
            zeros.fill(0.0);
            dispatch(Input {
                image: Image {
                    values: x,
                    size: self.input,
                    channels,
                    taken: channels,
                },
                padding: self.padding,
                tiles: *tiles,
                range: first..first + count,
                zeros,
                to: before,
                place_step: seen,
            });
            let mut list = [[0; 2]; 1];
            with_scratch(channels.div_ceil(MAX_SEGMENT), |long: &mut [Segment]| {
                let segments = if long.len() > 1 { long } else { &mut list[..] };
                for (i, segment) in segments.iter_mut().enumerate() {
                    let start = i * MAX_SEGMENT;
                    *segment = [start, MAX_SEGMENT.min(channels - start)];
                }
                for place in 0..PLACES {
                    let product = Block {
                        rows: count,
                        columns: filters,
                        segments,
                        a: BlockA::Rows {
                            first: before[place * seen..].as_ptr(),
                            map: RowMap::strided(channels),
                        },
                        b: BlockB {
                            first: packed[place * PackedB::<f32>::len(channels, filters)..]
                                .as_ptr(),
                            step: width::<f32>(),
                            next: channels * width::<f32>(),
                        },
                        c: after[place * made..].as_mut_ptr(),
                        ldc: filters,
                        beta: 0.0,
                        bias: None,
                        relu: false,
                    };
                    // SAFETY: the planes hold the block's tiles, the packed kernel a row for each channel.
                    unsafe { product.run_deep() };
                }
            });
            dispatch(Output {
                from: after,
                place_step: made,
                tiles: *tiles,
                range: first..first + count,
                size: self.output,
                filters,
                beta: self.beta,
                epilogue: self.epilogue,
                to: y.at(0),
            });
        });
    }
}
