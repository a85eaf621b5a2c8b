"""Cutting the person out of a picture, once per avatar: a soft matte, and the background without the person."""

from __future__ import annotations

import functools
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm import resources
from fomm.animators.base import Frame
from fomm.mediapipe_import import load_mediapipe
from fomm.native_stderr import quiet_native_stderr
from fomm.tflite import CompiledNetwork

MODEL_FILE = resources.MODELS / "selfie_segmentation.tflite"

Matte: TypeAlias = NDArray[np.float32]

#: Side of the picture that the network looks at, in pixels.
_SIDE = 256
#: A smaller share of the picture is no portrait of a person: the caller then animates one layer.
MIN_PERSON_SHARE = 0.02
#: Edges are found in pictures of this side at most, and enlarged: a matte of a larger one takes gigabytes.
_MATTE_SIDE = 1600
#: Inpainting costs by area and blurs anyway: it is done at this size and enlarged.
_FILL_SIDE = 320
#: Colours between person and background are read so many times, each time nearer to the edge.
_ROUNDS = 2
#: Where person and background look as alike as this (squared distance of colours in [0, 1]), colours count no more
#: than the network's answer.
_DOUBT = 0.03
#: They are averaged over these ways, of the shortest one, one after another; where so many times their share of the
#: surroundings makes a whole, longer ways do not count.
_REACHES, _TOLD = (1.0, 1.7, 2.9, 4.9), 20
#: A matte thinner than this is background with a breath of hair in it.
_HAZE = 0.08


def person_matte(pixels: Frame) -> Matte | None:
    """How much of each pixel is the person: `(H, W)` float32 in [0, 1]; None where no person is found.

    MediaPipe's selfie segmentation network at 256x256 says where the person surely is and surely is not; what is in
    between, the picture's colours tell.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > _MATTE_SIDE:
        shrink = _MATTE_SIDE / max(height, width)
        small = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        matte = person_matte(np.asarray(small, np.uint8))
        if matte is None:
            return None
        return np.asarray(cv2.resize(matte, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    coarse = person_mask(pixels)
    if float((coarse > 0.5).mean()) < MIN_PERSON_SHARE:
        return None
    mask = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return _by_colours(pixels.astype(np.float32) / np.float32(255), mask)


def _by_colours(picture: NDArray[np.float32], mask: Matte) -> Matte:
    """The matte of a picture `(H, W, 3)` in [0, 1] by the network's answer `(H, W)`.

    Near its edge, a pixel is so much the person as its colour lies between theirs and the background's beside it: the
    share `a` that solves `colour = a * person + (1 - a) * background` best, held to the network's answer where both
    look alike. A guided filter (He et al., 2010) has it follow the picture's edges.
    """
    radius = max(4, round(max(mask.shape) / 64))
    beyond = cv2.dilate((mask > 0.1).astype(np.uint8), _disc(2 * radius + 1)) == 0
    # The network has its doubts within people as well, such as about the whites of eyes.
    depth = cv2.distanceTransform((~beyond).astype(np.uint8), cv2.DIST_L2, 3)
    sure = (cv2.erode((mask > 0.9).astype(np.uint8), _disc(radius)) > 0) | (
        (depth > 4 * radius) & (mask > 0.5)
    )
    if not sure.any() or not beyond.any():
        return mask  # nobody's colours to go by: somebody small or drawn, or somebody who fills the picture

    matte, inside, outside = mask, sure, beyond
    for _ in range(_ROUNDS):
        along, contrast = _between(picture, inside, outside, radius / 2)
        told = contrast / (contrast + np.float32(_DOUBT))
        shares = np.clip(matte + told * (along - matte), 0, 1)
        shares[sure], shares[beyond] = 1, 0
        # Where colours tell little they tremble from pixel to pixel: there, edges follow the picture's.
        smooth = cv2.ximgproc.guidedFilter(guide=picture, src=shares, radius=max(2, radius // 3), eps=1e-4)
        matte = np.clip(smooth + told**2 * (shares - smooth), 0, 1)
        matte[sure], matte[beyond] = 1, 0
        # What has become clear tells colours nearer to what has not.
        inside = sure | (cv2.erode((matte > 0.97).astype(np.uint8), _disc(3)) > 0)
        outside = beyond | (cv2.erode((matte < 0.03).astype(np.uint8), _disc(3)) > 0)
    # The filter leaves a haze where person and background look alike.
    matte = np.clip((matte - np.float32(0.1)) / np.float32(0.8), 0, 1)
    return np.asarray(matte * _joined_to(sure, matte > 0), np.float32)


def _between(
    picture: NDArray[np.float32], inside: NDArray[np.bool_], outside: NDArray[np.bool_], reach: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where each colour lies between the background's, 0, and the person's, 1, and how far those are apart, squared:
    `(H, W)` each, as the colours that are known to be inside and outside tell; see `_carried_on` for `reach`."""
    background = _carried_on(picture, outside, reach)
    between = _carried_on(picture, inside, reach)
    between -= background
    np.subtract(picture, background, out=background)
    contrast = np.einsum("hwc,hwc->hw", between, between)
    along = np.einsum("hwc,hwc->hw", background, between) / np.maximum(contrast, np.float32(1e-6))
    return along, contrast


def _carried_on(picture: NDArray[np.float32], known: NDArray[np.bool_], reach: float) -> NDArray[np.float32]:
    """`(H, W, 3)` colours of the part that is known, carried on into the rest: near ones weigh most.

    Args:
        picture: `(H, W, 3)`.
        known: `(H, W)`.
        reach: the shortest way that colours are averaged over, in pixels; longer ones where nothing known is as near.
    """
    height, width = known.shape
    # What is averaged needs no more pixels.
    size = (max(1, round(width / max(1.0, reach))), max(1, round(height / max(1.0, reach))))
    share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(picture * known[..., None], size, interpolation=cv2.INTER_AREA)
    # Where nothing known is near at all, what is known on average.
    colours = np.broadcast_to(sums.mean(axis=(0, 1)) / max(float(share.mean()), 1e-6), sums.shape)
    reaches = []
    for sigma in _REACHES:
        share, sums = cv2.GaussianBlur(share, (0, 0), sigma), cv2.GaussianBlur(sums, (0, 0), sigma)
        reaches.append((share, sums))
    for share, sums in reversed(reaches):
        told = np.clip(_TOLD * share, 0, 1)[..., None]
        colours = colours + told * (sums / np.maximum(share, 1e-6)[..., None] - colours)
    return np.asarray(cv2.resize(colours, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _joined_to(core: NDArray[np.bool_], area: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The parts of an area that reach into its core: no specks beside it."""
    _, parts = cv2.connectedComponents(area.astype(np.uint8))
    kept = np.unique(parts[core & area])
    return np.isin(parts, kept[kept > 0])


def _disc(diameter: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter)), np.uint8)


def person_mask(pixels: Frame) -> Matte:
    """The network's own answer for the whole picture, quick and coarse: `(256, 256)` in [0, 1].

    OpenVINO and MediaPipe give the same to a ten-thousandth.
    """
    small = np.asarray(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    try:
        network = _network()
    except (ImportError, RuntimeError, OSError):
        return _segment_with_mediapipe(small)
    runner = network.runner()
    runner.input[:] = small
    return runner.run()[0].reshape(_SIDE, _SIDE).copy()


@functools.cache
def _network() -> CompiledNetwork:
    return CompiledNetwork(MODEL_FILE.read_bytes(), _SIDE)


def _segment_with_mediapipe(small: Frame) -> Matte:
    load_mediapipe()
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_buffer=MODEL_FILE.read_bytes()),
        output_confidence_masks=True,
        output_category_mask=False,
    )
    with quiet_native_stderr(), vision.ImageSegmenter.create_from_options(options) as segmenter:
        result = segmenter.segment(mp.Image(image_format=mp.ImageFormat.SRGB, data=small))
        return np.array(result.confidence_masks[-1].numpy_view(), np.float32).reshape(_SIDE, _SIDE)


def fill_background(pixels: Frame, matte: Matte) -> Frame:
    """The picture without the person: `(H, W, 3)` uint8. What stood behind them is made up from around them."""
    height, width = pixels.shape[:2]
    shrink = min(1.0, _FILL_SIDE / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    covered = (cv2.resize(matte, size, interpolation=cv2.INTER_AREA) > 0.02).astype(np.uint8)
    # A rim more: the outermost pixels still carry the person's colour.
    hole = cv2.dilate(covered, _disc(7))
    if hole.all():
        return np.full_like(pixels, pixels.reshape(-1, 3).mean(axis=0).astype(np.uint8))
    # Navier-Stokes carries shelves and window frames on in straight lines, where Telea's bends them.
    filled = cv2.inpaint(small, hole, 3, cv2.INPAINT_NS)
    filled = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC)
    soft = cv2.resize(cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 1.0), (width, height))
    blend = np.maximum(soft, (matte > 0.02).astype(np.float32))[..., None]
    return np.asarray(pixels * (1 - blend) + filled * blend + 0.5, np.uint8)


def cut_out(pixels: Frame, matte: Matte, background: Frame) -> NDArray[np.uint8]:
    """The person's layer, `(H, W, 4)` uint8: colours multiplied by the matte, then the matte.

    The colours solve `picture = person + (1 - matte) * background`, so that the layer over its own background is
    the picture again, and none of the old background travels with the hair.
    """
    # A colour must be one: where the matte is too thin for the pixel it has to make, it is as thick as it must be.
    seen, behind = pixels.astype(np.float32), background.astype(np.float32)
    needed = np.maximum(1 - seen / np.maximum(behind, 1), (seen - behind) / np.maximum(255 - behind, 1))
    alpha = np.where(matte > _HAZE, np.maximum(matte, needed.max(axis=-1)), matte)[..., None]
    colours = np.clip(seen - (1 - alpha) * behind, 0, 255 * alpha)
    return np.ascontiguousarray(np.dstack([colours, alpha * 255]) + 0.5).astype(np.uint8)
