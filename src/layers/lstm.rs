//! Long short-term memory (Hochreiter & Schmidhuber, 1997, with the forget gate of Gers et al., 2000).
//!
//! With `x` the input of a step, `h` and `c` the states, `s` the recurrent activation and `a` the activation:
//!
//! ```text
//! i, f, o = s(x W + h U + b)      g = a(x W + h U + b)
//! c = f * c + i * g               h = o * a(c)
//! ```
//!
//! Each gate has its own columns of kernel, recurrent kernel and bias, in the order i f g o (Keras: i f c o).

use super::recurrent::{Recurrence, Recurrent};
use crate::kernels::recurrent::Kind;

/// The layer.
pub type Lstm = Recurrent<LstmCell>;

/// The recurrence.
#[derive(Debug)]
pub struct LstmCell;

impl Recurrence for LstmCell {
    const NAME: &'static str = "LSTM";
    const OPTIONS: &'static [&'static str] =
        &["recurrent_activation", "unit_forget_bias", "use_cudnn"];

    fn kind(_: bool) -> Kind {
        Kind::Lstm
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::layers::create;
    use crate::shape::Shape;
    use crate::testing::{Array, Case, assert_close};

    #[test]
    fn a_step_by_hand() {
        // All gates see x + h = 1 + 0.5 times their weight: i 0, f 1, g 2, o -1.
        let case = Case {
            kind: "LSTM",
            config: json!({"units": 1, "use_bias": false, "return_state": true}),
            call: Some(json!({"num_states": 2})),
            inputs: vec![
                Array::new(&[1, 1, 1], &[1.0]),
                Array::new(&[1, 1], &[0.5]),
                Array::new(&[1, 1], &[-2.0]),
            ],
            weights: vec![vec![0.0, 1.0, 2.0, -1.0], vec![0.0, 1.0, 2.0, -1.0]],
            ..Case::default()
        };
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let c = sigmoid(1.5) * -2.0 + 0.5 * 3f64.tanh();
        let h = sigmoid(-1.5) * c.tanh();
        let outputs = case.outputs::<f64>().unwrap();
        assert_close(&outputs[0].values, &[h], 1e-15);
        assert_close(&outputs[1].values, &[h], 1e-15);
        assert_close(&outputs[2].values, &[c], 1e-15);
    }

    #[test]
    fn the_forget_gates_bias_starts_at_one() {
        let layer = create::<f32>("LSTM", &json!({"units": 2})).unwrap();
        let bias = &layer.params(&[Shape::known(&[1, 1, 1])]).unwrap()[2];
        let mut values = [9.0f32; 8];
        bias.initializer.fill(&bias.shape, &mut values, 0).unwrap();
        assert_eq!(values, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        let without =
            create::<f32>("LSTM", &json!({"units": 2, "unit_forget_bias": false})).unwrap();
        let bias = &without.params(&[Shape::known(&[1, 1, 1])]).unwrap()[2];
        bias.initializer.fill(&bias.shape, &mut values, 0).unwrap();
        assert_eq!(values, [0.0; 8]);
    }
}
