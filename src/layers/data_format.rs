//! Where the channels stand: the setting `data_format` of layers over sequences, images and volumes.
//!
//! A layer declares it with a field of this type and [`Layer::channel_axis`](crate::layer::Layer::channel_axis); its
//! maths is that of channels last, and the graph moves what has to be moved.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::kernels::activation::Activation;

/// Where the channels stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "Option<String>")]
pub(super) enum DataFormat {
    /// `(batch, ..., channels)`.
    #[default]
    ChannelsLast,
    /// `(batch, channels, ...)`.
    ChannelsFirst,
}

impl TryFrom<Option<String>> for DataFormat {
    type Error = String;

    fn try_from(name: Option<String>) -> Result<Self, String> {
        match name.as_deref() {
            None | Some("channels_last") => Ok(Self::ChannelsLast),
            Some("channels_first") => Ok(Self::ChannelsFirst),
            Some(other) => Err(format!(
                "invalid value: {other:?}, expected \"channels_last\" or \"channels_first\""
            )),
        }
    }
}

impl DataFormat {
    /// What [`Layer::channel_axis`](crate::layer::Layer::channel_axis) of a layer with this setting says.
    pub fn channel_axis(self, rank: usize) -> Option<usize> {
        (self == Self::ChannelsFirst && rank > 2).then_some(1)
    }

    /// Refuses an activation that works along the last axis, which in Keras is no axis of channels then.
    pub fn check_activation(self, activation: &Activation) -> Result<()> {
        if self == Self::ChannelsLast || !activation.is_rowwise() {
            return Ok(());
        }
        let got = format!("{:?}", activation.name());
        let expected = "an activation of single numbers with `data_format` \"channels_first\"";
        Err(Error::config(expected, got).remedy("Put Softmax(axis=1) or Activation behind."))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, check_gradients};

    #[test]
    fn channels_first_gives_what_channels_last_gives_moved() {
        let config = |format| json!({"filters": 2, "kernel_size": 1, "data_format": format});
        let case = |format, shape: &[usize], values: &[f64]| Case {
            kind: "Conv2D",
            config: config(format),
            inputs: vec![Array::new(shape, values)],
            weights: vec![vec![1.0, 2.0, 10.0, 20.0], vec![0.5, -0.5]],
            ..Case::default()
        };
        let last = case("channels_last", &[1, 1, 2, 2], &[1.0, 3.0, 2.0, 4.0]);
        let first = case("channels_first", &[1, 2, 1, 2], &[1.0, 2.0, 3.0, 4.0]);
        let [last_y, first_y] = [&last, &first].map(|c| c.outputs::<f64>().unwrap().remove(0));
        assert_eq!(last_y.values, [31.5, 61.5, 42.5, 83.5]);
        assert_eq!(first_y.shape, [1, 2, 1, 2]);
        assert_eq!(first_y.values, [31.5, 42.5, 61.5, 83.5]);
        check_gradients(&first);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (config, shape, expected) in [
            (
                json!({"filters": 2, "kernel_size": 3, "data_format": "first"}),
                &[1, 3, 4, 4][..],
                "expected `data_format` to be \"channels_last\" or \"channels_first\", got \"first\"",
            ),
            (
                json!({"filters": 2, "kernel_size": 5, "data_format": "channels_first"}),
                &[1, 3, 4, 4],
                "expected images of at least 5 x 5, as the window reaches, got shape (1, 4, 4, 3) once axis 1, the channels, is moved to the end. Use a smaller window or padding=\"same\".",
            ),
            (
                json!({"filters": 2, "kernel_size": 1, "data_format": "channels_first", "activation": "softmax"}),
                &[1, 3, 4, 4],
                "expected an activation of single numbers with `data_format` \"channels_first\", got \"softmax\". Put Softmax(axis=1) or Activation behind.",
            ),
        ] {
            let case = Case {
                kind: "Conv2D",
                config,
                inputs: vec![Array::random(shape, 1)],
                ..Case::default()
            };
            assert_eq!(case.error(), format!("Conv2D \"conv2d\": {expected}"));
        }
    }
}
