"""Pairs of frames of synthetic people, with what no photograph tells: where every point went, and what was hidden.

`stream` makes them one after another, for ever; `write_shards` keeps them (`fomm synthesize`), `read_shard` brings
them back. `Maker.sequence` makes a clip of one person, `write_clips` and `read_clip` do the same for those. What is
made depends on the seed, the size and the person's number alone.
"""

from __future__ import annotations

from fomm.synthetic.pairs.clips import ClipPlan, read_clip, write_clips
from fomm.synthetic.pairs.making import Maker, Pair, stream
from fomm.synthetic.pairs.shards import Plan, contact_sheet, read_shard, shards_in, write_shards

__all__ = [
    "ClipPlan",
    "Maker",
    "Pair",
    "Plan",
    "contact_sheet",
    "read_clip",
    "read_shard",
    "shards_in",
    "stream",
    "write_clips",
    "write_shards",
]
