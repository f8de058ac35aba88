"""MultiHeadAttention, Embedding and the merging layers as Python calls them."""

import numpy as np
import pytest

import lamina
from lamina import layers, models


@pytest.fixture
def sequences():
    return np.random.default_rng(0).standard_normal((3, 5, 8)).astype(np.float32)


def test_attention_mask_of_any_rank_equals_the_causal_mask(sequences):
    attention = layers.MultiHeadAttention(2, 4)
    expected = attention(sequences, sequences, use_causal_mask=True)
    lower = np.tril(np.ones((5, 5), bool))
    for shape in [(5, 5), (1, 5, 5), (3, 5, 5), (3, 1, 5, 5), (3, 2, 5, 5)]:
        found = attention(sequences, sequences, attention_mask=np.broadcast_to(lower, shape))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_scores_come_second_and_sum_to_one(sequences):
    attention = layers.MultiHeadAttention(2, 4)
    output, scores = attention(sequences, sequences[:, :3], return_attention_scores=True)
    assert output.shape == (3, 5, 8)
    assert scores.shape == (3, 2, 5, 3)
    np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-6)


def test_padding_changes_nothing_for_the_other_steps():
    ids = np.array([[3, 1, 2, 0, 0]])
    embedding = layers.Embedding(4, 6, mask_zero=True)
    attention = layers.MultiHeadAttention(2, 3)
    inputs = layers.Input((None,))
    vectors = embedding(inputs)
    model = models.Model(inputs, attention(vectors, vectors))
    padded, short = model.predict(ids, verbose=0), model.predict(ids[:, :3], verbose=0)
    np.testing.assert_allclose(padded[:, :3], short, rtol=1e-5, atol=1e-6)


def test_key_may_differ_from_value(sequences):
    attention = layers.MultiHeadAttention(2, 4, value_dim=3, output_shape=7)
    output = attention(sequences, value=sequences[:, :2, :5], key=sequences[:, :2])
    assert output.shape == (3, 5, 7)
    assert [weight.shape for weight in attention.get_weights()[4:6]] == [(5, 2, 3), (2, 3)]


@pytest.mark.parametrize("name", ["subtract", "maximum", "minimum"])
def test_merging_functions_agree_with_numpy(name, sequences):
    other = sequences[::-1]
    found = getattr(layers, name)([sequences, other])
    np.testing.assert_array_equal(found, getattr(np, name)(sequences, other))


@pytest.mark.parametrize("wrap", [lambda table: table, lambda table: [table]])
def test_embedding_starts_from_given_weights(wrap):
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = layers.Embedding(3, 2, weights=wrap(table))(np.array([[2, 0]]))
    np.testing.assert_array_equal(found, [[[4, 5], [0, 1]]])


def test_embedding_names_an_id_out_of_range_and_its_place():
    embedding = layers.Embedding(5, 2, name="words")
    with pytest.raises(lamina.errors.DataError) as caught:
        embedding(np.array([[1, 2], [7, 3]]))
    assert str(caught.value) == (
        'Embedding "words": expected ids from 0 to 4, got 7 at (1, 0) of the batch. '
        "`input_dim` is the largest id plus 1."
    )


def test_attention_mask_that_does_not_fit_is_refused(sequences):
    attention = layers.MultiHeadAttention(2, 4, name="attention")
    with pytest.raises(lamina.errors.ShapeError, match="repeated to the scores of shape"):
        attention(sequences, sequences, attention_mask=np.ones((3, 4, 5)))
