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
#: Inpainting costs by area and blurs anyway: it is done at this size and enlarged.
_FILL_SIDE = 320
#: A matte thinner than this is background with a breath of hair in it.
_HAZE = 0.08


def person_matte(pixels: Frame) -> Matte | None:
    """How much of each pixel is the person: `(H, W)` float32 in [0, 1]; None where no person is found.

    MediaPipe's selfie segmentation network at 256x256, its edge refined on the full picture with a guided filter
    (He et al., 2010), so that it follows hair and shoulders rather than the network's grid.
    """
    coarse = person_mask(pixels)
    if float((coarse > 0.5).mean()) < MIN_PERSON_SHARE:
        return None
    height, width = pixels.shape[:2]
    mask = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    guide = pixels.astype(np.float32) / 255
    radius = max(4, round(max(height, width) / 64))
    refined = cv2.ximgproc.guidedFilter(guide=guide, src=mask, radius=radius, eps=1e-4)
    # The filter leaves a haze where person and background look alike: keep it to the edge's surroundings.
    sure = cv2.erode((mask > 0.9).astype(np.uint8), np.ones((radius, radius), np.uint8))
    near = cv2.dilate((mask > 0.1).astype(np.uint8), np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))
    matte = np.clip((refined - 0.15) / 0.7, 0.0, 1.0)
    matte[sure > 0] = 1.0
    matte[near == 0] = 0.0
    return np.asarray(matte, np.float32)


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
    hole = cv2.dilate(covered, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11)))
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
