"""Counted costs are those that pencil and paper give."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from fomm.counting import count


def test_a_convolution() -> None:
    x, weight, bias = torch.zeros(2, 3, 8, 8), torch.zeros(5, 3, 3, 3), torch.zeros(5)
    cost = count(lambda: F.conv2d(x, weight, bias, padding=1))
    assert cost.operations == 2 * (2 * 5 * 8 * 8) * (3 * 9)
    assert cost.moved == 4 * (x.numel() + weight.numel() + bias.numel() + 2 * 5 * 8 * 8)


def test_views_are_free_and_work_in_place_is_not() -> None:
    x = torch.zeros(4, 6)
    assert count(lambda: x.view(6, 4).t()[1:]).moved == 0
    assert count(lambda: x.add_(1)).moved == 2 * 4 * x.numel()
    assert count(lambda: x + 1).moved == 2 * 4 * x.numel()


def test_what_is_repeated_as_a_view_is_read_once() -> None:
    x, y = torch.zeros(1, 6), torch.zeros(4, 6)
    assert count(lambda: x.expand(4, -1) + y).moved == 4 * (6 + 24 + 24)


def test_matrix_products_and_what_follows() -> None:
    a, b = torch.zeros(3, 4), torch.zeros(4, 5)
    cost = count(lambda: F.relu(a @ b))
    assert cost.operations == 2 * 3 * 4 * 5
    assert cost.moved == 4 * (12 + 20 + 15) + 4 * (15 + 15)
