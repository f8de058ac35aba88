//! The FMA peak of one core and of all at once, as `benches/python/compare.py` reads it: "1 core: 217 GFLOP/s".

mod peak;

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for count in 1..=cores.min(8) {
        let rate: f64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..count).map(|_| scope.spawn(peak::gflops)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a loop without panic"))
                .sum()
        });
        println!("{count} cores: {rate:.0} GFLOP/s");
    }
}
