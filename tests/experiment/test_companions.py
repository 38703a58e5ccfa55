"""Sidecars and markers: which of them are those of a sequence, and what they tell."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import SidecarError
from nd2watch.experiment import Companions, SidecarNames
from nd2watch.sidecars import Sidecar

if TYPE_CHECKING:
    from pathlib import Path


def companions(root: Path, *files: str, marker: str = "") -> Companions:
    sidecars = SidecarNames(kind="micro-manager", files=files) if files else None
    return Companions(root=root, sidecars=sidecars, marker=marker)


def metadata(frames: int, file: str = "") -> str:
    """Return metadata of Micro-Manager, of a plan and of one frame."""
    summary = {"MicroManagerVersion": "1.4.23", "Frames": frames, "Channels": 1, "Slices": 1}
    key = f"Metadata-{file}" if file else "FrameKey-0-0-0"
    frame = {"FileName": file, "ElapsedTime-ms": 7, "Frame": 0, "FrameIndex": 0}
    return json.dumps({"Summary": summary} | ({key: frame} if file else {}))


def found(root: Path, of: Companions, *paths: str) -> list[Path]:
    """Note that files are there, and return them."""
    files = [root / path for path in paths]
    for path in files:
        of.found(path)
    return files


class TestWhere:
    @pytest.mark.parametrize("where", ["", "run/", "run/pos/"])
    def test_they_lie_beside_the_frames_or_above(self, tmp_path: Path, where: str) -> None:
        value = companions(tmp_path, "metadata.txt", marker="done")
        sidecar, marker = found(tmp_path, value, f"{where}metadata.txt", f"{where}done")
        assert value.sidecars_of([tmp_path / "run/pos"], {}) == (sidecar,)
        assert value.marker_of([tmp_path / "run/pos"], {}) == marker

    @pytest.mark.parametrize("where", ["run/pos/below/", "run/other/", "../", "../beside/"])
    def test_they_are_not_looked_for_elsewhere(self, tmp_path: Path, where: str) -> None:
        root = tmp_path / "watched"
        value = companions(root, "metadata.txt", marker="done")
        found(root, value, f"{where}metadata.txt", f"{where}done")
        value.found(root.parent / "metadata.txt")
        assert value.sidecars_of([root / "run/pos"], {}) == ()
        assert value.marker_of([root / "run/pos"], {}) is None

    def test_the_nearest_folder_that_has_sidecars_counts(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "*.xml", "*.txt")
        _, *near = found(tmp_path, value, "a.txt", "run/a.xml", "run/b.txt")
        assert value.sidecars_of([tmp_path / "run/pos"], {}) == tuple(near)

    def test_a_folder_with_sidecars_of_others_alone_does_not_count(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "{name}.nd")
        own, _ = found(tmp_path, value, "mine.nd", "run/other.nd")
        assert value.sidecars_of([tmp_path / "run"], {"name": "mine"}) == (own,)

    def test_those_of_several_folders_are_told_in_one_order(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "metadata.txt")
        paths = found(tmp_path, value, *(f"run/Pos{n}/metadata.txt" for n in range(5)))
        folders = {path.parent for path in paths}
        assert value.sidecars_of(folders, {}) == tuple(paths)
        assert value.sidecars_of(sorted(folders, reverse=True), {}) == tuple(paths)

    def test_one_above_several_folders_is_told_once(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "metadata.txt")
        (path,) = found(tmp_path, value, "run/metadata.txt")
        folders = [tmp_path / "run/a", tmp_path / "run/b"]
        assert value.sidecars_of(folders, {}) == (path,)


class TestNames:
    @pytest.mark.parametrize(
        ("template", "name", "fields"),
        [
            ("metadata.txt", "METADATA.TXT", {}),
            ("{name}.nd", "Exp1.ND", {"name": "exp1"}),
            ("{name}.nd", "anything.nd", {}),
            ("{a}_{b}*.txt", "x_y_more.txt", {"a": "x", "b": "y"}),
            ("{name}.nd", "a[1].nd", {"name": "a[1]"}),
            ("{name}.nd", "a*b?.nd", {"name": "a*b?"}),
            ("{name}.nd", "{other}.nd", {"name": "{other}", "other": "x"}),
            ("{name}.nd", "ÉTÉ.nd", {"name": "été"}),
            ("{name}.nd", unicodedata.normalize("NFD", "été.nd"), {"name": "été"}),
            ("été.nd", unicodedata.normalize("NFD", "été.nd"), {}),
            ("{folder}.nd", "run_2.nd", {"folder": "2026/march/run_2"}),
            ("{folder}.nd", ".nd", {"folder": ""}),
        ],
    )
    def test_a_name_is_that_of_a_template(
        self, tmp_path: Path, template: str, name: str, fields: dict[str, str]
    ) -> None:
        value = companions(tmp_path, template, marker=template)
        assert value.is_sidecar(name)
        assert value.is_marker(name)
        (path,) = found(tmp_path, value, name)
        assert value.sidecars_of([tmp_path], fields) == (path,)
        assert value.marker_of([tmp_path], fields) == path

    @pytest.mark.parametrize(
        ("template", "name", "fields"),
        [
            ("{name}.nd", "axb.nd", {"name": "a*b"}),
            ("{name}.nd", "axb.nd", {"name": "a?b"}),
            ("{name}.nd", "a1.nd", {"name": "a[1]"}),
            ("{name}.nd", "exp10.nd", {"name": "exp1"}),
            ("{name}.nd", "my_exp1.nd", {"name": "exp1"}),
            ("{name}.nd", "x.nd", {"name": ""}),
            ("{name}.nd", "x.nd", {"name": "{other}", "other": "x"}),
        ],
    )
    def test_a_name_is_that_of_another_sequence(
        self, tmp_path: Path, template: str, name: str, fields: dict[str, str]
    ) -> None:
        value = companions(tmp_path, template, marker=template)
        assert value.is_sidecar(name)
        found(tmp_path, value, name)
        assert value.sidecars_of([tmp_path], fields) == ()
        assert value.marker_of([tmp_path], fields) is None

    @pytest.mark.parametrize("name", ["metadata.txt.bak", "a.nd", "metadata_txt", ""])
    def test_other_names_are_none(self, tmp_path: Path, name: str) -> None:
        value = companions(tmp_path, "metadata.txt", marker="done")
        assert not value.is_sidecar(name)
        assert not value.is_marker(name)

    def test_without_templates_nothing_is_one(self, tmp_path: Path) -> None:
        value = companions(tmp_path)
        found(tmp_path, value, "metadata.txt")
        assert not value.is_sidecar("metadata.txt")
        assert not value.is_sidecar("")
        assert not value.is_marker("")
        assert value.sidecars_of([tmp_path], {}) == ()
        assert value.marker_of([tmp_path], {}) is None


class TestVersion:
    def test_it_rises_with_all_that_is_news(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "metadata.txt", marker="done")
        path = tmp_path / "metadata.txt"
        path.write_text(metadata(3))
        versions = [value.version]
        for step in (value.found, value.read, value.read, value.lost, value.found):
            step(path)
            versions.append(value.version)
        assert versions == sorted(set(versions))

    def test_it_stays_with_what_is_known(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "metadata.txt")
        (path,) = found(tmp_path, value, "metadata.txt")
        before = value.version
        value.found(path)
        value.lost(tmp_path / "other/metadata.txt")
        assert value.version == before


class TestReading:
    def test_paths_are_told_from_the_watched_folder(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "metadata.txt")
        (path,) = found(tmp_path, value, "run/Pos0/metadata.txt")
        path.parent.mkdir(parents=True)
        name = "img_000000000_DAPI_000.tif"
        path.write_text(metadata(1, name))
        value.read(path)
        told = value.told([path])
        assert list(told.frames) == [f"run/Pos0/{name}"]

    def test_those_beside_the_watched_folder_itself_keep_their_paths(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "metadata.txt")
        path = tmp_path / "metadata.txt"
        path.write_text(metadata(1, "img_000000000_DAPI_000.tif"))
        value.read(path)
        assert list(value.told([path]).frames) == ["img_000000000_DAPI_000.tif"]

    def test_only_what_was_read_is_told(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "*.txt")
        first, second = found(tmp_path, value, "a.txt", "b.txt")
        for path, frames in ((first, 3), (second, 4)):
            path.write_text(metadata(frames))
        assert value.told([first, second]) == Sidecar()
        value.read(second)
        assert value.told([first, second]).sizes["t"] == 4
        value.read(first)
        assert value.told([first, second]).sizes["t"] == 3
        assert value.told([]) == Sidecar()

    def test_one_that_goes_tells_nothing_more(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "*.txt")
        (path,) = found(tmp_path, value, "a.txt")
        path.write_text(metadata(3))
        value.read(path)
        value.lost(path)
        assert value.told([path]) == Sidecar()

    def test_one_that_is_cut_short_tells_what_it_told_before(self, tmp_path: Path) -> None:
        value = companions(tmp_path, "*.txt")
        (path,) = found(tmp_path, value, "a.txt")
        path.write_text(metadata(3))
        value.read(path)
        before = value.told([path])
        path.write_text("]")
        with pytest.raises(SidecarError):
            value.read(path)
        assert value.told([path]) == before != Sidecar()

    def test_without_sidecars_there_is_nothing_to_read(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="no sidecars"):
            companions(tmp_path, marker="done").read(tmp_path / "done")
