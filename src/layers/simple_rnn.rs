//! The fully connected recurrent layer whose output is fed back (Elman, 1990): `h = a(x W + h U + b)`.

use super::recurrent::{Recurrence, Recurrent};
use crate::kernels::recurrent::Kind;

/// The layer.
pub type SimpleRnn = Recurrent<SimpleRnnCell>;

/// The recurrence.
#[derive(Debug)]
pub struct SimpleRnnCell;

impl Recurrence for SimpleRnnCell {
    const NAME: &'static str = "SimpleRNN";
    const OPTIONS: &'static [&'static str] = &[];

    fn kind(_: bool) -> Kind {
        Kind::Simple
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, assert_close};

    #[test]
    fn two_steps_by_hand() {
        let case = Case {
            kind: "SimpleRNN",
            config: json!({"units": 1, "activation": "linear", "return_sequences": true}),
            inputs: vec![Array::new(&[1, 2, 1], &[1.0, 2.0])],
            weights: vec![vec![3.0], vec![0.5], vec![1.0]],
            ..Case::default()
        };
        // h1 = 3 * 1 + 1 = 4, h2 = 3 * 2 + 0.5 * 4 + 1 = 9
        assert_eq!(case.outputs::<f32>().unwrap()[0].values, [4.0, 9.0]);
        let tanh = Case {
            config: json!({"units": 1}),
            ..case
        };
        let y = (6.0 + 0.5 * 4f64.tanh() + 1.0).tanh();
        assert_close(&tanh.outputs::<f64>().unwrap()[0].values, &[y], 1e-15);
    }

    #[test]
    fn options_of_other_recurrences_are_refused() {
        for option in [
            "recurrent_activation",
            "reset_after",
            "unit_forget_bias",
            "use_cudnn",
        ] {
            let value = if option == "recurrent_activation" {
                json!("tanh")
            } else {
                json!(true)
            };
            let case = Case {
                kind: "SimpleRNN",
                config: json!({"units": 1, option: value}),
                inputs: vec![Array::random(&[1, 2, 1], 0)],
                ..Case::default()
            };
            let text =
                format!("SimpleRNN \"simplernn\": expected options of SimpleRNN, got `{option}`");
            assert_eq!(case.error(), text);
        }
    }
}
