"""`python -m tests.vcam`: boot the virtual machine, run the scenario inside, exit with its status."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.vcam.machine import Machine, MachineError

ROOT = Path(__file__).parents[2]


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.vcam", description=__doc__)
    options.add_argument(
        "--folder", type=Path, default=ROOT / "out/vcam", help="for the kernel and the results"
    )
    options.add_argument("--package", type=Path, help="another v4l2loopback-dkms package than the system's")
    options.add_argument("--timeout", type=float, default=1800, help="seconds for everything")
    options.add_argument("--only", help="the parts to run, separated by commas; see scenario.py")
    given = options.parse_args()
    try:
        package = given.package and given.package.resolve()
        machine = Machine(given.folder.resolve(), package)
        print(f"Linux {machine.kernel}, v4l2loopback {machine.module}, software emulation", flush=True)
        environment = {
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        only = ["--only", given.only] if given.only else []
        command = [sys.executable, "-u", "-m", "tests.vcam.scenario", "--results", "/vmout", *only]
        return machine.run(command, environment=environment, timeout=given.timeout)
    except MachineError as error:
        print(f"test-vcam: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
