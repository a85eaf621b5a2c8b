"""Training of the network that corrects the warp's motion (`face-lite`), on synthetic pairs whose motion is known."""

from fomm.training.correction.run import train
from fomm.training.correction.settings import KIND, CorrectionConfig, find, parse

__all__ = ["KIND", "CorrectionConfig", "find", "parse", "train"]
