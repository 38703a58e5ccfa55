"""Names of output files: always safe, whatever the source names hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nd2watch.errors import LayoutError
from nd2watch.experiment import OutputName, safe_part

quick = settings(
    deadline=None,
    derandomize=True,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow],
)

KEY = (("folder", "2024/run 1"), ("sample", "A1"), ("empty", ""))

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file; spaces in front of the first dot
# do not count.
DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE | re.DOTALL)

HOSTILE = {
    "upwards path": "../../etc/passwd",
    "upwards": "..",
    "dot": ".",
    "dots": "...",
    "absolute": "/etc/passwd",
    "home": "~root",
    "Windows path": "C:\\windows\\x",
    "Windows share": "\\\\server\\share",
    "NUL": "a\0b",
    "line breaks": "a\nb\r\n",
    "tab": "\t",
    "spaces": "   ",
    "hidden": ".hidden",
    "option": "-rf",
    "dot behind": "name.",
    "space behind": "name ",
    "device": "CON",
    "device with ending": "con.txt",
    "device in mixed case": "nUl",
    "device with number": "COM1.tif",
    "last device": "lpt9",
    "device with superscript": "COM¹",
    "device and space": "aux .x",
    "device and many spaces": "con" + " " * 250 + "x",
    "device and many dots": "con" + "." * 250 + "x",
    "300 characters": "x" * 300,
    "300 letters of 2 bytes": "é" * 300,
    "300 letters of 4 bytes": "😀" * 300,
    "combining marks": "e\u0301" * 200,
    "bytes that are no UTF-8": "\udcff\udc80",
    "half a surrogate pair": "\ud83d",
    "right to left": "\u202egpj.exe",
    "signs": "a:b|c?d*e<f>g\"h'i`j$k",
    "braces": "{sample}",
    "empty": "",
}


def assert_safe(path: Path) -> None:
    text = str(path)
    assert not path.is_absolute()
    assert path.suffix == ".nd2"
    for part in path.parts:
        assert part not in {"", ".", ".."}
        assert not part.startswith(".")
        assert not part.endswith((".", " "))
        assert not DEVICES.fullmatch(part), f"{part!r} is a device on Windows"
        assert len(part.encode()) <= 255
    assert not re.search(r'[\0-\x1f<>:"\\|?*$`;&!\'~\u202a-\u202e\ud800-\udfff]', text)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("", "2024_run 1_A1.nd2", id="all texts"),
        pytest.param("{sample}", "A1.nd2", id="one field"),
        pytest.param("{sample}.nd2", "A1.nd2", id="with ending"),
        pytest.param("{folder}/{sample}", "2024_run 1/A1.nd2", id="folder of the template"),
        pytest.param("out/{watch}-{sample}", "out/scope-A1.nd2", id="name of the watch"),
        pytest.param("{sample}{sample}", "A1A1.nd2", id="a field twice"),
        pytest.param("{empty}", "_.nd2", id="empty field"),
        pytest.param("a//{sample}", "a/A1.nd2", id="empty part"),
        pytest.param("fixed", "fixed.nd2", id="no field"),
    ],
)
def test_a_template_is_filled(template: str, expected: str) -> None:
    assert OutputName(template=template).path(KEY, "scope") == Path(expected)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{sample}_{empty}", "A1.nd2"),
        ("{empty}_{sample}", "A1.nd2"),
        ("{sample}_{empty}_{watch}", "A1_scope.nd2"),
        ("{sample}_{empty}-{gone} {watch}", "A1_scope.nd2"),
        ("{sample}{empty}{watch}", "A1scope.nd2"),
        ("{empty}{sample}", "A1.nd2"),
        ("x_{empty}", "x.nd2"),
        ("{empty}.x", "x.nd2"),
        ("{empty}_{gone}", "_.nd2"),
        ("{empty}/{sample}", "A1.nd2"),
        ("{empty}_{gone}/{sample}", "A1.nd2"),
        ("a/{empty}/{gone}/{sample}", "a/A1.nd2"),
        ("{watch}/{empty}", "scope/_.nd2"),
        ("{double}_{empty}", "a__b.nd2"),
        ("{sample}__{watch}", "A1__scope.nd2"),
    ],
)
def test_empty_fields_leave_no_separators_or_folders(template: str, expected: str) -> None:
    key = (*KEY, ("gone", ""), ("double", "a__b"))
    assert OutputName(template=template).path(key, "scope") == Path(expected)


BEGUN = datetime(2024, 3, 1, 9, 5, 7).astimezone()


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{date}", "2024-03-01.nd2"),
        ("{date:}", "2024-03-01.nd2"),
        ("{date:%Y%m%d_%H%M%S}_{sample}", "20240301_090507_A1.nd2"),
        ("{date:%Y}/{date:%m}/{sample}", "2024/03/A1.nd2"),
        ("{date:%H:%M}", "09_05.nd2"),
        ("{date:%n%t}{sample}", "__A1.nd2"),
        ("{date:..}/{sample}", "_/A1.nd2"),
        ("{date:%%}", "%.nd2"),
    ],
)
def test_the_date_is_written_in_local_time_in_any_form(template: str, expected: str) -> None:
    name = OutputName(template=template)
    for started in (BEGUN, BEGUN.astimezone(UTC)):
        assert name.path(KEY, "scope", started) == Path(expected)


def test_without_a_start_the_date_is_unknown() -> None:
    name = OutputName(template="{date:%Y}/{sample}_{date}")
    assert name.path(KEY, "scope") == Path("unknown/A1_unknown.nd2")


def test_a_field_of_names_that_is_called_date_is_not_lost() -> None:
    name = OutputName(template="{date}")
    assert name.path((("date", "20231224"),), "scope", BEGUN) == Path("20231224.nd2")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{date:%Y/%m}", r"the form of a date has no / or backslash; folders are {date:%Y}/{date"),
        ("{date:%Y\\%m}", "the form of a date has no / or backslash"),
        ("{date:{sample}}", "brace or backslash"),
        ("{sample:%Y}", "only {date} has a form"),
    ],
)
def test_a_form_that_cannot_be_is_refused(template: str, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        OutputName(template=template).check(["sample"])


@pytest.mark.parametrize("form", ["%Y\0", "\0", "\ud800", "%", "%Q", "%-d", "%" + "%" * 500])
def test_odd_forms_of_dates_give_a_safe_path_or_are_refused(form: str) -> None:
    name = OutputName(template=f"{{date:{form}}}")
    try:
        path = name.path((), "scope", BEGUN)
    except LayoutError:
        with pytest.raises(LayoutError, match="is no form of a date"):
            name.check([])
    else:
        assert_safe(path)


def test_names_that_are_cut_keep_their_end_and_differ() -> None:
    name = OutputName(template="{a}_{date}")
    long = "x" * 205
    texts = (f"{long}a", f"{long}b", f"{long}a{long}")
    paths = [name.path((("a", text),), "scope", BEGUN) for text in texts]
    assert len(set(paths)) == len(texts)
    assert all(re.fullmatch(r"x+_x*[ab]?x*_2024-03-01_[0-9a-f]{8}", path.stem) for path in paths)
    assert paths[0] == Path(f"{'x' * 140}_{'x' * 38}a_2024-03-01_{paths[0].stem[-8:]}.nd2")
    assert len({safe_part(text) for text in texts}) == len(texts)


def test_names_that_are_cut_are_always_the_same() -> None:
    path = OutputName(template="{a}").path((("a", "é" * 200),), "scope")
    assert path.name == f"{'é' * 70}_{'é' * 25}_df20b2aa.nd2"


class TestPart:
    def test_it_stands_behind_the_name(self) -> None:
        name = OutputName(template="{watch}/{sample}.nd2")
        assert name.path(KEY, "scope", part="Cy5_BF") == Path("scope/A1_Cy5_BF.nd2")

    @pytest.mark.parametrize("text", ["x" * 300, "é" * 300, "😀" * 300])
    def test_it_is_kept_when_the_name_is_cut(self, text: str) -> None:
        path = OutputName(template="{a}").path((("a", text),), "scope", part="GFP")
        assert path.stem.endswith("_GFP")
        assert_safe(path)

    @pytest.mark.parametrize("part", HOSTILE.values(), ids=HOSTILE)
    @pytest.mark.parametrize("text", ["A1", "x" * 300, "", "con"])
    def test_hostile_ones_give_a_safe_path(self, part: str, text: str) -> None:
        assert_safe(OutputName(template="{a}").path((("a", text),), "scope", part=part))
        assert_safe(Path(f"x{safe_part(part)}.nd2"))


def test_a_sequence_without_a_name_has_that_of_its_watch() -> None:
    assert OutputName().path((("folder", ""),), "scope") == Path("scope.nd2")


def test_fields_of_a_template_are_listed() -> None:
    assert OutputName(template="{watch}/{a}_{b}").fields == ("watch", "a", "b")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        pytest.param("{a", "brace or backslash", id="not closed"),
        pytest.param("{a-b}", "brace or backslash", id="no name"),
        pytest.param("a\\b", "brace or backslash", id="backslash"),
        pytest.param("/abs/{a}", "leaves the output folder", id="absolute"),
        pytest.param("../{a}", "leaves the output folder", id="upwards"),
        pytest.param("a/../../{a}", "leaves the output folder", id="upwards inside"),
    ],
)
def test_a_template_that_is_not_safe_is_refused(template: str, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        OutputName(template=template)


def test_a_field_that_the_sequence_lacks_is_refused() -> None:
    with pytest.raises(
        LayoutError, match="uses well, x; the sequence has watch, date, folder, sample"
    ):
        OutputName(template="{well}_{x}_{sample}").path(KEY, "scope")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("template", ["", "{a}", "{a}/{a}", "x_{a}", "{a}.nd2"])
def test_hostile_text_gives_a_safe_path(template: str, text: str) -> None:
    assert_safe(OutputName(template=template).path((("a", text),), "scope"))


@pytest.mark.parametrize("watch", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_of_the_watch_gives_a_safe_path(watch: str) -> None:
    assert_safe(OutputName().path((), watch))
    assert_safe(OutputName(template="{watch}/x").path((), watch))


texts = st.text(st.characters(), max_size=300) | st.sampled_from(list(HOSTILE.values()))


@quick
@given(
    first=texts,
    second=texts,
    part=st.just("") | texts,
    template=st.sampled_from(["", "{a}/{b}", "{a}{b}", "{b}.x/a", "{a}_{date}-{b}"]),
)
def test_any_text_gives_a_safe_path(first: str, second: str, part: str, template: str) -> None:
    name = OutputName(template=template)
    assert_safe(name.path((("a", first), ("b", second)), "scope", BEGUN, part))


@quick
@given(template=st.text(st.sampled_from("{}a/. nd2\\"), max_size=12))
@example(template=".nd2")
@example(template="a/.nd2")
@example(template=" /a")
def test_any_template_gives_a_safe_path_or_a_layout_error(template: str) -> None:
    try:
        name = OutputName(template=template)
        path = name.path((("a", "x"),), "scope")
    except LayoutError:
        return
    assert_safe(path)
