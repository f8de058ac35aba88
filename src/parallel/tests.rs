//! Tests of the pool. They change the number of threads of the whole process, so they take turns.

use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;

static TURN: Mutex<()> = Mutex::new(());

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    set_num_threads(Some(threads)).unwrap();
    let result = catch_unwind(AssertUnwindSafe(|| install(work)));
    set_num_threads(None).unwrap();
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Numbers whose sum depends on the order of addition.
fn awkward(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| ((i * 2_654_435_761) % 1_000_003) as f64 * 10f64.powi((i % 31) as i32 - 15))
        .collect()
}

#[test]
fn sums_have_the_same_bits_for_1_2_3_and_8_threads() {
    let x = awkward(100_003);
    let sum = || sum_chunks(x.len(), 100, |range| x[range].iter().sum());
    let expected = sum().to_bits();
    for threads in [1, 2, 3, 8] {
        assert_eq!(
            with_threads(threads, sum).to_bits(),
            expected,
            "{threads} threads"
        );
    }
}

#[test]
fn chunks_of_three_slices_meet_their_own_elements_on_any_number_of_threads() {
    for threads in [1, 2, 3, 8] {
        let (mut a, mut b, mut c) = (vec![0; 1003], vec![0; 2006], vec![0; 11]);
        with_threads(threads, || {
            for_each_chunk_mut3(
                (&mut a, 100),
                (&mut b, 200),
                (&mut c, 1),
                |index, a, b, c| {
                    a.fill(index);
                    b.fill(2 * index);
                    c[0] = a.len() + b.len();
                },
            );
        });
        assert!(a.iter().enumerate().all(|(i, &v)| v == i / 100));
        assert!(b.iter().enumerate().all(|(i, &v)| v == 2 * (i / 200)));
        assert_eq!(c[..10], [300; 10]);
        assert_eq!(c[10], 9);
    }
}

#[test]
fn every_index_is_visited_once() {
    for (total, chunk) in [(0, 3), (1, 3), (3, 3), (10, 3), (1000, 7)] {
        let visits: Vec<AtomicU64> = (0..total).map(|_| AtomicU64::new(0)).collect();
        with_threads(3, || {
            for_each_chunk(total, chunk, |range| {
                for i in range {
                    visits[i].fetch_add(1, Ordering::Relaxed);
                }
            });
        });
        assert!(visits.iter().all(|v| v.load(Ordering::Relaxed) == 1));
    }
}

#[test]
fn reduction_combines_rows_in_index_order() {
    let mut partials = vec![0; 2 * 5];
    let mut seen = Vec::new();
    reduce_chunks(
        9,
        2,
        &mut partials,
        2,
        |range, row| row.copy_from_slice(&[range.start, range.end]),
        |row| seen.extend_from_slice(row),
    );
    assert_eq!(seen, [0, 2, 2, 4, 4, 6, 6, 8, 8, 9]);
}

#[test]
fn coarse_chunks_are_multiples_and_few_enough() {
    assert_eq!(coarse_chunk(0, 10, 4), 10);
    assert_eq!(coarse_chunk(40, 10, 4), 10);
    assert_eq!(coarse_chunk(41, 10, 4), 20);
    assert_eq!(coarse_chunk(1_000_000, 10, 64), 15_630);
}

#[test]
fn a_panic_in_a_worker_reaches_the_caller_and_leaves_the_pool_usable() {
    let panic = catch_unwind(|| {
        with_threads(2, || {
            for_each_chunk(100, 1, |range| assert_ne!(range.start, 57, "fifty-seven"));
        });
    });
    assert!(panic.is_err());
    assert_eq!(
        with_threads(2, || sum_chunks(10, 1, |range| range.start as f64)),
        45.0
    );
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn denormals_are_flushed_inside_and_kept_outside() {
    use std::hint::black_box;
    let half = || black_box(black_box(f32::MIN_POSITIVE) * black_box(0.5));
    for threads in [1, 2] {
        let inside = with_threads(threads, || {
            for_each_chunk(8, 1, |_| assert_eq!(half(), 0.0));
            half()
        });
        assert_eq!(inside, 0.0);
        assert!(half() > 0.0);
    }
}

#[test]
fn numbers_of_threads_that_make_no_sense_are_refused() {
    let text = set_num_threads(Some(0)).unwrap_err().to_string();
    assert_eq!(
        text,
        "num_threads: expected a whole number from 1 to 1024, got \"0\""
    );
    assert!(set_num_threads(Some(MAX_THREADS + 1)).is_err());
}

#[test]
fn the_strongest_variable_wins_and_a_bad_one_is_named() {
    let from = |pairs: &[(&str, &str)]| {
        threads_from(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_string())
        })
    };
    assert_eq!(from(&[]).unwrap(), None);
    assert_eq!(from(&[("OMP_NUM_THREADS", "4,2")]).unwrap(), Some(4));
    assert_eq!(
        from(&[("OMP_NUM_THREADS", "4"), ("RAYON_NUM_THREADS", "3")]).unwrap(),
        Some(3)
    );
    assert_eq!(
        from(&[("RAYON_NUM_THREADS", "0"), ("OMP_NUM_THREADS", "5")]).unwrap(),
        Some(5)
    );
    assert_eq!(
        from(&[("LAMINA_NUM_THREADS", " 2 "), ("RAYON_NUM_THREADS", "x")]).unwrap(),
        Some(2)
    );
    assert_eq!(from(&[("LAMINA_NUM_THREADS", "")]).unwrap(), None);
    assert_eq!(
        from(&[("LAMINA_NUM_THREADS", "two")])
            .unwrap_err()
            .to_string(),
        "LAMINA_NUM_THREADS: expected a whole number from 1 to 1024, got \"two\""
    );
    assert!(from(&[("LAMINA_NUM_THREADS", "0")]).is_err());
}
