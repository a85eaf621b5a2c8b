"""The First Order Motion Model's networks (Siarohin et al., NeurIPS 2019).

Parameter names and shapes are those of the published checkpoints, so that these load strictly.
"""

from __future__ import annotations

from fomm.networks.dense_motion import DenseMotion, DenseMotionNetwork
from fomm.networks.discriminator import MultiScaleDiscriminator
from fomm.networks.generator import EncodedSource, Generator
from fomm.networks.keypoint_detector import KeypointDetector

__all__ = [
    "DenseMotion",
    "DenseMotionNetwork",
    "EncodedSource",
    "Generator",
    "KeypointDetector",
    "MultiScaleDiscriminator",
]
