"""`python -m fomm.training CONFIG ...` is `fomm train CONFIG ...`: what `torchrun` starts."""

from __future__ import annotations

import sys

from fomm import cli


def main() -> None:
    """Entry point; never returns."""
    sys.argv.insert(1, "train")
    cli.main()


if __name__ == "__main__":
    main()
