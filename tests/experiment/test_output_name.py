"""Names of output files: always safe, whatever the source names hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nd2watch.errors import LayoutError
from nd2watch.experiment import OutputName

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
    with pytest.raises(LayoutError, match="uses well, x; the sequence has watch, date, folder, sample"):
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
@given(first=texts, second=texts, template=st.sampled_from(["", "{a}/{b}", "{a}{b}", "{b}.x/a"]))
def test_any_text_gives_a_safe_path(first: str, second: str, template: str) -> None:
    assert_safe(OutputName(template=template).path((("a", first), ("b", second)), "scope"))


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
