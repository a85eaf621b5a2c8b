"""Rewrites of a network's graph that OpenVINO computes sooner.

`spell_out`, `fold_depthwise_biases` and `divided` leave the function as it is; `round_sums` lets it be computed more
coarsely.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def spell_out(node: Any) -> None:
    """Put plain operations in the place of a PReLU: `x + min(x, 0) * (slope - 1)`.

    OpenVINO computes a PReLU while it writes a convolution's result, channel by channel, which takes longer than the
    small convolutions themselves. Plain operations are one pass of their own, and the whole network needs a quarter
    less.
    """
    from openvino import opset8 as ops

    x, slope = node.input_value(0), node.input_value(1)
    one = np.float32(1)
    bent = ops.multiply(ops.minimum(x, np.float32(0)), ops.subtract(slope, one))
    node.output(0).replace(ops.add(x, bent).output(0))


def fold_depthwise_biases(model: Any) -> None:
    """Give each depthwise convolution's bias to the 1×1 convolution after it: `W (x + b) + c = W x + (W b + c)`.

    OpenVINO adds it in a pass of its own over the picture, a twentieth of the landmark network's time.
    """
    from openvino import opset8 as ops

    for depthwise in model.get_ordered_ops():
        if depthwise.get_type_name() != "GroupConvolution":
            continue
        chain = _followed_by(depthwise, "Add", "Convolution", "Add")
        constants = [_constant(node.input_value(1)) for node in chain]
        values = [value for value in constants if value is not None]
        if len(values) < 3:
            continue
        (_, pointwise, add), (before, weights, after) = chain, values
        if weights.shape[2:] != (1, 1):
            continue
        bias = weights[:, :, 0, 0] @ before.ravel() + after.ravel()
        pointwise.input(0).replace_source_output(depthwise.output(0))
        add.input(1).replace_source_output(ops.constant(bias.reshape(1, -1, 1, 1)).output(0))


def round_sums(model: Any, places: int) -> None:
    """Let OpenVINO compute in bfloat16 what is summed up before the last PReLU that is so many places wide.

    What reaches the end without a convolution on its way it leaves in float32, and that are all residual sums. A
    convolution that changes nothing cuts them off: each channel by itself, times one.
    """
    from openvino import opset8 as ops

    seam = _last_prelu(model, places).output(0)
    takers = seam.get_target_inputs()
    same = np.ones((seam.get_shape()[1], 1, 1, 1, 1), np.float32)
    passed_on = ops.group_convolution(seam, same, [1, 1], [0, 0], [0, 0], [1, 1])
    for taker in takers:
        taker.replace_source_output(passed_on.output(0))


def divided(model: Any, places: int) -> list[Any]:
    """The model up to its last PReLU that is so many places wide, and what follows; `model` itself is used up.

    Raises:
        RuntimeError: what follows needs more than that PReLU's result.
    """
    from openvino import Model
    from openvino import opset8 as ops

    seam = _last_prelu(model, places)
    # Between the two, channels are last: they are in memory, so that nothing is moved.
    _, channels, height, width = seam.output(0).get_shape()
    handed_over = ops.parameter([1, height, width, channels], np.float32)
    seam.output(0).replace(ops.transpose(handed_over, np.array([0, 3, 1, 2])).output(0))
    handing_over = ops.result(ops.transpose(seam, np.array([0, 2, 3, 1])))
    return [Model([handing_over], model.get_parameters()), Model(model.get_results(), [handed_over])]


def _last_prelu(model: Any, places: int) -> Any:
    """The last one that is so many places wide."""
    prelus = [node for node in model.get_ordered_ops() if node.get_type_name() == "PRelu"]
    return [node for node in prelus if node.output(0).get_shape()[3] == places][-1]


def _followed_by(node: Any, *kinds: str) -> list[Any]:
    """The nodes of these kinds that follow one another after `node`, each the only one to take what the one before
    it gives; none where others follow."""
    chain = []
    for kind in kinds:
        takers = list(node.output(0).get_target_inputs())
        if len(takers) != 1 or takers[0].get_node().get_type_name() != kind:
            return []
        node = takers[0].get_node()
        chain.append(node)
    return chain


def _constant(output: Any) -> NDArray[np.float32] | None:
    """What is the same for every picture, such as weights, which the file has in half precision; None for others."""
    node = output.get_node()
    while node.get_type_name() in {"Convert", "Unsqueeze"}:
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant":
        return None
    return np.asarray(node.data, np.float32).reshape(output.get_shape())
