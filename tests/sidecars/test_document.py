"""XML documents that are whole, half-written, or made to do harm."""

from __future__ import annotations

import gc
import time
import tracemalloc
from pathlib import Path

import pytest

from nd2watch.errors import SidecarError
from nd2watch.sidecars import document
from nd2watch.sidecars.document import Document, elements

LIST = (
    '<?xml version="1.0" encoding="utf-8"?>\n<a:list xmlns:a="urn:a">\n <a:of at="\u00b5">'
    "<a:b>1<c/></a:b><d><a:b/></d></a:of><a:b>2</a:b>\n</a:list>\n"
)


def texts(data: str | bytes, *records: str, is_lenient: bool = False) -> list[str]:
    """Return the texts of all records."""
    encoded = data.encode() if isinstance(data, str) else data
    read = Document(Path("list.xml"), encoded, *records, is_lenient=is_lenient)
    return [line[-1].text or "" for line in read]


def test_records_are_known_by_their_path_below_the_root() -> None:
    assert texts(LIST, "b") == ["2"]
    assert texts(LIST, "of/b") == ["1"]
    assert texts(LIST, "b", "of/b", "d/b") == ["1", "2"]
    assert texts(LIST) == []


def test_a_record_is_handed_out_with_the_elements_in_which_it_lies() -> None:
    read = Document(Path("list.xml"), LIST.encode(), "of/b")
    lines = [[element.tag for element in line] for line in read]
    assert lines == [["list", "of", "b"]]


def test_what_is_no_record_stays_in_the_tree_and_records_are_emptied() -> None:
    read = Document(Path("list.xml"), LIST.encode(), "of/b")
    assert [len(record) for _, _, record in read] == [1]
    assert read.is_whole
    assert [element.tag for element in read.root.iter()] == ["list", "of", "b", "d", "b", "b"]


@pytest.mark.parametrize("end", range(len(LIST.encode()) + 1))
def test_a_document_that_is_cut_gives_the_records_that_are_whole(end: int) -> None:
    data = LIST.encode()[:end]
    whole = [text for text, mark in (("1", b"1<c/></a:b>"), ("2", b"2</a:b>")) if mark in data]
    if b'urn:a">' not in data:
        with pytest.raises(SidecarError, match="is empty yet, or no XML"):
            texts(data, "of/b", "b")
    else:
        assert texts(data, "of/b", "b") == whole
        assert elements(Path("list.xml"), data)[1] == (b"</a:list>" in data)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_is_that_of_the_text_whatever_it_declares(coding: str) -> None:
    root, is_whole = elements(Path("list.xml"), LIST.encode(coding))
    assert is_whole
    assert root[0].get("at") == "\u00b5"


@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_half_a_character_is_not_read_yet(coding: str) -> None:
    data = LIST.encode(coding)
    end = data.index("\u00b5".encode(coding.replace("16", "16-le"))) + 1
    root, is_whole = elements(Path("list.xml"), data[:end])
    assert (root.tag, len(root), is_whole) == ("list", 0, False)


@pytest.mark.parametrize("rest", [">", "<again/>", "&", "\0", "<b>3</b>"])
def test_what_follows_a_document_is_overlooked(rest: str) -> None:
    assert texts(LIST + rest, "b") == ["2"]
    assert elements(Path("list.xml"), (LIST + rest).encode())[1]


@pytest.mark.parametrize("coding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_a_document_type_is_refused(coding: str) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    with pytest.raises(SidecarError, match="document type"):
        texts(bomb.encode(coding))


@pytest.mark.parametrize("count", [101, 5_000, 100_000, 1_000_000])
@pytest.mark.parametrize("is_closed", [False, True])
def test_a_document_that_is_absurdly_deep_is_refused(count: int, is_closed: bool) -> None:
    data = b"<a>" * count + b"</a>" * (count if is_closed else 0)
    with pytest.raises(SidecarError, match="absurdly deep"):
        texts(data, "a")
    gc.collect()


def test_a_document_may_be_100_deep() -> None:
    assert texts("<a>" * 99 + "<b>1</b>" + "</a>" * 99, "/".join("a" * 98 + "b")) == ["1"]


def test_a_document_of_too_many_elements_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_MOST", 100)
    with pytest.raises(SidecarError, match="large"):
        texts("<a>" + "<b/>" * 100)
    assert len(texts("<a>" + "<b><c/><c/></b>" * 90, "b")) == 90


@pytest.mark.parametrize("form", ["<a b='{}'/>", "<a><!--{}--></a>", "<a>{}</a>", "<{}/>"])
def test_a_part_without_end_is_soon_refused(form: str) -> None:
    begun = time.process_time()
    with pytest.raises(SidecarError, match="without an element"):
        texts(form.format("x" * 30_000_000))
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("blanks", [0, *range(4080, 4100)])
@pytest.mark.parametrize("odd", ["\x01", "&#x1F;", "&#0;", "&#00000031;"])
def test_lenient_reading_makes_blanks_of_what_xml_does_not_allow(blanks: int, odd: str) -> None:
    data = f"<a>{' ' * blanks}<b>x{odd}&amp;&#65;</b></a>"
    assert texts(data, "b", is_lenient=True) == ["x &A"]
    assert texts(data, "b") == []


def test_records_take_no_memory_once_they_are_handed_out() -> None:
    record = "<b>" + "<c>some text</c>" * 40 + "</b>"
    data = ("<a>" + record * 5000 + "</a>").encode()
    tracemalloc.start()
    assert len(texts(data, "b")) == 5000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(data)
