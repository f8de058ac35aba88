//! What a piece of a convolution reads: bands of rows, copied with a border of zeros where there is one, and the segments of
//! a row that one pixel sees.

use super::MAX_SEGMENT;
use crate::kernels::gemm::{RowMap, Segment};
use crate::real::Real;

/// How the pixels of all images are cut into bands: several small images together, some rows of a large one, or a piece of
/// a long row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bands {
    batch: usize,
    size: [usize; 2],
    images: usize,
    rows: usize,
    /// Columns of each but the last piece of a row.
    pub columns: usize,
}

/// Pixels of one band: `rows` from `row` on and `columns` from `column` on, of `images` images from `image` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Band {
    pub image: usize,
    pub images: usize,
    pub row: usize,
    pub rows: usize,
    pub column: usize,
    pub columns: usize,
}

impl Bands {
    /// Bands of some `pixels` pixels.
    pub fn new(batch: usize, [height, width]: [usize; 2], pixels: usize) -> Self {
        let rows = (pixels / width).clamp(1, height);
        Self {
            batch,
            size: [height, width],
            images: (pixels / (height * width)).clamp(1, batch),
            rows: height.div_ceil(height.div_ceil(rows)),
            columns: width.div_ceil((width / pixels).max(1)),
        }
    }

    /// Bands down and across an image.
    fn grid(&self) -> [usize; 2] {
        let [height, width] = self.size;
        [height.div_ceil(self.rows), width.div_ceil(self.columns)]
    }

    pub fn count(&self) -> usize {
        self.batch.div_ceil(self.images) * self.grid().iter().product::<usize>()
    }

    pub fn get(&self, index: usize) -> Band {
        let [down, across] = self.grid();
        let image = index / (down * across) * self.images;
        let row = index / across % down * self.rows;
        let column = index % across * self.columns;
        Band {
            image,
            images: self.images.min(self.batch - image),
            row,
            rows: self.rows.min(self.size[0] - row),
            column,
            columns: self.columns.min(self.size[1] - column),
        }
    }
}

/// A part of each of some images, which may reach beyond them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Size of the images.
    pub size: [usize; 2],
    pub channels: usize,
    /// The first row and column.
    pub first: [isize; 2],
    /// Rows and columns.
    pub extent: [usize; 2],
}

impl Window {
    /// Elements of one image's part.
    pub fn plane(&self) -> usize {
        self.extent[0] * self.extent[1] * self.channels
    }

    /// Copies one image's part, zeros where there is no image.
    pub fn copy<F: Real>(&self, image: &[F], to: &mut [F]) {
        let [height, width] = self.size.map(|n| n as isize);
        let left = (-self.first[1]).clamp(0, self.extent[1] as isize) as usize;
        let inside = (width - self.first[1].max(0)).clamp(0, (self.extent[1] - left) as isize);
        let (left, inside) = (left * self.channels, inside as usize * self.channels);
        for (r, to) in to
            .chunks_exact_mut(self.extent[1] * self.channels)
            .enumerate()
        {
            let row = self.first[0] + r as isize;
            if (0..height).contains(&row) && inside > 0 {
                let from = (row * width + self.first[1].max(0)) as usize * self.channels;
                to[..left].fill(F::ZERO);
                to[left..left + inside].copy_from_slice(&image[from..from + inside]);
                to[left + inside..].fill(F::ZERO);
            } else {
                to.fill(F::ZERO);
            }
        }
    }
}

/// Where a band's pixels lie: in the images themselves or in the copy of a window.
#[derive(Clone, Copy)]
pub(super) struct Source<F> {
    pub first: *const F,
    /// From one row of the image to the next.
    pub row_step: usize,
    pub plane_step: usize,
}

impl<F: Real> Source<F> {
    /// The pixels of `images` images from `image` on, at `window`: copied to `room` if it is long enough for that.
    pub fn new(x: &[F], (image, images): (usize, usize), window: &Window, room: &mut [F]) -> Self {
        let image_len = window.size[0] * window.size[1] * window.channels;
        if room.is_empty() {
            debug_assert!(window.first.iter().all(|&at| at >= 0));
            let at = (window.first[0] as usize * window.size[1] + window.first[1] as usize)
                * window.channels;
            return Self {
                first: x.as_ptr().wrapping_add(image * image_len + at),
                row_step: window.size[1] * window.channels,
                plane_step: image_len,
            };
        }
        let planes = room.chunks_exact_mut(window.plane()).take(images);
        for (i, plane) in planes.enumerate() {
            window.copy(&x[(image + i) * image_len..][..image_len], plane);
        }
        Self {
            first: room.as_ptr(),
            row_step: window.extent[1] * window.channels,
            plane_step: window.plane(),
        }
    }

    /// Where each output pixel of `rows` rows of `width` begins, when windows are `strides` apart.
    pub fn pixels(
        &self,
        rows: usize,
        width: usize,
        strides: [usize; 2],
        channels: usize,
    ) -> RowMap {
        RowMap {
            step: strides[1] * channels,
            line: width,
            line_step: strides[0] * self.row_step,
            lines: rows,
            plane_step: self.plane_step,
        }
    }
}

/// A list of segments in memory that was there before.
pub(super) struct Segments<'a> {
    list: &'a mut [Segment],
    len: usize,
}

impl<'a> Segments<'a> {
    /// Places that `runs` runs of `run` elements may take.
    pub fn room(runs: usize, run: usize) -> usize {
        runs * run.div_ceil(MAX_SEGMENT)
    }

    pub fn new(list: &'a mut [Segment]) -> Self {
        Self { list, len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Appends a run, joined with the one before where that ends at its beginning (and `after`, the first place of this
    /// list, comes before that), and cut where it is long.
    pub fn push(&mut self, after: usize, mut start: usize, mut len: usize) {
        if self.len > after {
            let [last, last_len] = &mut self.list[self.len - 1];
            if *last + *last_len == start {
                let joined = len.min(MAX_SEGMENT - *last_len);
                *last_len += joined;
                start += joined;
                len -= joined;
            }
        }
        while len > 0 {
            let piece = len.min(MAX_SEGMENT);
            self.list[self.len] = [start, piece];
            self.len += 1;
            start += piece;
            len -= piece;
        }
    }

    pub fn as_slice(&self) -> &[Segment] {
        &self.list[..self.len]
    }
}
