//! Gated recurrent unit (Cho et al., 2014).
//!
//! With `x` the input of a step, `h` the state, `s` the recurrent activation and `a` the activation:
//!
//! ```text
//! z, r = s(x W + b + h U + b')
//! n = a(x W + b + r * (h U + b'))      with reset_after, the default
//! n = a(x W + b + (r * h) U)           without; then there is no b'
//! h = z * h + (1 - z) * n
//! ```
//!
//! Each gate has its own columns of kernel, recurrent kernel and bias, in the order z r n (Keras: z r h). The bias is
//! `b`, or with `reset_after` the two rows `b` and `b'`.

use super::recurrent::{Recurrence, Recurrent};
use crate::kernels::recurrent::Kind;

/// The layer.
pub type Gru = Recurrent<GruCell>;

/// The recurrence.
#[derive(Debug)]
pub struct GruCell;

impl Recurrence for GruCell {
    const NAME: &'static str = "GRU";
    const OPTIONS: &'static [&'static str] = &["recurrent_activation", "reset_after", "use_cudnn"];

    fn kind(reset_after: bool) -> Kind {
        Kind::Gru { reset_after }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::layers::create;
    use crate::shape::Shape;
    use crate::testing::{Array, Case, assert_close};

    #[test]
    fn a_step_by_hand_for_both_places_of_the_reset() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        // x = 1, h = 0.5; z sees 1 + 0.5, r sees -1 + 2 * 0.5 = 0, n sees 3 and 4 h.
        let case = |reset_after: bool, bias: Vec<f64>| Case {
            kind: "GRU",
            config: json!({"units": 1, "reset_after": reset_after}),
            call: Some(json!({"num_states": 1})),
            inputs: vec![Array::new(&[1, 1, 1], &[1.0]), Array::new(&[1, 1], &[0.5])],
            weights: vec![vec![1.0, -1.0, 3.0], vec![1.0, 2.0, 4.0], bias],
            ..Case::default()
        };
        let z = sigmoid(1.5);
        let before = z * 0.5 + (1.0 - z) * (3.0 + 0.5 * 0.5 * 4.0 + 0.25f64).tanh();
        let y = case(false, vec![0.0, 0.0, 0.25]).outputs::<f64>().unwrap();
        assert_close(&y[0].values, &[before], 1e-15);
        let after = z * 0.5 + (1.0 - z) * (3.0 + 0.25 + 0.5 * (4.0 * 0.5 - 6.0f64)).tanh();
        let y = case(true, vec![0.0, 0.0, 0.25, 0.0, 0.0, -6.0])
            .outputs::<f64>()
            .unwrap();
        assert_close(&y[0].values, &[after], 1e-15);
    }

    #[test]
    fn the_bias_has_two_rows_with_reset_after_alone() {
        let shape = |config| {
            let layer = create::<f32>("GRU", &config).unwrap();
            layer.params(&[Shape::known(&[1, 1, 1])]).unwrap()[2]
                .shape
                .clone()
        };
        assert_eq!(shape(json!({"units": 5})), [2, 15]);
        assert_eq!(shape(json!({"units": 5, "reset_after": false})), [15]);
    }
}
