"""Presets: what a watch takes from them, and what its own keys change."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from nd2watch.config import built_in_presets
from nd2watch.experiment import TEMPORARY_NAMES
from nd2watch.layouts import only_layout_of
from tests.config.configs import PATTERN, SIZES, faults_of, watch_of

PRESETS = built_in_presets()
QUIET = 'complete = { rules = ["quiet"] }'
OWN = """
[preset.scope]
preset = "metamorph"
title = "our scope"
ignore = ["*_preview*"]
[preset.scope.complete]
quiet_s = 60
"""


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_alone_suffices(tmp_path: Path, name: str) -> None:
    watch = watch_of(tmp_path, f'preset = "{name}"')
    preset, layout = PRESETS[name], watch.layout
    assert [form.name for form in layout.pattern.forms] == list(preset.names)
    assert layout.key_fields == only_layout_of(preset).key_fields
    assert watch.output_name.template == preset.output
    assert watch.completion.rules == tuple(preset.complete.rules)
    assert (watch.sidecars is None) == (preset.sidecar is None)


class TestOverriding:
    """Keys of the watch, over those of MetaMorph."""

    BASE = PRESETS["metamorph"]

    def test_tables_are_completed_key_by_key(self, tmp_path: Path) -> None:
        watch = watch_of(
            tmp_path,
            'preset = "metamorph"\nfirst = { t = 0 }\ncomplete = { quiet_s = 5 }\n'
            'sidecar = { files = ["*.nd"] }\naxes = { t = 4 }',
        )
        assert watch.layout.first == {**self.BASE.first, "t": 0}
        assert watch.completion.quiet_s == 5
        assert watch.completion.rules == tuple(self.BASE.complete.rules)
        assert watch.sidecars is not None
        assert (watch.sidecars.kind, watch.sidecars.files) == ("metamorph", ("*.nd",))
        assert watch.layout.sizes["t"].count == 4

    def test_names_to_ignore_are_added(self, tmp_path: Path) -> None:
        watch = watch_of(tmp_path, 'preset = "metamorph"\nignore = ["x*"]')
        assert watch.layout.ignore == (*TEMPORARY_NAMES, *self.BASE.ignore, "x*")

    def test_other_lists_and_values_are_replaced(self, tmp_path: Path) -> None:
        watch = watch_of(
            tmp_path,
            'preset = "metamorph"\nragged_z = "separate"\ncomplete = { rules = ["quiet"] }\n'
            'output = "{name}"',
        )
        assert watch.layout.ragged_z == "separate"
        assert watch.completion.rules == ("quiet",)
        assert watch.output_name.template == "{name}"

    @pytest.mark.parametrize(
        "keys",
        [
            'pattern = "{name}_w{c}{cname}@t{t}.tif"',
            "regex = '(?P<name>.+)_w(?P<c>.)(?P<cname>.+)@t(?P<t>.)\\.tif'",
            "names = { a = '(?P<name>.+)_w(?P<c>.)(?P<cname>.+)@t(?P<t>.)\\.tif', b = '(?P<t>.)' }",
        ],
        ids=["pattern", "regex", "names"],
    )
    def test_one_way_to_read_names_replaces_the_other(self, tmp_path: Path, keys: str) -> None:
        layout = watch_of(tmp_path, f'preset = "metamorph"\n{keys}').layout
        name = layout.parse(PurePosixPath("in/exp_w2GFP@t3.tif"))
        assert name.coordinate == ("3", "", "", "2")
        assert name.sequence == (("folder", "in"), ("name", "exp"))
        assert not layout.matches(PurePosixPath("exp_w2GFP_t3.tif"))
        assert layout.channel_name == "cname"

    @pytest.mark.parametrize("base", ["pattern", "regex", "names"])
    @pytest.mark.parametrize("own", ["pattern", "regex", "names"])
    def test_each_way_replaces_each(self, tmp_path: Path, base: str, own: str) -> None:
        def grammar(way: str, name: str) -> str:
            if way == "pattern":
                return f'pattern = "{name}_{{t}}.tif"'
            text = f"'{name}_(?P<t>.+)\\.tif'"
            return f"{way} = {text if way == 'regex' else f'{{ only = {text} }}'}"

        further = f"[preset.base]\n{grammar(base, 'base')}\naxes = {{ t = 2 }}"
        layout = watch_of(tmp_path, f'preset = "base"\n{grammar(own, "own")}', further).layout
        assert layout.parse(PurePosixPath("own_1.tif")).coordinate == ("1", "", "", "")
        assert not layout.matches(PurePosixPath("base_1.tif"))

    def test_fields_that_tell_sequences_apart_replace_a_file_per_well(self, tmp_path: Path) -> None:
        base = watch_of(tmp_path, 'preset = "operetta"').layout
        assert (base.file_per, base.key_fields) == ("well", ("root", "well"))
        own = watch_of(tmp_path, 'preset = "operetta"\nsequence = ["root"]').layout
        assert (own.file_per, own.key_fields) == ("plate", ("root",))
        both = watch_of(
            tmp_path, 'preset = "operetta"\nsequence = ["root"]\nfile_per = "site"'
        ).layout
        assert both.key_fields == ("root", "well", "field")

    @pytest.mark.parametrize("keys", [PATTERN, 'sequence = ["name"]', 'file_per = "site"'])
    def test_the_output_is_not_named_after_other_fields(self, tmp_path: Path, keys: str) -> None:
        further = f'[preset.base]\n{PATTERN}\n{QUIET}\nsequence = ["folder"]\noutput = "{{folder}}"'
        assert watch_of(tmp_path, 'preset = "base"', further).output_name.template == "{folder}"
        watch = watch_of(tmp_path, f'preset = "base"\n{keys}', further)
        assert watch.output_name.template == ""


class TestOwnPresets:
    def test_one_builds_on_another(self, tmp_path: Path) -> None:
        watch = watch_of(tmp_path, 'preset = "scope"\nignore = ["c*"]', OWN)
        base = PRESETS["metamorph"]
        assert watch.completion.quiet_s == 60
        assert watch.completion.rules == tuple(base.complete.rules)
        assert watch.layout.ignore == (*TEMPORARY_NAMES, *base.ignore, "*_preview*", "c*")

    def test_the_chain_may_be_long(self, tmp_path: Path) -> None:
        chain = "".join(
            f'[preset.p{n}]\npreset = "p{n + 1}"\nfirst = {{ t = {n} }}\n' for n in range(20)
        )
        watch = watch_of(tmp_path, 'preset = "p0"', f'{chain}[preset.p20]\npreset = "metamorph"')
        assert watch.layout.first == {**PRESETS["metamorph"].first, "t": 0}

    def test_what_only_presets_have_is_no_key_of_a_watch(self, tmp_path: Path) -> None:
        faults = faults_of(tmp_path, 'preset = "scope"\ntitle = "x"\nnotes = []', further=OWN)
        assert faults == {
            "watch[0].title": "there is no such key",
            "watch[0].notes": "there is no such key",
        }

    def test_one_of_the_name_of_another_takes_its_place(self, tmp_path: Path) -> None:
        own = f"[preset.metamorph]\n{PATTERN}\n{SIZES}"
        watch = watch_of(tmp_path, 'preset = "metamorph"', own)
        assert watch.layout.pattern.is_template


class TestFaults:
    def test_an_unknown_preset_is_told_beside_other_faults(self, tmp_path: Path) -> None:
        faults = faults_of(tmp_path, 'preset = "nope"\naxes = { t = 0 }', f"{PATTERN}\nzoom = 2")
        assert list(faults) == ["watch[0].preset", "watch[0].axes.t", "watch[1].zoom"]
        assert faults["watch[0].preset"].startswith("there is no preset 'nope'; there are andor-")

    def test_an_unknown_preset_is_the_only_fault_of_its_section(self, tmp_path: Path) -> None:
        own = '[preset.a]\npreset = "nope"'
        faults = faults_of(tmp_path, 'preset = "a"', further=own)
        assert list(faults) == ["watch[0].preset", "preset.a.preset"]
        assert faults["watch[0].preset"].startswith("there is no preset 'nope', on which 'a' build")
        assert faults["preset.a.preset"].startswith("there is no preset 'nope'; there are")

    @pytest.mark.parametrize(
        ("own", "keys"),
        [
            ('[preset.a]\npreset = "a"', ["watch[0].preset", "preset.a.preset"]),
            (
                '[preset.a]\npreset = "b"\n[preset.b]\npreset = "a"',
                ["watch[0].preset", "preset.a.preset", "preset.b.preset"],
            ),
        ],
        ids=["itself", "each other"],
    )
    def test_circles_are_told(self, tmp_path: Path, own: str, keys: list[str]) -> None:
        faults = faults_of(tmp_path, 'preset = "a"', further=own)
        assert list(faults) == keys
        assert all(
            "builds on itself; give it a name of its own" in each for each in faults.values()
        )

    def test_a_preset_cannot_adapt_one_of_its_own_name(self, tmp_path: Path) -> None:
        own = '[preset.metamorph]\npreset = "metamorph"\nignore = ["x"]'
        faults = faults_of(tmp_path, 'preset = "metamorph"', further=own)
        assert faults["preset.metamorph.preset"] == (
            "the preset 'metamorph' builds on itself; give it a name of its own"
        )

    @pytest.mark.parametrize("value", ["3", "[]", "true", '["metamorph"]'])
    def test_a_preset_that_is_no_text_is_a_fault(self, tmp_path: Path, value: str) -> None:
        faults = faults_of(tmp_path, f"preset = {value}")
        assert faults == {"watch[0].preset": "Input should be a valid string"}

    def test_faults_of_presets_have_their_keys(self, tmp_path: Path) -> None:
        own = '[preset.a]\npreset = "metamorph"\ntilte = "x"\n[preset.a.simulate]\nperiod_s = 0'
        faults = faults_of(tmp_path, 'preset = "metamorph"', further=own)
        assert faults == {
            "preset.a.tilte": "there is no such key",
            "preset.a.simulate.period_s": "Input should be greater than 0",
        }

    @pytest.mark.parametrize("own", ["[preset]\na = 3", "[[preset]]\na = 3"])
    def test_presets_that_are_no_tables_are_faults(self, tmp_path: Path, own: str) -> None:
        ((key, text),) = faults_of(tmp_path, f"{PATTERN}\n{SIZES}", further=own).items()
        assert key in ("preset", "preset.a")
        assert text == "Input should be a table"
