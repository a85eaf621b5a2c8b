"""NVIDIA GPUs: half precision, fused kernels, a frame captured as one CUDA graph.

What is here was written and tested without a GPU: the pipeline, the arithmetic and the kernels (interpreted) run on
the processor in the tests. `benchmarks/gpu_suite.py` measures it on a GPU.
"""

from __future__ import annotations

from fomm.engines.cuda.choosing import create
from fomm.engines.cuda.engine import CudaEngine

__all__ = ["CudaEngine", "create"]
