"""How fast synthetic pairs are made, per frame and core: python benchmarks/synthesize.py [--size 256] [--people 12]

Processor time, not time that passes: a machine that does other things as well says the same.
"""

from __future__ import annotations

import argparse
import time

import torch

from fomm.synthetic.pairs import Maker


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=4, help="of each person")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with Maker(size=options.size) as maker:
        list(maker.pairs(0, 2))  # warm up
        began, frames = time.process_time(), 0
        for identity in range(1, options.people + 1):
            frames += 2 * sum(1 for _ in maker.pairs(identity, options.pairs))
        spent = time.process_time() - began
    print(
        f"{frames} frames of {options.people} people at {options.size}: {1000 * spent / frames:.0f} ms a frame"
    )


if __name__ == "__main__":
    main()
