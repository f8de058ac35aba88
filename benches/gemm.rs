//! Matrix products on one thread: GFLOP/s and the fraction of the FMA peak measured in the same run, on every level.
//!
//! Time is CPU time of the thread, so other jobs on the machine disturb little; beside Criterion's statistics the best
//! sample is printed with its fraction of the peak.

mod peak;

use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lamina::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, PackedB, gemm, pack_b};
use lamina::kernels::simd::{Isa, available, with_isa};
use peak::thread_time;

/// m, n, k of small nets, of an LSTM step, of dense layers, of a convolution and of a weight gradient.
const SHAPES: [(usize, usize, usize); 12] = [
    (32, 64, 64),
    (64, 64, 64),
    (128, 128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (1024, 1024, 1024),
    (32, 512, 128),
    (128, 256, 784),
    (256, 1024, 256),
    (256, 512, 128),
    (64, 3136, 576),
    (64, 27, 4096),
];

fn products(criterion: &mut Criterion) {
    for isa in available().filter(|&isa| isa != Isa::Scalar) {
        with_isa(isa, || {
            let peak = peak::gflops();
            println!("{}: {peak:.0} GFLOP/s peak of one core", isa.name());
            let mut group = criterion.benchmark_group(format!("gemm/{}", isa.name()));
            for (m, n, k) in SHAPES {
                let flops = 2.0 * (m * n * k) as f64;
                group.throughput(Throughput::Elements(flops as u64));
                let cases = [
                    ("NN", Gemm::nn(m, n, k), false),
                    ("NT", Gemm::nt(m, n, k), false),
                    ("TN", Gemm::tn(m, n, k), false),
                    ("NN packed", Gemm::nn(m, n, k), true),
                ];
                for (name, shape, packed) in cases {
                    let best = Cell::new(f64::INFINITY);
                    let id = BenchmarkId::new(name, format!("{m}x{n}x{k}"));
                    group.bench_function(id, |bencher| {
                        let (a, b) = (vec![0.5f32; m * k], vec![0.25f32; k * n]);
                        let mut c = vec![0.0f32; m * n];
                        let mut room = vec![0.0; PackedB::<f32>::len(k, n)];
                        let plain = Matrix::new(&b, if shape.trans_b { k } else { n });
                        let ready = pack_b(k, n, plain, shape.trans_b, &mut room);
                        let b = if packed {
                            Operand::Packed(ready)
                        } else {
                            Operand::Plain(plain)
                        };
                        let a = Matrix::new(&a, if shape.trans_a { m } else { k });
                        bencher.iter_custom(|iterations| {
                            let start = thread_time();
                            for _ in 0..iterations {
                                let c = MatrixMut::new(black_box(&mut c), n);
                                gemm(shape, a, b, 0.0, c, Epilogue::default());
                            }
                            let time = thread_time() - start;
                            best.set(best.get().min(time.as_secs_f64() / iterations as f64));
                            time
                        });
                    });
                    let rate = flops / best.get() / 1e9;
                    if best.get().is_finite() {
                        println!(
                            "{m}x{n}x{k} {name}: best {rate:.0} GFLOP/s = {:.0} % of the peak",
                            100.0 * rate / peak
                        );
                    }
                }
            }
            group.finish();
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500));
    targets = products
}
criterion_main!(benches);
