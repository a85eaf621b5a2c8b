"""Makes the bundled driving clip: `python -m fomm.synthetic.talking_head OUT.mp4 [--seed N]`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from fomm.synthetic import cast, motion
from fomm.synthetic.arrays import Array
from fomm.synthetic.backdrops import studio
from fomm.synthetic.figure import Pose
from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.needs import one_line_errors, require_extra
from fomm.synthetic.render import Framing, Renderer
from fomm.video import check_output

FPS = 25

#: The bundled clip's; its speech moves lips and jaw well.
SEED = 9


def pose_of(actions: dict[str, float], pose: dict[str, float]) -> Pose:
    """One frame of a `Performance` as the renderer takes it."""
    sway = (pose["sway_x"], pose["sway_z"])
    return Pose(actions, yaw=pose["yaw"], pitch=pose["pitch"], roll=pose["roll"], sway=sway)


def make_clip(
    path: Path, *, seed: int = SEED, size: int = 512, supersample: int = 3, overwrite: bool = False
) -> int:
    """Render the clip and write it as H.264; returns the number of frames."""
    check_output(path, overwrite=overwrite)
    performance = motion.talking_head(seed).perform(FPS)
    heads = HeadFactory()
    with (
        Renderer(
            heads,
            cast.DRIVER,
            size=size,
            supersample=supersample,
            backdrop=studio(),
            framing=Framing(height=0.33, eyes_at=(0.5, 0.455)),
        ) as renderer,
    ):
        frames = (renderer.render(pose_of(actions, pose)) for actions, pose in performance.frames())
        write_small(path, frames, size)
    return len(performance)


def write_small(path: Path, frames: Iterable[Array], size: int) -> None:
    """Encode for shipping: as small as H.264 gets, which a live recorder cannot wait for."""
    import av

    partial = path.with_name(path.name + ".partial")
    try:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=FPS)
            stream.width = stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.gop_size = 5 * FPS
            stream.codec_context.options = {"crf": "23", "preset": "veryslow", "tune": "animation"}
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode(None))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Render the bundled driving clip: a talking synthetic head.")
    parser.add_argument("output", type=Path, help="MP4 file to write")
    parser.add_argument(
        "--seed", type=int, default=SEED, help="settles speech, sway and the fall of the hair"
    )
    parser.add_argument("--size", type=int, default=512, help="width and height in pixels")
    parser.add_argument(
        "--supersample", type=int, default=3, help="drawn this many times larger, then averaged"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    wanted = parser.parse_args()
    with one_line_errors():
        require_extra()
        count = make_clip(
            wanted.output,
            seed=wanted.seed,
            size=wanted.size,
            supersample=wanted.supersample,
            overwrite=wanted.overwrite,
        )
        print(f"{wanted.output}: {count} frames at {FPS} FPS")


if __name__ == "__main__":
    main()
