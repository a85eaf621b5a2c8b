"""Makes the bundled driving clip: `python -m fomm.synthetic.talking_head OUT.mp4 [--seed N]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from fomm.synthetic import cast, motion
from fomm.synthetic.backdrops import studio
from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.render import Framing, Pose, Renderer

FPS = 25


def pose_of(actions: dict[str, float], pose: dict[str, float]) -> Pose:
    """One frame of a `Performance` as the renderer takes it."""
    sway = (pose["sway_x"], pose["sway_z"])
    return Pose(actions, yaw=pose["yaw"], pitch=pose["pitch"], roll=pose["roll"], sway=sway)


def make_clip(path: Path, *, seed: int = 0, size: int = 512, supersample: int = 3, overwrite: bool = False) -> int:
    """Render the clip and write it as H.264; returns the number of frames."""
    from fomm.video import VideoWriter

    performance = motion.talking_head(seed).perform(FPS)
    heads = HeadFactory()
    with (
        Renderer(
            heads, cast.DRIVER, size=size, supersample=supersample, backdrop=studio(), framing=Framing(height=0.36)
        ) as renderer,
        VideoWriter(path, size=(size, size), rate=FPS, crf=20, preset="veryslow", overwrite=overwrite) as writer,
    ):
        for actions, pose in performance.frames():
            writer.write(renderer.render(pose_of(actions, pose)))
    return len(performance)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Render the bundled driving clip: a talking synthetic head.")
    parser.add_argument("output", type=Path, help="MP4 file to write")
    parser.add_argument("--seed", type=int, default=0, help="settles speech, sway and the fall of the hair")
    parser.add_argument("--size", type=int, default=512, help="width and height in pixels")
    parser.add_argument("--supersample", type=int, default=3, help="drawn this many times larger, then averaged")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    wanted = parser.parse_args()
    count = make_clip(
        wanted.output, seed=wanted.seed, size=wanted.size, supersample=wanted.supersample, overwrite=wanted.overwrite
    )
    print(f"{wanted.output}: {count} frames at {FPS} FPS")


if __name__ == "__main__":
    main()
