//! Products of two arrays that are summed over some axes, as einsum writes them: `"abc,cd->abd"`.
//!
//! Every axis of such a product is one of four: of both operands and the result (batch), of the first and the result
//! (rows), of the second and the result (columns), or of no result (summed over). So it is a matrix product for each
//! place on the batch axes. An operand whose axes already lie so, also turned round, is read in place; another is put
//! in order first.

use crate::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, gemm};
use crate::kernels::permute::gather;
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// The most axes an array may have.
pub const MAX_AXES: usize = 16;

/// Multiplications one thread does at least.
const CHUNK_WORK: usize = 1 << 16;

/// Multiplications of a product that is not worth a matrix kernel.
const SMALL: usize = 512;

/// An array by its axes.
#[derive(Debug, Clone, Copy)]
pub struct Axes<'a> {
    /// What each axis is called; no name stands twice.
    pub labels: &'a [u8],
    /// How long each is.
    pub sizes: &'a [usize],
}

/// An axis of the product: its size, and how far apart its places are in both operands, result and tile (0 where it is
/// missing).
#[derive(Debug, Clone, Copy, Default)]
struct Axis {
    size: usize,
    steps: [usize; 4],
}

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
/// The result in the order batch, rows, columns.
const TILE: usize = 3;

/// Axes of one kind, in the order of the result.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    axes: [Axis; MAX_AXES],
    len: usize,
}

impl Group {
    fn push(&mut self, axis: Axis) {
        self.axes[self.len] = axis;
        self.len += 1;
    }

    fn axes(&self) -> &[Axis] {
        &self.axes[..self.len]
    }

    fn size(&self) -> usize {
        self.axes().iter().map(|axis| axis.size).product()
    }

    /// Where place `index` of the group begins in array `of`.
    fn offset(&self, mut index: usize, of: usize) -> usize {
        let mut offset = 0;
        for axis in self.axes().iter().rev() {
            offset += index % axis.size * axis.steps[of];
            index /= axis.size;
        }
        offset
    }

    /// The one step between places of the group in array `of`, if there is one; 0 for a single place.
    fn step(&self, of: usize) -> Option<usize> {
        let mut found: Option<(usize, usize)> = None; // size and step of what is behind
        for axis in self.axes().iter().rev().filter(|axis| axis.size != 1) {
            found = match found {
                None => Some((axis.size, axis.steps[of])),
                Some((size, step)) if axis.steps[of] == size * step => {
                    Some((size * axis.size, step))
                }
                Some(_) => return None,
            };
        }
        Some(found.map_or(0, |(_, step)| step))
    }
}

/// How a product finds an operand for one place of the batch.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// In place: rows so far apart, turned round or not.
    InPlace { ld: usize, turned: bool },
    /// Put in order first.
    Gathered,
}

fn source(rows: &Group, columns: &Group, of: usize) -> Source {
    let (m, n) = (rows.size(), columns.size());
    let (Some(row), Some(column)) = (rows.step(of), columns.step(of)) else {
        return Source::Gathered;
    };
    let ld = |step, count, width| if count == 1 { width } else { step };
    let (plain, turned) = (ld(row, m, n), ld(column, n, m));
    if (column == 1 || n == 1) && plain >= n {
        Source::InPlace {
            ld: plain,
            turned: false,
        }
    } else if (row == 1 || m == 1) && turned >= m {
        Source::InPlace {
            ld: turned,
            turned: true,
        }
    } else {
        Source::Gathered
    }
}

/// A product, ready to run.
#[derive(Debug, Clone, Copy)]
pub struct Contraction {
    batch: Group,
    rows: Group,
    columns: Group,
    inner: Group,
    /// The axes of the result in its own order.
    result: Group,
    /// The operands change places, so that the columns of the result are those of the second.
    swapped: bool,
}

impl Axes<'_> {
    fn has(&self, label: u8) -> bool {
        self.labels.contains(&label)
    }

    /// How far apart the places on an axis are; 0 if it is missing.
    fn step(&self, label: u8) -> usize {
        let place = self.labels.iter().position(|&other| other == label);
        place.map_or(0, |place| self.sizes[place + 1..].iter().product())
    }
}

impl Contraction {
    /// The product of `a` and `b` with the axes of `c`. An axis that `c` alone has is filled with equal numbers; an axis
    /// that only one operand has and `c` has not is summed over.
    ///
    /// # Panics
    /// If an array has more than [`MAX_AXES`] axes.
    pub fn new(a: Axes<'_>, b: Axes<'_>, c: Axes<'_>) -> Self {
        let mut alone = c.labels.iter().filter(|&&l| a.has(l) != b.has(l));
        let swapped =
            alone.clone().any(|&l| b.has(l)) && alone.next_back().is_some_and(|&l| a.has(l));
        let (a, b) = if swapped { (b, a) } else { (a, b) };
        let axis = |label: u8, size: usize, tile: usize| Axis {
            size,
            steps: [a.step(label), b.step(label), c.step(label), tile],
        };
        let [mut batch, mut rows, mut columns, mut inner, mut result] = [Group::default(); 5];
        let mut step = 1;
        let kinds: [(&mut Group, [bool; 2]); 3] = [
            (&mut columns, [false, true]),
            (&mut rows, [true, false]),
            (&mut batch, [true, true]),
        ];
        for (group, kind) in kinds {
            for (&label, &size) in c.labels.iter().zip(c.sizes).rev() {
                let found = [a.has(label) || !b.has(label), b.has(label)];
                if found == kind {
                    group.push(axis(label, size, step));
                    step *= size;
                }
            }
            group.axes[..group.len].reverse();
        }
        for (&label, &size) in c.labels.iter().zip(c.sizes) {
            let groups = [&batch, &rows, &columns];
            let mut axes = groups.iter().flat_map(|group| group.axes());
            let place = c.step(label);
            let same = |axis: &&Axis| axis.steps[C] == place && axis.size == size;
            result.push(*axes.find(same).expect("put into a group above"));
        }
        for (&label, &size) in a.labels.iter().zip(a.sizes) {
            if !c.has(label) {
                inner.push(axis(label, size, 0));
            }
        }
        for (&label, &size) in b.labels.iter().zip(b.sizes) {
            if !c.has(label) && !a.has(label) {
                inner.push(axis(label, size, 0));
            }
        }
        Self {
            batch,
            rows,
            columns,
            inner,
            result,
            swapped,
        }
    }

    /// Numbers of memory for operands and a result that must be put in order.
    pub fn memory(&self) -> usize {
        self.parts().iter().sum()
    }

    fn parts(&self) -> [usize; 3] {
        let (batch, m, n, k) = self.sizes();
        let gathered = |source, len| match source {
            Source::Gathered => batch * len,
            Source::InPlace { .. } => 0,
        };
        let [a, b] = self.sources();
        let tile = if self.is_in_order() { 0 } else { batch * m * n };
        [gathered(a, m * k), gathered(b, k * n), tile]
    }

    fn sizes(&self) -> (usize, usize, usize, usize) {
        let Self {
            batch,
            rows,
            columns,
            inner,
            ..
        } = self;
        (batch.size(), rows.size(), columns.size(), inner.size())
    }

    fn sources(&self) -> [Source; 2] {
        [
            source(&self.rows, &self.inner, A),
            source(&self.inner, &self.columns, B),
        ]
    }

    /// The result lies as batch, rows, columns.
    fn is_in_order(&self) -> bool {
        let axes = self.result.axes().iter();
        axes.filter(|axis| axis.size != 1)
            .all(|axis| axis.steps[C] == axis.steps[TILE])
    }

    /// Writes the product to `c`, or adds it if `accumulate`.
    ///
    /// # Panics
    /// If an array is not as long as its sizes say, or `memory` is shorter than [`Contraction::memory`].
    pub fn run<F: Real>(&self, a: &[F], b: &[F], c: &mut [F], accumulate: bool, memory: &mut [F]) {
        let (a, b) = if self.swapped { (b, a) } else { (a, b) };
        let (batch, m, n, k) = self.sizes();
        if batch * m * n == 0 {
            return;
        }
        if k == 0 {
            if !accumulate {
                c.fill(F::ZERO);
            }
            return;
        }
        let [len_a, len_b, len_tile] = self.parts();
        let (in_order, memory) = memory.split_at_mut(len_a);
        let a = self.operand(A, a, in_order, [&self.rows, &self.inner]);
        let (in_order, memory) = memory.split_at_mut(len_b);
        let b = self.operand(B, b, in_order, [&self.inner, &self.columns]);
        if len_tile == 0 {
            return self.products(&a, &b, c, accumulate);
        }
        let tile = &mut memory[..len_tile];
        self.products(&a, &b, tile, false);
        let mut axes = [(1, 0); MAX_AXES];
        for (to, axis) in axes.iter_mut().zip(self.result.axes()) {
            *to = (axis.size, axis.steps[TILE]);
        }
        gather(tile, &axes[..self.result.len], c, accumulate);
    }

    fn operand<'a, F: Real>(
        &'a self,
        of: usize,
        x: &'a [F],
        in_order: &'a mut [F],
        [rows, columns]: [&'a Group; 2],
    ) -> Factor<'a, F> {
        let (m, n) = (rows.size(), columns.size());
        let steps = [rows.step(of), columns.step(of)];
        let batch = &self.batch;
        match self.sources()[of] {
            Source::InPlace { ld, turned } => Factor {
                values: x,
                ld,
                turned,
                steps: steps.map(|step| step.unwrap_or(0)),
                batch: Batch::Group(batch, of),
            },
            Source::Gathered => {
                let mut axes = [(1, 0); 3 * MAX_AXES];
                let groups = [batch, rows, columns];
                let all = groups.iter().flat_map(|group| group.axes());
                let mut rank = 0;
                for (to, axis) in axes.iter_mut().zip(all) {
                    *to = (axis.size, axis.steps[of]);
                    rank += 1;
                }
                gather(x, &axes[..rank], in_order, false);
                Factor {
                    values: in_order,
                    ld: n,
                    turned: false,
                    steps: [n, 1],
                    batch: Batch::Step(m * n),
                }
            }
        }
    }

    fn products<F: Real>(
        &self,
        a: &Factor<'_, F>,
        b: &Factor<'_, F>,
        c: &mut [F],
        accumulate: bool,
    ) {
        let (_, m, n, k) = self.sizes();
        let work = m * n * k;
        let beta = if accumulate { F::ONE } else { F::ZERO };
        let shape = Gemm {
            trans_a: a.turned,
            trans_b: b.turned,
            ..Gemm::nn(m, n, k)
        };
        let per_chunk = (CHUNK_WORK / work).max(1);
        for_each_chunk_mut(c, per_chunk * m * n, |chunk, c| {
            for (i, c) in c.chunks_exact_mut(m * n).enumerate() {
                let index = chunk * per_chunk + i;
                let (left, right) = (a.at(index), b.at(index));
                if work <= SMALL {
                    small([m, n, k], [left, right], [a.steps, b.steps], c, accumulate);
                    continue;
                }
                gemm(
                    shape,
                    Matrix::new(left, a.ld),
                    Operand::Plain(Matrix::new(right, b.ld)),
                    beta,
                    MatrixMut::new(c, n),
                    Epilogue::default(),
                );
            }
        });
    }
}

/// An operand as the products read it.
struct Factor<'a, F> {
    values: &'a [F],
    ld: usize,
    turned: bool,
    /// Steps between rows and between columns.
    steps: [usize; 2],
    batch: Batch<'a>,
}

/// Where an operand begins for each place of the batch.
enum Batch<'a> {
    Group(&'a Group, usize),
    Step(usize),
}

impl<'a, F> Factor<'a, F> {
    fn at(&self, index: usize) -> &'a [F] {
        let offset = match self.batch {
            Batch::Group(group, of) => group.offset(index, of),
            Batch::Step(step) => index * step,
        };
        &self.values[offset..]
    }
}

fn small<F: Real>(
    [m, n, k]: [usize; 3],
    [a, b]: [&[F]; 2],
    [steps_a, steps_b]: [[usize; 2]; 2],
    c: &mut [F],
    accumulate: bool,
) {
    for i in 0..m {
        for j in 0..n {
            let (mut p, mut q) = (i * steps_a[0], j * steps_b[1]);
            let mut sum = if accumulate { c[i * n + j] } else { F::ZERO };
            for _ in 0..k {
                sum += a[p] * b[q];
                p += steps_a[1];
                q += steps_b[0];
            }
            c[i * n + j] = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [(u8, usize); 6] = [
        (b'a', 2),
        (b'b', 3),
        (b'c', 4),
        (b'd', 5),
        (b'e', 9),
        (b'f', 17),
    ];

    fn sizes(labels: &[u8]) -> Vec<usize> {
        let size = |label: &u8| SIZES.iter().find(|(name, _)| name == label).unwrap().1;
        labels.iter().map(size).collect()
    }

    /// By one loop over all axes.
    fn expected(labels: [&[u8]; 3], a: &[f64], b: &[f64]) -> Vec<f64> {
        let all = sizes(&SIZES.map(|(name, _)| name));
        let used = |i: usize| labels.iter().any(|l| l.contains(&SIZES[i].0));
        let mut c = vec![0.0; sizes(labels[2]).iter().product()];
        for mut index in 0..all.iter().product() {
            let mut place = [0; 6];
            for i in (0..6).rev() {
                place[i] = index % all[i];
                index /= all[i];
            }
            if (0..6).any(|i| !used(i) && place[i] > 0) {
                continue;
            }
            let [a_at, b_at, c_at] = labels.map(|labels| {
                labels.iter().fold(0, |offset, label| {
                    let i = SIZES.iter().position(|(name, _)| name == label).unwrap();
                    offset * all[i] + place[i]
                })
            });
            c[c_at] += a[a_at] * b[b_at];
        }
        c
    }

    #[test]
    fn any_equation_is_one_loop_over_all_axes() {
        let equations: [[&[u8]; 3]; 14] = [
            [b"abc", b"cd", b"abd"],
            [b"abc", b"cd", b"adb"],
            [b"abc", b"cd", b"ad"],
            [b"abc", b"dc", b"abd"],
            [b"aebf", b"adbf", b"abed"],
            [b"aebf", b"adbf", b"aebd"],
            [b"abed", b"adbf", b"aebf"],
            [b"ab", b"ab", b"a"],
            [b"ab", b"ab", b"ab"],
            [b"ab", b"cd", b"cdab"],
            [b"abc", b"ca", b"b"],
            [b"ef", b"fd", b"de"],
            [b"abce", b"bed", b"acbd"],
            [b"ab", b"bc", b"abd"],
        ];
        for labels in equations {
            let [a, b, c] = labels.map(sizes);
            let numbers = |sizes: &[usize], by: usize| -> Vec<f64> {
                let count = sizes.iter().product();
                (0..count).map(|i| ((i * by) % 11) as f64 - 5.0).collect()
            };
            let (x, y) = (numbers(&a, 7), numbers(&b, 3));
            let axes = |i: usize, sizes| Axes {
                labels: labels[i],
                sizes,
            };
            let product = Contraction::new(axes(0, &a), axes(1, &b), axes(2, &c));
            let mut memory = vec![f64::NAN; product.memory()];
            let mut found = vec![f64::NAN; c.iter().product()];
            product.run(&x, &y, &mut found, false, &mut memory);
            let once = expected(labels, &x, &y);
            assert_eq!(found, once, "{labels:?}");
            product.run(&x, &y, &mut found, true, &mut memory);
            let twice: Vec<f64> = once.iter().map(|c| 2.0 * c).collect();
            assert_eq!(found, twice, "{labels:?}");
        }
    }

    #[test]
    fn what_lies_in_order_is_not_copied() {
        let (a, b, c) = (sizes(b"aebf"), sizes(b"adbf"), sizes(b"abed"));
        let axes = |labels, sizes| Axes { labels, sizes };
        let product = Contraction::new(axes(b"aebf", &a), axes(b"adbf", &b), axes(b"abed", &c));
        assert_eq!(product.memory(), 0);
    }
}
