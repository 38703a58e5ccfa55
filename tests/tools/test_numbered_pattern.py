"""Patterns whose groups are told by their number."""

from __future__ import annotations

import re
import unicodedata
from string import ascii_letters, digits
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from nd2watch.errors import LayoutError
from nd2watch.tools.numbered_pattern import NumberedPattern, compile_numbered

if TYPE_CHECKING:
    from collections.abc import Callable

SHOWN = re.compile(
    r"capture group (\d+) of (.*)>>>(.*)<<<(.*) is given for no dimension", re.DOTALL
)
ATOMS = [
    *(r"a", r"\d", r"\(", r"\)", r"\\", r"\[", r"[(]", r"[)]", r"[^)]", r"[]()]", r"[^](]"),
    *(r"[a\](]", r"[a[]", r"(?#a(b)", r"\.", r"(?=a)", r"(?:)", r"x*?"),
]
WRAPPERS = ["({})", "(?:{})", "(?P<n>{})", "(?={})", "(?<!{})", "(?>{})", "(?i:{})", "{}|b", "a{}z"]
SPECIAL = r"*?\\"


def simple(source: str, **numbers: list[int]) -> NumberedPattern:
    return compile_numbered(source, numbers, simple=True, flatten=True)


def _wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def wrap(texts: list[str], wrapper: str) -> str:
        return wrapper.replace("{}", "".join(texts))

    return st.builds(wrap, st.lists(inner, min_size=1, max_size=3), st.sampled_from(WRAPPERS))


def _named_apart(source: str) -> str:
    """Return a pattern in which each named group has a name of its own."""
    first, *others = source.split("(?P<n>")
    return first + "".join(f"(?P<n{number}>{rest}" for number, rest in enumerate(others))


expressions = st.recursive(st.sampled_from(ATOMS), _wrapped, max_leaves=12).map(_named_apart)


class TestGroups:
    """Where the groups are, which messages show."""

    @given(source=expressions)
    @example(source=r"(a)(?(1)(b)|(c))")
    @example(source=r"(?P<n0>a)(?P=n0)(b)")
    @example(source=r"\\(a)[\]](b)")
    def test_each_group_is_shown_where_it_is(self, source: str) -> None:
        try:
            count = re.compile(source).groups
        except re.error:
            assume(False)
        for number in range(1, count + 1):
            others = [other for other in range(1, count + 1) if other != number]
            with pytest.raises(LayoutError) as refusal:
                compile_numbered(source, {"timeloop": others}, flatten=True)
            shown = SHOWN.match(str(refusal.value))
            assert shown is not None
            told, before, group, behind = shown.groups()
            assert (int(told), before + group + behind) == (number, source)
            # With a name it is the group of that number for the regular expression itself,
            named = re.sub(r"^\((\?P<\w+>)?", "(?P<own>", group)
            own = re.sub(r"\(\?P=n0\)", "", f"{before}{named}{behind}")
            assert re.compile(own).groupindex["own"] == number
            # and its brackets are a pair.
            inner = re.sub(r"^\((\?P<\w+>)?", "", group)[:-1]
            assert re.compile(group).groups == re.compile(inner).groups + 1

    def test_comments_of_a_verbose_expression_are_no_groups(self) -> None:
        with pytest.raises(LayoutError, match=r"capture group 1 of \(\?x\)\(a\) # \(b is given"):
            compile_numbered("(?x)(a) # (b", {})

    def test_groups_are_given_by_their_number_even_if_they_have_names(self) -> None:
        pattern = compile_numbered(r"(?P<z>\d+)_(\d+)", {"timeloop": [1], "zstack": [2]})
        assert pattern.match("a_007_08.tif") == {"t": ("7",), "z": ("8",)}

    def test_a_group_that_takes_no_part_has_an_empty_label(self) -> None:
        pattern = compile_numbered(r"a(?:_z(\d+))?\.tif", {"zstack": [1]})
        assert pattern.match("a.tif") == {"z": ("",)}
        assert pattern.match("a_z2.tif") == {"z": ("2",)}

    def test_x_is_before_y_whatever_their_order_in_the_name(self) -> None:
        numbers = {"multipoint_x": [2], "multipoint_y": [1]}
        pattern = compile_numbered(r"y(\d+)x(\d+)", numbers)
        assert pattern.match("y5x3") == {"p": ("3", "5")}

    def test_letters_with_accents_are_the_same_however_they_are_composed(self) -> None:
        composed = "pr\u00e4parat_(\\d+)"
        separate = unicodedata.normalize("NFD", composed)
        for source in (composed, separate):
            pattern = compile_numbered(source, {"timeloop": [1]})
            for name in ("pr\u00e4parat_1", unicodedata.normalize("NFD", "pr\u00e4parat_1")):
                assert pattern.match(name) == {"t": ("1",)}


class TestSimple:
    """Patterns of stars and question marks."""

    @given(data=st.data())
    def test_simple_patterns_match_literally_what_they_say(self, data: st.DataObject) -> None:
        between = st.text(st.sampled_from("_-.+()[]{}^$|*?\\ #&~"), min_size=1, max_size=3)
        value = st.text(st.sampled_from(ascii_letters + digits), min_size=1, max_size=4)
        parts = data.draw(
            st.lists(st.tuples(between, value, st.booleans()), min_size=1, max_size=4)
        )
        source, name = "", ""
        for text, label, is_run in parts:
            source += "".join(f"\\{c}" if c in SPECIAL else c for c in text)
            source += "*" if is_run else "?" * len(label)
            name += text + label
        pattern = simple(f"{source}.tif", timeloop=list(range(1, len(parts) + 1)))
        expected = tuple(str(int(v)) if v.isdecimal() else v for _, v, _ in parts)
        assert pattern.match(f"{name}.tif") == {"t": expected}
        assert pattern.match(f"{name[1:]}.tif") is None
        assert pattern.match(f"{name}_tif") is None

    def test_question_marks_are_exactly_as_many_characters(self) -> None:
        pattern = simple("a_???.tif", timeloop=[1])
        assert pattern.match("a_012.tif") == {"t": ("12",)}
        assert pattern.match("a_12.tif") is None
        assert pattern.match("a_0123.tif") is None

    def test_a_star_is_at_least_one_character_and_as_few_as_possible(self) -> None:
        pattern = simple("a*_c*.tif", timeloop=[1], channel=[2])
        assert pattern.match("a1_c2_c3.tif") == {"t": ("1",), "c": ("2_c3",)}
        assert pattern.match("a_c2.tif") is None

    @pytest.mark.parametrize("name", ["a_1234.tif", "a_1234.ome.tif", "a_1234.TIFF"])
    def test_a_star_at_the_end_goes_up_to_the_ending(self, name: str) -> None:
        assert simple("a_*", timeloop=[1]).match(name) == {"t": ("1234",)}
        assert simple("a_*", timeloop=[1]).match("a_1.5.png") == {"t": ("1.5",)}

    def test_neither_star_nor_question_marks_leave_their_folder(self) -> None:
        pattern = simple("pos*/t??.tif", multipoint=[1], timeloop=[2])
        assert pattern.match("pos1/t02.tif") == {"p": ("1",), "t": ("2",)}
        assert pattern.match("pos1/old/t02.tif") is None
        assert simple("a?", timeloop=[1]).match("a/b.tif") is None

    @pytest.mark.parametrize(
        ("source", "name"), [(r"a\*b_*.tif", "a*b_1.tif"), (r"a\?\\_*.tif", "a?\\_1.tif")]
    )
    def test_a_backslash_takes_the_next_character_as_it_is(self, source: str, name: str) -> None:
        pattern = simple(source, timeloop=[1])
        assert pattern.match(name) == {"t": ("1",)}
        assert pattern.match(name.replace("*", "x").replace("?", "x")) is None


def _refused(call: Callable[[], object]) -> str:
    with pytest.raises(LayoutError) as refusal:
        call()
    return str(refusal.value)


class TestRefusals:
    """What is refused, with the group shown in the pattern."""

    def test_a_group_without_a_dimension(self) -> None:
        message = _refused(lambda: compile_numbered(r"t(\d+)_c(\w+)", {"timeloop": [1]}))
        assert message.startswith(
            r"capture group 2 of t(\d+)_c>>>(\w+)<<< is given for no dimension"
        )
        message = _refused(lambda: simple("t*_c*.tif", channel=[2]))
        assert message.startswith("capture group 1 of t>>>*<<<_c*.tif is given for no dimension")

    def test_a_group_with_two_dimensions(self) -> None:
        message = _refused(lambda: simple("t*_c*.tif", timeloop=[1], channel=[1, 2]))
        assert message == (
            "capture group 1 of t>>>*<<<_c*.tif is given for --timeloop and for --channel"
        )
        message = _refused(lambda: simple("t*_c*.tif", timeloop=[1, 1], channel=[2]))
        assert message.endswith("is given for --timeloop and for --timeloop")

    @pytest.mark.parametrize("number", [-1, 0, 3])
    def test_a_number_that_is_of_no_group(self, number: int) -> None:
        numbers = {"timeloop": [1], "zstack": [number]}
        assert _refused(lambda: compile_numbered(r"t(\d+)_(?:z)(\w+)", numbers)) == (
            rf"--zstack {number}: there is no such group; the pattern t(\d+)_(?:z)(\w+) has the"
            r" groups 1: (\d+), 2: (\w+)"
        )

    def test_a_number_for_a_pattern_without_groups(self) -> None:
        message = _refused(lambda: compile_numbered("a.tif", {"zstack": [1]}))
        assert message.endswith("the pattern a.tif has no groups")

    @pytest.mark.parametrize("source", ["(", "a(?P<n>b)(?P<n>c)", "*a", "(?<=a+)b"])
    def test_a_malformed_expression(self, source: str) -> None:
        message = _refused(lambda: compile_numbered(source, {}))
        assert message.startswith(f"malformed pattern {source!r}: ")

    @pytest.mark.parametrize(("given_one", "other"), [("x", "y"), ("y", "x")])
    def test_x_without_y(self, given_one: str, other: str) -> None:
        message = _refused(lambda: compile_numbered("(a)", {f"multipoint_{given_one}": [1]}))
        assert message == f"--multipoint_{given_one} needs --multipoint_{other}"

    @pytest.mark.parametrize(
        "numbers",
        [
            {"channel": [1, 2, 3]},
            {"zstack": [1, 3], "timeloop": [2]},
            {"multipoint": [1], "multipoint_x": [2], "multipoint_y": [3]},
        ],
    )
    def test_several_groups_of_one_dimension_without_being_asked(
        self, numbers: dict[str, list[int]]
    ) -> None:
        message = _refused(lambda: compile_numbered("(a)(b)(c)", numbers))
        assert message.endswith("make one axis only by --flatten_duplicates")
        assert compile_numbered("(a)(b)(c)", numbers, flatten=True).regex.groups == 3
