"""MediaPipe's TensorFlow Lite networks executed by OpenVINO."""

from fomm.tflite.network import CompiledNetwork, Runner

__all__ = ["CompiledNetwork", "Runner"]
