"""Pairs of frames of synthetic people, with what no photograph tells: where every point went, and what was hidden.

`stream` makes them one after another, for ever; `write_shards` keeps them (`fomm synthesize`), `read_shard` brings
them back. A pair depends on the seed, the size and the person's number alone.
"""

from __future__ import annotations

from fomm.synthetic.pairs.making import Maker, Pair, stream
from fomm.synthetic.pairs.shards import Plan, contact_sheet, read_shard, write_shards

__all__ = ["Maker", "Pair", "Plan", "contact_sheet", "read_shard", "stream", "write_shards"]
