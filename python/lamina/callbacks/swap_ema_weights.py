"""`SwapEMAWeights`: measure the averaged weights while the others are trained."""

from __future__ import annotations

from lamina.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Put moving averages in the place of the weights while the model is evaluated.

    For optimizers with `use_ema=True`. The weights come back before training goes on, so the
    training itself is the same with and without it. Before the first step the average of a weight
    is the weight itself.

    Args:
        swap_on_epoch: Let the averages stay from the end of an epoch to the begin of the next, so
            that callbacks behind this one, such as `ModelCheckpoint`, see them.

    Raises:
        ConfigError: an optimizer that keeps no averages.

    References:
        Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992.
        Rust: src/optimizers/state.rs.

    Example:
        >>> model = lamina.Sequential([lamina.Input((1,)), lamina.layers.Dense(1)])
        >>> model.compile(lamina.optimizers.SGD(0.001, use_ema=True), "mse")
        >>> x = np.arange(8.0).reshape(8, 1)
        >>> swap = SwapEMAWeights()
        >>> history = model.fit(x, x, epochs=2, validation_split=0.25, callbacks=[swap], verbose=0)
        >>> sorted(history.history)
        ['loss', 'val_loss']
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch

    def _show(self, averages: bool) -> None:
        if self.model._holds_averages != averages:
            self.model._swap_averages()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Train the weights, should an interrupted evaluation have left the averages there."""
        self._show(averages=False)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Train the weights."""
        self._show(averages=False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Show the averages to the callbacks that follow."""
        if self.swap_on_epoch:
            self._show(averages=True)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Measure the averages."""
        self._show(averages=True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Bring the weights back."""
        self._show(averages=False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Predict with the averages."""
        self._show(averages=True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Bring the weights back."""
        self._show(averages=False)
