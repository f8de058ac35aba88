//! Products against three plain loops, over odd sizes, on every level and number of threads.

use super::*;
use crate::kernels::simd::{available, with_isa};

const SIZES: [usize; 16] = [
    1, 2, 3, 7, 15, 16, 17, 31, 33, 47, 49, 64, 65, 100, 130, 257,
];

/// Numbers without a pattern that a wrong index could hide in.
fn numbers<F: Real>(len: usize, seed: u32) -> Vec<F> {
    let mut state = seed.wrapping_mul(2_654_435_769).wrapping_add(1);
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            F::of(f64::from(state >> 8) / f64::from(1 << 23) - 1.0)
        })
        .collect()
}

struct Case<F> {
    shape: Gemm,
    a: Vec<F>,
    lda: usize,
    b: Vec<F>,
    ldb: usize,
    c: Vec<F>,
    ldc: usize,
    beta: F,
    bias: Option<Vec<F>>,
    relu: bool,
}

impl<F: Real> Case<F> {
    fn new(shape: Gemm, beta: f64, pad: usize) -> Self {
        let Gemm { m, n, k, .. } = shape;
        let (rows_a, lda) = if shape.trans_a {
            (k, m + pad)
        } else {
            (m, k + pad)
        };
        let (rows_b, ldb) = if shape.trans_b {
            (n, k + pad)
        } else {
            (k, n + pad)
        };
        let ldc = n + pad;
        let seed = (m * 31 + n * 7 + k) as u32;
        Self {
            shape,
            a: numbers(rows_a * lda, seed),
            lda,
            b: numbers(rows_b * ldb, seed + 1),
            ldb,
            c: numbers(m * ldc, seed + 2),
            ldc,
            beta: F::of(beta),
            bias: (pad > 0).then(|| numbers(n, seed + 3)),
            relu: pad > 1,
        }
    }

    fn run(&self, packed: bool) -> Vec<F> {
        let Gemm { n, k, .. } = self.shape;
        let mut c = self.c.clone();
        if self.beta == F::ZERO {
            // C must not be read then.
            (0..self.shape.m).for_each(|i| c[i * self.ldc..][..n].fill(F::of(f64::NAN)));
        }
        let b = Matrix::new(&self.b, self.ldb);
        let mut room = vec![F::of(f64::NAN); PackedB::<F>::len(k, n)];
        let b = if packed {
            Operand::Packed(pack_b(k, n, b, self.shape.trans_b, &mut room))
        } else {
            Operand::Plain(b)
        };
        let epilogue = Epilogue {
            bias: self.bias.as_deref(),
            relu: self.relu,
        };
        gemm(
            self.shape,
            Matrix::new(&self.a, self.lda),
            b,
            self.beta,
            MatrixMut::new(&mut c, self.ldc),
            epilogue,
        );
        c
    }

    /// Three loops in `f64`, and for each number the sum of the magnitudes that made it.
    fn expected(&self) -> (Vec<f64>, Vec<f64>) {
        let Gemm { m, n, k, .. } = self.shape;
        let mut c: Vec<f64> = self.c.iter().map(|x| x.f64()).collect();
        let mut scale = vec![0.0; c.len()];
        for i in 0..m {
            for j in 0..n {
                let at = i * self.ldc + j;
                let (mut sum, mut size) = (0.0, 0.0);
                for p in 0..k {
                    let a = if self.shape.trans_a {
                        self.a[p * self.lda + i]
                    } else {
                        self.a[i * self.lda + p]
                    };
                    let b = if self.shape.trans_b {
                        self.b[j * self.ldb + p]
                    } else {
                        self.b[p * self.ldb + j]
                    };
                    sum += a.f64() * b.f64();
                    size += (a.f64() * b.f64()).abs();
                }
                let bias = self.bias.as_ref().map_or(0.0, |bias| bias[j].f64());
                let old = self.beta.f64() * c[at];
                let x = sum + old + bias;
                c[at] = if self.relu { x.max(0.0) } else { x };
                scale[at] = size + old.abs() + bias.abs();
            }
        }
        (c, scale)
    }

    fn check(&self) {
        let (expected, scale) = self.expected();
        let plain = self.run(false);
        for (i, ((&got, want), scale)) in plain.iter().zip(expected).zip(scale).enumerate() {
            let bound = F::EPSILON.f64() * (2.0 + (self.shape.k as f64).sqrt()) * scale;
            let error = (got.f64() - want).abs();
            assert!(error <= bound, "{:?} at {i}: {got} for {want}", self.shape);
        }
        assert_eq!(plain, self.run(true), "packed, {:?}", self.shape);
    }
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    parallel::set_num_threads(Some(threads)).unwrap();
    let result = parallel::install(work);
    parallel::set_num_threads(None).unwrap();
    result
}

fn transpositions(m: usize, n: usize, k: usize) -> [Gemm; 4] {
    [
        Gemm::nn(m, n, k),
        Gemm::nt(m, n, k),
        Gemm::tn(m, n, k),
        Gemm::tt(m, n, k),
    ]
}

/// Every size meets every other in some place without all triples being run.
fn shapes() -> impl Iterator<Item = (usize, usize, usize)> {
    let count = SIZES.len();
    (0..count * count).map(move |i| {
        let (a, b) = (i / count, i % count);
        (SIZES[a], SIZES[b], SIZES[(a + 2 * b + 1) % count])
    })
}

#[test]
fn products_match_three_loops_on_every_level() {
    for level in available() {
        with_isa(level, || {
            for (i, (m, n, k)) in shapes().enumerate() {
                let beta = [0.0, 1.0, 0.5][i % 3];
                for shape in transpositions(m, n, k) {
                    Case::<f32>::new(shape, beta, i % 4).check();
                }
            }
        });
    }
}

#[test]
fn f64_products_match_three_loops_on_every_level() {
    for level in available() {
        with_isa(level, || {
            for (i, (m, n, k)) in shapes().enumerate().step_by(3) {
                let beta = [0.0, 1.0, -2.0][i / 3 % 3];
                for shape in transpositions(m, n, k) {
                    Case::<f64>::new(shape, beta, i % 4).check();
                }
            }
        });
    }
}

#[test]
fn levels_threads_and_packing_give_the_same_bits() {
    // Packed A, several blocks of k, pieces for threads, k cut into parts, a product turned over, and few rows.
    let large = [
        (512, 130, 600),
        (200, 150, 900),
        (513, 70, 300),
        (24, 27, 9000),
        (65, 130, 1100),
        (1, 700, 900),
        (3, 530, 615),
        (20, 400, 130),
    ];
    let shapes = large
        .into_iter()
        .flat_map(|(m, n, k)| transpositions(m, n, k));
    for shape in shapes {
        let (beta, pad) = if shape.m == 512 { (0.0, 0) } else { (1.0, 1) };
        let case = Case::<f32>::new(shape, beta, pad);
        let expected = case.run(false);
        let (exact, scale) = case.expected();
        for ((got, want), scale) in expected.iter().zip(exact).zip(scale) {
            assert!(
                (f64::from(*got) - want).abs() <= 1e-5 * (1.0 + scale),
                "{shape:?}"
            );
        }
        for level in available() {
            for threads in [1, 2, 3, 8] {
                let got = with_isa(level, || on_threads(threads, || case.run(threads % 2 == 0)));
                assert_eq!(got, expected, "{shape:?}, {level:?}, {threads} threads");
            }
        }
    }
}

#[test]
fn an_empty_sum_leaves_beta_c_and_the_bias() {
    let mut c = [1.0f32, -2.0, 3.0];
    let b = Operand::Plain(Matrix::new(&[], 3));
    let epilogue = Epilogue {
        bias: Some(&[1.0, 1.0, 1.0]),
        relu: true,
    };
    let (a, c_matrix) = (Matrix::new(&[], 0), MatrixMut::new(&mut c, 3));
    gemm(Gemm::nn(1, 3, 0), a, b, 1.0, c_matrix, epilogue);
    assert_eq!(c, [2.0, 0.0, 4.0]);
}

#[test]
fn relu_keeps_a_nan_to_be_seen() {
    let mut c = [0.0f32; 2];
    let b = [f32::NAN, -1.0];
    let b = Operand::Plain(Matrix::new(&b, 2));
    let epilogue = Epilogue {
        bias: None,
        relu: true,
    };
    let c_matrix = MatrixMut::new(&mut c, 2);
    gemm(
        Gemm::nn(1, 2, 1),
        Matrix::new(&[1.0], 1),
        b,
        0.0,
        c_matrix,
        epilogue,
    );
    assert!(c[0].is_nan() && c[1] == 0.0);
}
