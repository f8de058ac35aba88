//! Matrix products: GFLOP/s and fraction of the FMA peak measured in the same run.
fn main() {}
