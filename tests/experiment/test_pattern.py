"""Patterns of file names."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.errors import LayoutError
from nd2watch.experiment import compile_pattern, compile_regex

quick = settings(
    deadline=None,
    derandomize=True,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
)

IMAGEXPRESS = "TimePoint_{t}/{prefix}_{well}_s{p}_w{c:1}{guid:36}.tif"
IMAGEXPRESS_FOLDER = "2024-04-22/1697/TimePoint_1/"
IMAGEXPRESS_NAME = "1well-3C-2S-Zmix-T_C07_s1_w1D5F8F51A-3E85-4358-AE51-A465AF87386F.tif"
IMAGEXPRESS_THUMB = "1well-3C-2S-Zmix-T_C07_s1_w1_thumbD5F8F51A-3E85-4358-AE51-A465AF87386F.tif"

NFC, NFD = unicodedata.normalize("NFC", "Größe"), unicodedata.normalize("NFD", "Größe")


def match(pattern: str, path: str) -> dict[str, str] | None:
    return compile_pattern(pattern).match(PurePosixPath(path))


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        pytest.param("img_t{t}.tif", "img_t007.tif", {"t": "007"}, id="number"),
        pytest.param("img_t{t}.tif", "img_t.tif", None, id="no digit"),
        pytest.param("img_t{t}.tif", "img_tx.tif", None, id="letters for a number"),
        pytest.param("img_t{t}.tif", "img_t٣.tif", None, id="digits of another script"),
        pytest.param("img_t{t}.tif", "img_t1.tif.tmp", None, id="more behind"),
        pytest.param("img_t{t}.tif", "x_img_t1.tif", None, id="more in front"),
        pytest.param("img_t{t}.tif", "img_t1.tif\n", None, id="line break behind"),
        pytest.param("img_t{t}.tif", "imgxt1.tif", None, id="fixed text differs"),
        pytest.param("a.b+{t}.tif", "a.b+1.tif", {"t": "1"}, id="fixed text of signs"),
        pytest.param("a.b+{t}.tif", "axbb1.tif", None, id="signs are no regex"),
        pytest.param("{t:3}.tif", "012.tif", {"t": "012"}, id="width fits"),
        pytest.param("{t:3}.tif", "12.tif", None, id="too short"),
        pytest.param("{t:3}.tif", "0012.tif", None, id="too long"),
        pytest.param("{t:3}{z:2}.tif", "01234.tif", {"t": "012", "z": "34"}, id="two widths"),
        pytest.param("{c:3}{t}.tif", "GFP4.tif", {"c": "GFP", "t": "4"}, id="width of text"),
        pytest.param("{c:2}{t}.tif", "😀é4.tif", {"c": "😀é", "t": "4"}, id="width in characters"),
        pytest.param("{t:text}.tif", "one.tif", {"t": "one"}, id="text for an axis of numbers"),
        pytest.param("{c:number}.tif", "12.tif", {"c": "12"}, id="numbers for a channel"),
        pytest.param("{c:number}.tif", "GFP.tif", None, id="text where a number is asked"),
        pytest.param("{s}_{c}.tif", "a_b_c.tif", {"s": "a", "c": "b_c"}, id="as short as possible"),
        pytest.param("{s}_{c}.tif", "_b.tif", None, id="no empty text"),
        pytest.param("*_{t}.tif", "any_thing_3.tif", {"t": "3"}, id="star"),
        pytest.param("*{t}.tif", "3.tif", {"t": "3"}, id="star for nothing"),
        pytest.param("*/{t}.tif", "a/3.tif", {"t": "3"}, id="star for a folder"),
        pytest.param("*_{t}.tif", "a/b_3.tif", {"t": "3", "folder": "a"}, id="star within a part"),
        pytest.param("?_{t}.tif", "a_3.tif", {"t": "3"}, id="question mark"),
        pytest.param("?_{t}.tif", "ab_3.tif", None, id="question mark for two"),
        pytest.param("{s}/{s}_{t}.tif", "run1/run1_3.tif", {"s": "run1", "t": "3"}, id="again"),
        pytest.param("{s}/{s}_{t}.tif", "run1/run2_3.tif", None, id="again but different"),
        pytest.param("{t}_{t}.tif", "1_01.tif", None, id="again with padding"),
        pytest.param("t{t}/z{z}.tif", "t1/z2.tif", {"t": "1", "z": "2"}, id="folder named"),
        pytest.param("t{t}/z{z}.tif", "z2.tif", None, id="folder missing"),
        pytest.param("{t}.tif", "a/b/1.tif", {"t": "1", "folder": "a/b"}, id="folders in front"),
        pytest.param("t{t}/{z}.tif", "a/t1/2.tif", {"t": "1", "z": "2", "folder": "a"}, id="both"),
        pytest.param("{s}{t}.tif", "a/1.tif", None, id="no text runs over a folder"),
        pytest.param("{t}.tif", "1.TIF", {"t": "1"}, id="ending in capitals"),
        pytest.param("{t}.TIF", "1.tif", {"t": "1"}, id="pattern in capitals"),
        pytest.param("a{t}.tif", "A1.tif", None, id="capitals elsewhere differ"),
        pytest.param("{t}", "1", {"t": "1"}, id="no ending"),
        pytest.param("{t}.{ext}", "1.tif", {"t": "1", "ext": "tif"}, id="ending as a field"),
        pytest.param(f"{NFC}{{t}}.tif", f"{NFD}1.tif", {"t": "1"}, id="decomposed name"),
        pytest.param(f"{NFD}{{t}}.tif", f"{NFC}1.tif", {"t": "1"}, id="decomposed pattern"),
        pytest.param("{s}_{t}.tif", f"{NFD}_1.tif", {"s": NFC, "t": "1"}, id="decomposed text"),
        pytest.param("{s}_{t}.tif", "a\nb_1.tif", {"s": "a\nb", "t": "1"}, id="line break inside"),
        pytest.param("{s}_{t}.tif", "\udcff_1.tif", {"s": "\udcff", "t": "1"}, id="no UTF-8"),
    ],
)
def test_a_pattern_matches_names(pattern: str, path: str, expected: dict[str, str] | None) -> None:
    found = match(pattern, path)
    assert found == (None if expected is None else {"folder": "", **expected})


def test_a_real_imagexpress_name_matches() -> None:
    assert match(IMAGEXPRESS, IMAGEXPRESS_FOLDER + IMAGEXPRESS_NAME) == {
        "folder": "2024-04-22/1697",
        "t": "1",
        "prefix": "1well-3C-2S-Zmix-T",
        "well": "C07",
        "p": "1",
        "c": "1",
        "guid": "D5F8F51A-3E85-4358-AE51-A465AF87386F",
    }


@pytest.mark.parametrize(
    "path",
    [
        IMAGEXPRESS_FOLDER + IMAGEXPRESS_THUMB,
        IMAGEXPRESS_NAME,
        "2024-04-22/1697/TimePoint_1",
        "2024-04-22/1697/TimePoint_x/" + IMAGEXPRESS_NAME,
        IMAGEXPRESS_FOLDER + "ZStep_1/" + IMAGEXPRESS_NAME,
    ],
    ids=["thumbnail", "no folder", "the folder", "no time point", "one folder deeper"],
)
def test_what_lies_beside_imagexpress_names_does_not_match(path: str) -> None:
    assert match(IMAGEXPRESS, path) is None


def test_windows_paths_match() -> None:
    path = PureWindowsPath(r"run\t1\z2.TIF")
    assert compile_pattern("t{t}/z{z}.tif").match(path) == {"folder": "run", "t": "1", "z": "2"}


def test_fields_are_listed_in_order() -> None:
    assert compile_pattern("{s}/{c}_{z}_{s}_{t}.tif").fields == ("s", "c", "z", "t")


@pytest.mark.parametrize(
    ("regex", "path", "expected"),
    [
        pytest.param(r"t(?P<t>\d+)\.tif", "a/t5.tif", {"folder": "a", "t": "5"}, id="name"),
        pytest.param(r"t(?P<t>\d+)\.tif", "a/xt5.tif", None, id="name in full"),
        pytest.param(r"t(?P<t>\d+)\.tif", "a/t5.TIF", None, id="ending as written"),
        pytest.param(r"(?i)t(?P<t>\d+)\.tif", "T5.TIF", {"folder": "", "t": "5"}, id="flag"),
        pytest.param(
            r"(?P<s>.+)/t(?P<t>\d+)\.tif",
            "a/b/t5.tif",
            {"folder": "", "s": "a/b", "t": "5"},
            id="path",
        ),
        pytest.param(r"(?P<s>.+)/t(?P<t>\d+)\.tif", "t5.tif", None, id="path without folder"),
        pytest.param(
            r"t(?P<t>\d+)(_(?P<c>\w+))?\.tif", "t5.tif", {"folder": "", "t": "5"}, id="absent group"
        ),
        pytest.param(
            rf"{NFC}(?P<t>\d+)\.tif", f"{NFD}5.tif", {"folder": "", "t": "5"}, id="decomposed name"
        ),
    ],
)
def test_a_regular_expression_matches_names(
    regex: str, path: str, expected: dict[str, str] | None
) -> None:
    assert compile_regex(regex).match(PurePosixPath(path)) == expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        pytest.param("{t.tif", "brace that is no field, near '{t'", id="not closed"),
        pytest.param("t}_{z}.tif", "brace that is no field", id="not opened"),
        pytest.param("{}{t}.tif", "brace that is no field", id="no name"),
        pytest.param("{1}{t}.tif", "brace that is no field", id="number as name"),
        pytest.param("{t }.tif", "brace that is no field", id="space"),
        pytest.param("{t-1}.tif", "brace that is no field", id="sign in the name"),
        pytest.param("{{t}}.tif", "brace that is no field", id="doubled"),
        pytest.param("{t}.{", "brace that is no field", id="behind the last field"),
        pytest.param("{t:}.tif", "after the colon comes", id="nothing behind the colon"),
        pytest.param("{t:0}.tif", r"field {t:0}: after the colon", id="width 0"),
        pytest.param("{t:256}.tif", "after the colon", id="longer than a name"),
        pytest.param("{t:-1}.tif", "after the colon", id="negative width"),
        pytest.param("{t:03d}.tif", "after the colon", id="format of Python"),
        pytest.param("{t}{x:word}.tif", "'text' or 'number'", id="unknown kind"),
        pytest.param("{t}{x:²}.tif", "after the colon", id="superscript width"),
        pytest.param("{t}{x:٣}.tif", "after the colon", id="width of another script"),
        pytest.param("{t}{x²}.tif", "x²", id="superscript in the name"),
        pytest.param("{t:" + "9" * 5000 + "}.tif", "after the colon", id="width of 5000 digits"),
        pytest.param("{folder}/{t}.tif", "{folder} is set by itself", id="folder"),
    ],
)
def test_a_malformed_pattern_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("regex", "message"),
    [
        pytest.param("(?P<t>", "malformed regular expression", id="not closed"),
        pytest.param("(?P<t>a{9999999999999})", "malformed regular expression", id="too many"),
        pytest.param("(" * 3000 + "(?P<t>a)" + ")" * 3000, "malformed", id="nested too deeply"),
    ],
)
def test_a_malformed_regular_expression_is_refused(regex: str, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        compile_regex(regex)


@quick
@given(source=st.text(st.sampled_from("{}:tzcx_*?/.\\[]()²٣12 é\n"), max_size=30))
def test_any_text_gives_a_pattern_or_a_layout_error(source: str) -> None:
    try:
        pattern = compile_pattern(source)
    except LayoutError:
        return
    assert pattern.source == source
    pattern.match(PurePosixPath("a/b_t1.tif"))


@pytest.mark.parametrize(
    ("pattern", "fields", "expected"),
    [
        ("img_t{t:3}_{c}.tif", {"t": "7", "c": "GFP"}, "img_t007_GFP.tif"),
        ("img_t{t}.tif", {"t": "7"}, "img_t7.tif"),
        ("{s}/{s}_{t:2}.tif", {"s": "run", "t": "123"}, "run/run_123.tif"),
        ("{c:3}.tif", {"c": "ab"}, "ab.tif"),
    ],
    ids=["padded", "as it is", "again", "text is not padded"],
)
def test_a_pattern_is_filled_with_fields(
    pattern: str, fields: dict[str, str], expected: str
) -> None:
    assert compile_pattern(pattern).render(fields) == expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("{t}_{c}.tif", "cannot be filled: {c}"), ("{t}*.tif", r"cannot be filled: \*")],
    ids=["field missing", "wildcard"],
)
def test_a_pattern_that_cannot_be_filled_says_why(pattern: str, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        compile_pattern(pattern).render({"t": "1"})


@pytest.mark.parametrize("regex", [r"(?P<t>\d+)", r"a/(?P<t>\d+)"], ids=["name", "path"])
def test_a_regular_expression_cannot_be_filled(regex: str) -> None:
    with pytest.raises(LayoutError, match="cannot be filled"):
        compile_regex(regex).render({"t": "1"})


@quick
@given(
    t=st.integers(0, 999),
    s=st.text(st.characters(exclude_characters="/\0_", exclude_categories=["Cs"]), min_size=1),
    c=st.sampled_from(["DAPI", "GFP", "Cy5"]),
)
def test_a_filled_pattern_reads_back(t: int, s: str, c: str) -> None:
    pattern = compile_pattern("run_{s}_x/{s}_t{t:3}_{c}.tif")
    path = pattern.render({"t": str(t), "s": s, "c": c})
    found = pattern.match(PurePosixPath("up") / path)
    expected = {"s": unicodedata.normalize("NFC", s), "t": f"{t:03}", "c": c}
    assert found == {"folder": "up", **expected}
