//! What loss and metrics say since the last reset, and what they remember, for files.

use super::Training;
use crate::error::{Error, Result};
use crate::metrics::Reading;
use crate::real::Real;

/// A mean over samples, as Keras reports losses.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    /// Takes in a mean of `count` samples.
    pub(super) fn add(&mut self, value: f64, count: usize) {
        self.sum += value * count as f64;
        self.count += count as f64;
    }

    /// The mean, 0 of nothing.
    pub(super) fn value(self) -> f64 {
        if self.count > 0.0 {
            self.sum / self.count
        } else {
            0.0
        }
    }
}

impl<F: Real> Training<F> {
    /// Loss and metrics since the last reset: the total, each output's loss (named by the output's number) if there are several
    /// outputs, then the metrics, each named `output/metric`.
    pub fn results(&self) -> Vec<(String, Reading)> {
        let mut results = vec![("loss".to_owned(), Reading::One(self.mean.value()))];
        if self.outputs.len() > 1 {
            let with_loss = self
                .outputs
                .iter()
                .enumerate()
                .filter(|(_, output)| output.loss_config.is_some());
            results.extend(
                with_loss.map(|(i, output)| (i.to_string(), Reading::One(output.mean.value()))),
            );
        }
        for (i, output) in self.outputs.iter().enumerate() {
            for tracked in &output.metrics {
                results.push((
                    format!("{i}/{}", tracked.metric.name),
                    tracked.metric.reading(),
                ));
            }
        }
        results
    }

    /// Starts loss and metrics anew.
    pub fn reset_metrics(&mut self) {
        self.mean = Mean::default();
        for output in &mut self.outputs {
            output.mean = Mean::default();
            for tracked in &mut output.metrics {
                tracked.metric.metric.reset_state();
                tracked.resumed = None;
            }
        }
    }

    /// All that loss and metrics remember since the last reset: the total, each output's loss, the metrics output by output.
    pub fn metrics_state(&self) -> Vec<Vec<f64>> {
        let means = self.outputs.iter().map(|output| output.mean);
        let mut states: Vec<Vec<f64>> = [self.mean]
            .into_iter()
            .chain(means)
            .map(|mean| vec![mean.sum, mean.count])
            .collect();
        let tracked = self.outputs.iter().flat_map(|output| &output.metrics);
        states.extend(tracked.map(|tracked| match &tracked.resumed {
            Some(state) => state.clone(),
            None => tracked.metric.metric.state(),
        }));
        states
    }

    /// Takes back what [`metrics_state`](Self::metrics_state) gave, bit for bit.
    ///
    /// # Errors
    /// If it comes from other outputs or metrics.
    pub fn set_metrics_state(&mut self, states: &[Vec<f64>]) -> Result<()> {
        let tracked: usize = self.outputs.iter().map(|output| output.metrics.len()).sum();
        let means = 1 + self.outputs.len();
        if states.len() != means + tracked || states[..means].iter().any(|mean| mean.len() != 2) {
            return Err(Error::param(
                format!("what {means} losses and {tracked} metrics remember"),
                format!("{} states", states.len()),
            )
            .remedy("Compile the model as it was compiled before."));
        }
        let (means, metrics) = states.split_at(means);
        let mean = |state: &Vec<f64>| Mean {
            sum: state[0],
            count: state[1],
        };
        self.mean = mean(&means[0]);
        for (output, state) in self.outputs.iter_mut().zip(&means[1..]) {
            output.mean = mean(state);
        }
        let tracked = self
            .outputs
            .iter_mut()
            .flat_map(|output| &mut output.metrics);
        for (tracked, state) in tracked.zip(metrics) {
            if tracked.settled {
                tracked.metric.metric.set_state(state)?;
            } else {
                tracked.resumed = Some(state.clone());
            }
        }
        Ok(())
    }
}
