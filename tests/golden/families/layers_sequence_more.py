"""Products of two tensors, attention, cells and what wraps them."""

from layer_case import add_layer_case, normal


def fill(family):
    """Add all cases."""
    dots(family)
    einsums(family)


def dots(family):
    """Dot along axes of every kind, and the cosine."""

    def add(name, config, *shapes):
        inputs = [normal(f"{name}{i}", *shape) for i, shape in enumerate(shapes)]
        add_layer_case(family, f"dot_{name}", "Dot", config, inputs, as_list=True)

    add("vectors", {"axes": 1}, (3, 4), (3, 4))
    add("negative", {"axes": -1}, (2, 4, 3), (2, 5, 3))
    add("apart", {"axes": [2, 1]}, (2, 3, 4), (2, 4, 5))
    add("four_axes", {"axes": [2, 3]}, (2, 3, 4, 2), (2, 5, 3, 4))
    add("ranks_differ", {"axes": [1, 1]}, (2, 4, 3), (2, 4))
    add("cosine", {"axes": -1, "normalize": True}, (3, 4), (3, 4))
    add("cosine_of_tables", {"axes": [1, 2], "normalize": True}, (2, 4, 3), (2, 5, 4))


def einsums(family):
    """EinsumDense with every place of dots and bias."""

    def add(name, equation, output_shape, *shape, **config):
        config = {"equation": equation, "output_shape": output_shape, **config}
        add_layer_case(family, f"einsum_{name}", "EinsumDense", config, [normal(name, *shape)])

    add("dense", "ab,bc->ac", 4, 3, 5, bias_axes="c", activation="relu")
    add("time", "abc,cd->abd", [None, 4], 2, 3, 5)
    add("heads", "abc,cde->abde", [None, 2, 3], 2, 3, 5, bias_axes="de")
    add("heads_back", "abcd,cde->abe", [None, 5], 2, 3, 4, 2, bias_axes="e", activation="tanh")
    add("inner_axis", "abc,bd->adc", [6, None], 2, 3, 5, bias_axes="d")
    add("per_place", "abc,bcd->abd", [3, 4], 2, 3, 5, bias_axes="bd")
    add("bias_with_a_gap", "abc,cde->abde", [3, 2, 4], 2, 3, 5, bias_axes="be")
    add("dots_left", "...x,xy->...y", 4, 2, 3, 2, 5, bias_axes="y")
    add("dots_right", "ab...,bc->ac...", 4, 2, 3, 2, 5, bias_axes="c", activation="gelu")
    add("summed_input", "abc,cd->ad", 4, 2, 3, 5)
    add("scaled", "ab,b->ab", 5, 3, 5, bias_axes="b")
