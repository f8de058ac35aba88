//! Weights as the right factor of products, packed once for all steps.

use std::ops::Range;

use crate::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, PackedB, gemm, pack_b};
use crate::real::Real;

/// The most parts the columns of a weight are cut into.
const MAX_PARTS: usize = 4;

/// Parts of a weight, each packed on its own: `W[:, columns]`, or the transpose of that.
#[derive(Debug, Clone, Copy)]
pub struct Factor<'a, F> {
    parts: [Option<PackedB<'a, F>>; MAX_PARTS],
    sizes: [(usize, usize); MAX_PARTS],
}

impl<F> Default for Factor<'_, F> {
    fn default() -> Self {
        Self {
            parts: [const { None }; MAX_PARTS],
            sizes: [(0, 0); MAX_PARTS],
        }
    }
}

/// Rows and columns of a part as a factor.
fn sizes(rows: usize, columns: &Range<usize>, transposed: bool) -> (usize, usize) {
    if transposed {
        (columns.len(), rows)
    } else {
        (rows, columns.len())
    }
}

impl<'a, F: Real> Factor<'a, F> {
    /// The memory that the parts of a weight of `rows` rows take.
    pub(super) fn len(
        rows: usize,
        parts: impl Iterator<Item = (usize, Range<usize>)>,
        transposed: bool,
    ) -> usize {
        parts
            .map(|(_, columns)| {
                let (k, n) = sizes(rows, &columns, transposed);
                PackedB::<F>::len(k, n)
            })
            .sum()
    }

    /// Packs the parts of a weight of `rows` rows of `width` numbers into memory of [`Factor::len`] elements.
    pub(super) fn pack(
        weight: &[F],
        (rows, width): (usize, usize),
        parts: impl Iterator<Item = (usize, Range<usize>)>,
        transposed: bool,
        memory: &'a mut [F],
    ) -> Self {
        let mut factor = Self::default();
        let mut memory = memory;
        for (part, columns) in parts {
            let (k, n) = sizes(rows, &columns, transposed);
            let (packed, rest) = memory.split_at_mut(PackedB::<F>::len(k, n));
            let values = Matrix::new(&weight[columns.start..], width);
            factor.parts[part] = Some(pack_b(k, n, values, transposed, packed));
            factor.sizes[part] = (k, n);
            memory = rest;
        }
        factor
    }

    /// `c = beta * c + a @ part + bias`, as many rows as there are.
    pub(super) fn multiply(
        &self,
        part: usize,
        a: Matrix<'_, F>,
        rows: usize,
        beta: F,
        c: MatrixMut<'_, F>,
        bias: &[F],
    ) {
        let (k, n) = self.sizes[part];
        let epilogue = Epilogue {
            bias: (!bias.is_empty()).then_some(bias),
            relu: false,
        };
        if let Some(packed) = self.parts[part] {
            gemm(
                Gemm::nn(rows, n, k),
                a,
                Operand::Packed(packed),
                beta,
                c,
                epilogue,
            );
        }
    }
}
