"""Settings of the whole program."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import config, layers
from lamina.errors import ConfigError


def test_floatx_takes_the_two_types_of_the_engine():
    assert config.floatx() == "float32"
    config.set_floatx("float64")
    try:
        assert config.floatx() == "float64"
    finally:
        config.set_floatx("float32")
    with pytest.raises(ConfigError, match="expected 'float32' or 'float64', got 'float16'"):
        config.set_floatx("float16")


def test_what_the_engine_cannot_change_is_refused():
    assert config.epsilon() == 1e-7
    config.set_epsilon(1e-7)
    with pytest.raises(ConfigError, match="cannot be changed; got 0.001"):
        config.set_epsilon(1e-3)


def test_layers_keep_the_order_of_axes_they_were_made_with():
    assert config.image_data_format() == "channels_last"
    try:
        config.set_image_data_format("channels_first")
        pooling = layers.MaxPooling2D()
    finally:
        config.set_image_data_format("channels_last")
    assert pooling.get_config()["data_format"] == "channels_first"
    assert pooling.compute_output_shape((None, 3, 8, 6)) == (None, 3, 4, 3)
    assert layers.MaxPooling2D().get_config()["data_format"] == "channels_last"
    with pytest.raises(ConfigError, match="'channels_first', got 'first'"):
        config.set_image_data_format("first")


def test_threads_are_restored_after_the_block():
    before = config.num_threads()
    with config.threads(before + 1):
        assert config.num_threads() == before + 1
    assert config.num_threads() == before
    with pytest.raises(KeyError), config.threads(1):
        raise KeyError
    assert config.num_threads() == before


@pytest.mark.parametrize("n", [0, -2, 1.5, "two"])
def test_impossible_numbers_of_threads_are_refused(n):
    with pytest.raises(ConfigError, match="set_num_threads: expected"):
        config.set_num_threads(n)


def test_show_config_says_what_a_bug_report_needs(capsys):
    facts = config.show_config("dicts")
    assert facts["numpy"] == np.__version__
    assert facts["threads"] == config.num_threads()
    assert config.show_config() is None
    out = capsys.readouterr().out
    assert all(name in out for name in ("instruction set", "threads", "cores", "extension"))
    with pytest.raises(ConfigError, match="mode must be 'stdout' or 'dicts'"):
        config.show_config("json")
