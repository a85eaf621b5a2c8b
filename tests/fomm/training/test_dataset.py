"""Clips found, split and drawn from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fomm.config import Config, DatasetParams
from fomm.errors import ConfigError, VideoError
from fomm.training.dataset import Draw, EpochSampler, PairDataset, find, shown_pairs
from tests.fomm.training.conftest import frames, write_folder

SHAPE = (64, 64, 3)


def _params(root: Path, **changes: object) -> DatasetParams:
    return replace(DatasetParams(root_dir=str(root), frame_shape=SHAPE), **changes)


def test_folders_videos_and_gifs_are_clips(clips: Path) -> None:
    found = find(_params(clips))
    names = [clip.name for clip in found.train]
    assert sorted(names) == ["one0#a", "one0#b", "one1#a", "one2#a", "one3#a", "three.gif", "two.mp4"]
    assert [clip.length for clip in found.train] == [6] * 7
    assert [clip.name for clip in found.test] == ["shown20", "shown21"]
    assert found.skipped == ()


def test_frames_are_picked_by_number_from_every_kind(clips: Path) -> None:
    for clip in find(_params(clips)).train:
        seed = {"two.mp4": 5, "three.gif": 6, "one0#b": 10}.get(clip.name)
        truth = frames(seed if seed is not None else int(clip.name[3]))
        for picked, index in zip(clip.pick([4, 1, 1]), [4, 1, 1], strict=True):
            error = np.abs(picked.astype(int) - truth[index]).mean()
            assert error < 6, (clip.name, index)


def test_without_a_train_folder_a_fifth_is_kept_for_testing(tmp_path: Path) -> None:
    for seed in range(10):
        write_folder(tmp_path / f"clip{seed}", frames(seed, count=2))
    found = find(_params(tmp_path))
    assert (len(found.train), len(found.test)) == (8, 2)
    assert {clip.name for clip in found.train} | {clip.name for clip in found.test} == {
        f"clip{seed}" for seed in range(10)
    }
    assert find(_params(tmp_path)) == found
    others = {tuple(clip.name for clip in find(_params(tmp_path, random_seed=s)).test) for s in range(6)}
    assert len(others) > 1


def test_what_cannot_be_used_is_skipped_and_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "good", frames(0))
    write_folder(
        tmp_path / "wide", [picture[:32] for picture in [np.repeat(f, 2, axis=1) for f in frames(1)]]
    )
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "empty").mkdir()
    found = find(_params(tmp_path))
    assert [clip.name for clip in found.train] == ["good"]
    reasons = dict(found.skipped)
    assert reasons.keys() == {"wide", "broken.mp4", "empty"}
    assert "128x64" in reasons["wide"] or "128x32" in reasons["wide"]
    assert "holds no pictures" in reasons["empty"]


def test_a_data_set_with_nothing_in_it(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no such folder"):
        find(_params(tmp_path / "absent"))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"1 clip, none of which can be trained on.*broken\.mp4"):
        find(_params(tmp_path))


def _dataset(config: Config) -> PairDataset:
    return PairDataset(find(config.dataset_params).train, config)


def test_identities_or_clips(small: Callable[..., Config]) -> None:
    config = small()
    assert len(_dataset(config)) == 7
    by_identity = replace(config, dataset_params=replace(config.dataset_params, id_sampling=True))
    assert len(_dataset(by_identity)) == 6


def test_a_draw_settles_a_pair(small: Callable[..., Config]) -> None:
    dataset = _dataset(small())
    one, again, other = (dataset[draw] for draw in (Draw(1, 5, 2), Draw(1, 5, 2), Draw(2, 5, 2)))
    assert one["source"].shape == one["driving"].shape == (3, 64, 64)
    assert one["source"].dtype == torch.float32
    assert 0 <= float(one["source"].min()) <= float(one["source"].max()) <= 1
    assert torch.equal(one["source"], again["source"])
    assert torch.equal(one["driving"], again["driving"])
    assert not torch.equal(one["source"], other["source"])


def test_larger_frames_are_scaled_to_the_model(small: Callable[..., Config], tmp_path: Path) -> None:
    write_folder(tmp_path / "train" / "large", frames(3, side=160))
    config = small()
    params = replace(config.dataset_params, root_dir=str(tmp_path))
    item = _dataset(replace(config, dataset_params=params))[Draw(0, 0, 0)]
    assert item["driving"].shape == (3, 64, 64)


def test_a_clip_that_breaks_later_is_replaced_and_named(
    small: Callable[..., Config], clips: Path, tmp_path: Path
) -> None:
    shutil.copytree(clips, tmp_path / "clips")
    config = small()
    config = replace(config, dataset_params=replace(config.dataset_params, root_dir=str(tmp_path / "clips")))
    dataset = _dataset(config)
    broken = sorted(["one0#a", "one0#b", "one1#a", "one2#a", "one3#a", "three.gif", "two.mp4"]).index(
        "one1#a"
    )
    for picture in (tmp_path / "clips" / "train" / "one1#a").iterdir():
        picture.write_bytes(b"no picture")
    item = dataset[Draw(0, 0, broken)]
    assert {one.name for one in item["skipped"]} == {"one1#a"}
    assert item["source"].shape == (3, 64, 64)


def test_every_group_is_passed_over_as_often_as_the_config_says() -> None:
    sampler = EpochSampler(5, repeats=3, batch=4, seed=0)
    draws = [draw for batch in sampler for draw in batch]
    assert sampler.steps == len(sampler) == 3
    assert len(draws) == 12
    assert max(np.bincount([draw.group for draw in draws])) <= 3
    assert len({draw.place for draw in draws}) == 12


def test_an_epoch_goes_on_where_it_was_left() -> None:
    sampler = EpochSampler(9, repeats=2, batch=3, seed=1)
    sampler.set(4)
    whole = list(sampler)
    sampler.set(4, 2)
    assert list(sampler) == whole[2:]
    sampler.set(5)
    assert list(sampler) != whole


def test_processes_share_every_batch() -> None:
    whole = list(EpochSampler(8, repeats=2, batch=4, seed=2))
    shares = [list(EpochSampler(8, repeats=2, batch=4, seed=2, rank=r, world=2)) for r in range(2)]
    for batch, one, two in zip(whole, *shares, strict=True):
        assert sorted(batch) == sorted([*one, *two])
        assert len(one) == len(two) == 2


def test_pairs_to_show_follow_the_list(clips: Path, tmp_path: Path) -> None:
    listed = tmp_path / "pairs.csv"
    listed.write_text("distance,source,driving\n1,absent,shown20\n2,shown20,shown21\n")
    found = find(_params(clips))
    pairs = shown_pairs(found, _params(clips, pairs_list=str(listed)), count=4)
    (other,) = [pair for pair in pairs if pair.neutral is not None]
    as_pixels = (other.source.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    assert np.array_equal(as_pixels, frames(20)[0])
    assert len(pairs) == 3
    # Where the published list's clips are not there, pairs are random.
    listed.write_text("source,driving\nabsent,absent\n")
    assert len(shown_pairs(found, _params(clips, pairs_list=str(listed)), count=6)) == 6
    listed.write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match=r"pairs\.csv.*source and driving"):
        shown_pairs(found, _params(clips, pairs_list=str(listed)), count=4)
