//! Where the rows of A lie in memory.

/// Where the rows of A begin: `line` rows that are `step` apart, then the next line, `lines` of them in a plane. The pixels
/// that a convolution looks at, image after image, are such rows.
#[derive(Clone, Copy)]
pub(crate) struct RowMap {
    /// From one row to the next in its line.
    pub step: usize,
    /// Rows in a line.
    pub line: usize,
    /// From one line to the next.
    pub line_step: usize,
    /// Lines in a plane.
    pub lines: usize,
    /// From one plane to the next.
    pub plane_step: usize,
}

impl RowMap {
    /// Rows that are `step` apart.
    pub fn strided(step: usize) -> Self {
        Self {
            step,
            line: usize::MAX,
            line_step: 0,
            lines: usize::MAX,
            plane_step: 0,
        }
    }

    /// Where `ROWS` rows from `row` on begin. An array of just so many, which stays in registers: rows of a longer one would be
    /// read back from memory before the stores of the last tile are done.
    #[inline(always)]
    #[expect(clippy::needless_range_loop)]
    pub(super) fn starts<F, const ROWS: usize>(
        &self,
        first: *const F,
        row: usize,
    ) -> [*const F; ROWS] {
        let mut starts = [first; ROWS];
        if self.line == usize::MAX {
            for i in 0..ROWS {
                starts[i] = first.wrapping_add((row + i) * self.step);
            }
            return starts;
        }
        let (mut line, mut place) = (row / self.line, row % self.line);
        let mut plane = line / self.lines;
        line %= self.lines;
        for i in 0..ROWS {
            starts[i] = first
                .wrapping_add(plane * self.plane_step + line * self.line_step + place * self.step);
            place += 1;
            if place == self.line {
                (line, place) = (line + 1, 0);
                if line == self.lines {
                    (plane, line) = (plane + 1, 0);
                }
            }
        }
        starts
    }
}
