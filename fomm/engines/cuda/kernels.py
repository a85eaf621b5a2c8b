"""What `fomm.engines.cuda.fused` launches, in Triton's language.

Triton comes with PyTorch's CUDA builds and compiles these at start; with TRITON_INTERPRET=1 they run on a processor,
which is how they are tested.

Sums are float32 everywhere. `total` is the number of elements of a launch, and an element's indices are divided out
of its number, the channel first: neighbouring threads read neighbouring channels. `fomm.engines.cuda.operations` says
what each of them does.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def shrink(
    pixels, weight, out, total, height, width, small_height, small_width,
    CHANNELS: tl.constexpr, PADDED: tl.constexpr, SIZE: tl.constexpr, STEP: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    channel = index % PADDED
    pixel = index // PADDED
    left = (pixel % small_width) * STEP - SIZE // 2
    top = (pixel // small_width) % small_height * STEP - SIZE // 2
    image = pixel // (small_width * small_height)
    there = (index < total) & (channel < CHANNELS)
    sums = tl.zeros([BLOCK], tl.float32)
    for tap in range(SIZE * SIZE):
        row = top + tap // SIZE
        column = left + tap % SIZE
        inside = there & (row >= 0) & (row < height) & (column >= 0) & (column < width)
        place = ((image * height + row) * width + column) * CHANNELS + channel
        sums += tl.load(weight + tap) * tl.load(pixels + place, mask=inside, other=0).to(tl.float32)
    tl.store(out + index, (sums / 255).to(out.dtype.element_ty), mask=index < total)


@triton.jit
def pool(
    y, bias, plus, out, into, total, part, height, width, channels, into_stride, plus_images,
    PARTS: tl.constexpr, HAS_BIAS: tl.constexpr, HAS_PLUS: tl.constexpr, HAS_INTO: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = index < total
    channel = index % channels
    pixel = index // channels
    column = pixel % (width // 2) * 2
    row = pixel // (width // 2) % (height // 2) * 2
    image = pixel // ((width // 2) * (height // 2))
    mean = tl.zeros([BLOCK], tl.float32)
    for corner in tl.static_range(4):
        inside = (row + corner // 2) * width + column + corner % 2
        place = (image * height * width + inside) * channels + channel
        sums = tl.zeros([BLOCK], tl.float32)
        for s in range(PARTS):
            sums += tl.load(y + s * part + place, mask=mask, other=0).to(tl.float32)
        if HAS_BIAS:
            sums += tl.load(bias + channel, mask=mask, other=0)
        if HAS_PLUS:
            still = ((image % plus_images) * height * width + inside) * channels + channel
            sums += tl.load(plus + still, mask=mask, other=0).to(tl.float32)
        mean += tl.maximum(sums, 0.0)
    mean = (mean / 4).to(out.dtype.element_ty)
    tl.store(out + index, mean, mask=mask)
    if HAS_INTO:
        tl.store(into + pixel * into_stride + channel, mean, mask=mask)


@triton.jit
def activate(
    y, bias, into, total, part, height, width, channels, into_stride,
    PARTS: tl.constexpr, HAS_BIAS: tl.constexpr, PHASES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = index < total
    channel = index % channels
    pixel = index // channels
    place = index
    if PHASES:
        # Pixel (2 i + p, 2 j + q) is at (i + p, j + q) of phase (p, q): see `upsampling.interleave`.
        column = pixel % width
        row = pixel // width % height
        image = pixel // (width * height)
        p = row % 2
        q = column % 2
        inside = (row // 2 + p) * (width // 2 + 1) + column // 2 + q
        place = (image * (height // 2 + 1) * (width // 2 + 1) + inside) * (4 * channels)
        place += (2 * p + q) * channels + channel
    sums = tl.zeros([BLOCK], tl.float32)
    for s in range(PARTS):
        sums += tl.load(y + s * part + place, mask=mask, other=0).to(tl.float32)
    if HAS_BIAS:
        sums += tl.load(bias + channel, mask=mask, other=0)
    tl.store(into + pixel * into_stride + channel, tl.maximum(sums, 0.0).to(into.dtype.element_ty), mask=mask)


@triton.jit
def join(
    y, bias, x, scale, offset, out, active, total, part, channels,
    PARTS: tl.constexpr, HAS_BIAS: tl.constexpr, HAS_NEXT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = index < total
    channel = index % channels
    sums = tl.load(x + index, mask=mask, other=0).to(tl.float32)
    for s in range(PARTS):
        sums += tl.load(y + s * part + index, mask=mask, other=0).to(tl.float32)
    if HAS_BIAS:
        sums += tl.load(bias + channel, mask=mask, other=0)
    tl.store(out + index, sums.to(out.dtype.element_ty), mask=mask)
    if HAS_NEXT:
        sums = sums * tl.load(scale + channel, mask=mask, other=0) + tl.load(
            offset + channel, mask=mask, other=0
        )
        tl.store(active + index, tl.maximum(sums, 0.0).to(active.dtype.element_ty), mask=mask)


@triton.jit
def locate(  # noqa: PLR0915 - arithmetic of one keypoint, written out
    heads, bias, transfer, rest, out, num_kp, height, width, padded, temperature,
    JACOBIANS: tl.constexpr, MOTION: tl.constexpr, TRANSFER: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(0) // num_kp
    keypoint = tl.program_id(0) % num_kp
    pixel = tl.arange(0, BLOCK)
    mask = pixel < height * width
    place = heads + (image * height * width + pixel) * padded
    logits = tl.load(place + keypoint, mask=mask, other=0).to(tl.float32) + tl.load(bias + keypoint)
    logits = tl.where(mask, logits / temperature, float("-inf"))
    weights = tl.exp(logits - tl.max(logits, axis=0))
    weights = weights / tl.sum(weights, axis=0)
    x = tl.sum(weights * ((pixel % width).to(tl.float32) * (2.0 / (width - 1)) - 1.0), axis=0)
    y = tl.sum(weights * ((pixel // width).to(tl.float32) * (2.0 / (height - 1)) - 1.0), axis=0)
    a = 1.0
    b = 0.0
    c = 0.0
    d = 1.0
    if JACOBIANS > 0:
        first = num_kp
        if JACOBIANS > 1:
            first = num_kp + 4 * keypoint
        a = tl.sum(weights * tl.load(place + first, mask=mask, other=0).to(tl.float32), axis=0)
        b = tl.sum(weights * tl.load(place + first + 1, mask=mask, other=0).to(tl.float32), axis=0)
        c = tl.sum(weights * tl.load(place + first + 2, mask=mask, other=0).to(tl.float32), axis=0)
        d = tl.sum(weights * tl.load(place + first + 3, mask=mask, other=0).to(tl.float32), axis=0)
        # The weights add up to one.
        a += tl.load(bias + first)
        b += tl.load(bias + first + 1)
        c += tl.load(bias + first + 2)
        d += tl.load(bias + first + 3)
    to = transfer + (image * num_kp + keypoint) * TRANSFER
    at = rest + keypoint * 6
    gain = tl.load(to)
    target_x = gain * x + tl.load(to + 1)
    target_y = gain * y + tl.load(to + 2)
    linear_a = 1.0
    linear_b = 0.0
    linear_c = 0.0
    linear_d = 1.0
    if JACOBIANS > 0:
        turn_a = tl.load(to + 3)
        turn_b = tl.load(to + 4)
        turn_c = tl.load(to + 5)
        turn_d = tl.load(to + 6)
        moved_a = a * turn_a + b * turn_c + tl.load(to + 7)
        moved_b = a * turn_b + b * turn_d + tl.load(to + 8)
        moved_c = c * turn_a + d * turn_c + tl.load(to + 9)
        moved_d = c * turn_b + d * turn_d + tl.load(to + 10)
        # As `fomm.keypoints.invert`: damped where there is hardly an inverse.
        size = tl.maximum(
            tl.maximum(tl.abs(moved_a), tl.abs(moved_b)), tl.maximum(tl.abs(moved_c), tl.abs(moved_d))
        )
        size = tl.maximum(size, 1.1754943508222875e-38)
        moved_a = moved_a / size
        moved_b = moved_b / size
        moved_c = moved_c / size
        moved_d = moved_d / size
        determinant = moved_a * moved_d - moved_b * moved_c
        weight = determinant / (determinant * determinant + 1e-10) / size
        source_a = tl.load(at + 2)
        source_b = tl.load(at + 3)
        source_c = tl.load(at + 4)
        source_d = tl.load(at + 5)
        linear_a = (source_a * moved_d - source_b * moved_c) * weight
        linear_b = (source_b * moved_a - source_a * moved_b) * weight
        linear_c = (source_c * moved_d - source_d * moved_c) * weight
        linear_d = (source_d * moved_a - source_c * moved_b) * weight
    base = out + (image * num_kp + keypoint) * MOTION
    tl.store(base, linear_a)
    tl.store(base + 1, linear_b)
    tl.store(base + 2, linear_c)
    tl.store(base + 3, linear_d)
    tl.store(base + 4, tl.load(at) - linear_a * target_x - linear_b * target_y)
    tl.store(base + 5, tl.load(at + 1) - linear_c * target_x - linear_d * target_y)
    tl.store(base + 6, target_x)
    tl.store(base + 7, target_y)
    tl.store(base + 8, x)
    tl.store(base + 9, y)
    tl.store(base + 10, a)
    tl.store(base + 11, b)
    tl.store(base + 12, c)
    tl.store(base + 13, d)
    tl.store(base + 14, 0.0)
    tl.store(base + 15, 0.0)


@triton.jit
def bilinear(images, at_x, at_y, image, channel, mask, height, width, channels, ALIGN: tl.constexpr):
    """Zero outside; coordinates that are no numbers are outside."""
    if ALIGN:
        x = (at_x + 1.0) * 0.5 * (width - 1)
        y = (at_y + 1.0) * 0.5 * (height - 1)
    else:
        x = ((at_x + 1.0) * width - 1.0) * 0.5
        y = ((at_y + 1.0) * height - 1.0) * 0.5
    left = tl.floor(x)
    top = tl.floor(y)
    share_x = x - left
    share_y = y - top
    sums = tl.zeros_like(x)
    for corner in tl.static_range(4):
        column = left + corner % 2
        row = top + corner // 2
        inside = mask & (column >= 0) & (column <= width - 1) & (row >= 0) & (row <= height - 1)
        # Numbers beyond what an integer holds are outside as well.
        pixel = tl.where(inside, row, 0.0).to(tl.int32) * width + tl.where(inside, column, 0.0).to(tl.int32)
        value = tl.load(images + (image * height * width + pixel) * channels + channel, mask=inside, other=0)
        share = (share_x if corner % 2 else 1.0 - share_x) * (share_y if corner // 2 else 1.0 - share_y)
        sums += tl.where(inside, share * value.to(tl.float32), 0.0)
    return sums


@triton.jit
def move(
    small, motion, out, into, total, num_kp, height, width, channels, padded, into_stride, factor,
    ALIGN: tl.constexpr, MOTION: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = index < total
    slot = index % padded
    pixel = index // padded
    column = (pixel % width).to(tl.float32) * (2.0 / (width - 1)) - 1.0
    row = (pixel // width % height).to(tl.float32) * (2.0 / (height - 1)) - 1.0
    image = pixel // (width * height)
    heat = mask & (slot < num_kp)
    moving = mask & (slot >= num_kp) & (slot < num_kp * (1 + channels))
    keypoint = tl.where(heat, slot, tl.where(moving, (slot - num_kp) // channels, 0))
    channel = tl.where(moving, (slot - num_kp) % channels, 0)
    base = motion + (image * num_kp + keypoint) * MOTION
    centre_x = tl.load(base + 6, mask=heat, other=0)
    centre_y = tl.load(base + 7, mask=heat, other=0)
    gaussian = tl.exp(
        ((column - centre_x) * (column - centre_x) + (row - centre_y) * (row - centre_y)) * factor
    )
    at_x = (
        tl.load(base, mask=moving, other=0) * column
        + tl.load(base + 1, mask=moving, other=0) * row
        + tl.load(base + 4, mask=moving, other=0)
    )
    at_y = (
        tl.load(base + 2, mask=moving, other=0) * column
        + tl.load(base + 3, mask=moving, other=0) * row
        + tl.load(base + 5, mask=moving, other=0)
    )
    moved = bilinear(small, at_x, at_y, 0, channel, moving, height, width, channels, ALIGN)
    value = tl.where(heat, gaussian, moved).to(out.dtype.element_ty)
    tl.store(out + index, value, mask=mask)
    tl.store(into + pixel * into_stride + slot, value, mask=mask)


@triton.jit
def blend(
    heads, still, motion, grid, occlusion, total, num_kp, height, width, padded,
    OCCLUDES: tl.constexpr, MOTION: tl.constexpr, KEYPOINTS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = pixel < total
    column = (pixel % width).to(tl.float32) * (2.0 / (width - 1)) - 1.0
    row = (pixel // width % height).to(tl.float32) * (2.0 / (height - 1)) - 1.0
    image = pixel // (width * height)
    inside = pixel % (width * height)
    slot = tl.arange(0, KEYPOINTS)[None, :]
    there = mask[:, None] & (slot <= num_kp)
    logits = tl.load(heads + pixel[:, None] * padded + slot, mask=there, other=0).to(tl.float32)
    logits += tl.load(still + inside[:, None] * padded + slot, mask=there, other=0)
    logits = tl.where(slot <= num_kp, logits, float("-inf"))
    weights = tl.exp(logits - tl.max(logits, axis=1)[:, None])
    weights = weights / tl.sum(weights, axis=1)[:, None]
    moving = there & (slot > 0)
    base = motion + (image[:, None] * num_kp + tl.maximum(slot - 1, 0)) * MOTION
    at_x = (
        tl.load(base, mask=moving, other=1.0) * column[:, None]
        + tl.load(base + 1, mask=moving, other=0) * row[:, None]
        + tl.load(base + 4, mask=moving, other=0)
    )
    at_y = (
        tl.load(base + 2, mask=moving, other=0) * column[:, None]
        + tl.load(base + 3, mask=moving, other=1.0) * row[:, None]
        + tl.load(base + 5, mask=moving, other=0)
    )
    tl.store(grid + 2 * pixel, tl.sum(weights * at_x, axis=1), mask=mask)
    tl.store(grid + 2 * pixel + 1, tl.sum(weights * at_y, axis=1), mask=mask)
    if OCCLUDES:
        last = tl.load(heads + pixel * padded + num_kp + 1, mask=mask, other=0).to(tl.float32)
        last += tl.load(still + inside * padded + num_kp + 1, mask=mask, other=0)
        tl.store(occlusion + pixel, 1.0 / (1.0 + tl.exp(-last)), mask=mask)


@triton.jit
def warp(
    features, grid, occlusion, scale, offset, out, active, total, height, width, channels,
    OCCLUDES: tl.constexpr, HAS_NEXT: tl.constexpr, ALIGN: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = index < total
    channel = index % channels
    pixel = index // channels
    at_x = tl.load(grid + 2 * pixel, mask=mask, other=0)
    at_y = tl.load(grid + 2 * pixel + 1, mask=mask, other=0)
    sums = bilinear(features, at_x, at_y, 0, channel, mask, height, width, channels, ALIGN)
    if OCCLUDES:
        sums *= tl.load(occlusion + pixel, mask=mask, other=0)
    tl.store(out + index, sums.to(out.dtype.element_ty), mask=mask)
    if HAS_NEXT:
        sums = sums * tl.load(scale + channel, mask=mask, other=0) + tl.load(
            offset + channel, mask=mask, other=0
        )
        tl.store(active + index, tl.maximum(sums, 0.0).to(active.dtype.element_ty), mask=mask)


@triton.jit
def finish(
    y, bias, out, total, height, width, padded,
    CHANNELS: tl.constexpr, SIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = index < total
    pixel = index // CHANNELS
    column = pixel % width
    row = pixel // width % height
    image = pixel // (width * height)
    channel = index % CHANNELS * (SIDE * SIDE) + row % SIDE * SIDE + column % SIDE
    cell = (image * (height // SIDE) + row // SIDE) * (width // SIDE) + column // SIDE
    value = tl.load(y + cell * padded + channel, mask=mask, other=0).to(tl.float32)
    value += tl.load(bias + channel, mask=mask, other=0)
    value = tl.floor(255.0 / (1.0 + tl.exp(-value)) + 0.5)
    tl.store(out + index, value.to(tl.uint8), mask=mask)


@triton.jit
def conv_small(
    x, weight, partial, total, height, width, out_height, out_width, channels, out_channels, steps,
    EACH: tl.constexpr, SIZE: tl.constexpr, PADDING: tl.constexpr, LARGER: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """One part of the sum of a convolution, whose time is that of reading its weights once."""
    pixel = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    channel = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    part = tl.program_id(2)
    column = pixel % out_width - PADDING
    row = pixel // out_width % out_height - PADDING
    image = pixel // (out_width * out_height)
    depth = tl.arange(0, DEPTH)
    chunks = channels // DEPTH
    sums = tl.zeros([ROWS, COLUMNS], tl.float32)
    for index in range(EACH):
        step = part * EACH + index
        tap = step // chunks
        tap_row = row + tap // SIZE
        tap_column = column + tap % SIZE
        inside = (
            (pixel < total) & (step < steps)
            & (tap_row >= 0) & (tap_row < height * LARGER)
            & (tap_column >= 0) & (tap_column < width * LARGER)
        )  # fmt: skip
        place = (image * height + tap_row // LARGER) * width + tap_column // LARGER
        inputs = place[:, None] * channels + (step % chunks) * DEPTH + depth[None, :]
        values = tl.load(x + inputs, mask=inside[:, None], other=0)
        factors = tl.load(
            weight + (step * DEPTH + depth)[:, None] * out_channels + channel[None, :],
            mask=(channel[None, :] < out_channels) & (step < steps),
            other=0,
        )
        sums = tl.dot(values, factors, sums)
    out = partial + (part * total + pixel[:, None]) * out_channels + channel[None, :]
    tl.store(out, sums, mask=(pixel[:, None] < total) & (channel[None, :] < out_channels))
