"""Sidecars that would fill the memory, nest without end, or name what is not theirs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MANY: Final = 30_000
_TEXTS: Final = {
    "empty": b"",
    "zeros": bytes(5000),
    "ones": b"\xff" * 5000,
    "marks": b"\xef\xbb\xbf" * 1000,
    "half a mark": b"\xff",
    "odd bytes": b"\xff\xfe<\0a\0>\0\0",
    "one long line": b"a" * (1 << 18),
    "many lines": b"\r\n" * _MANY,
    "many commas": b'"a",' * _MANY,
    "many quotes": b'"' * _MANY,
    "escapes": b"\x1b[2J\x1b]0;title\x07" * 100,
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
}
_LAUGHS: Final = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def crafted_sidecars(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield title and content of files made from a sound one."""
    yield from _TEXTS.items()
    for count in (2, 100):
        yield f"{count} times", data * count
    for digits in (b"999999999", b"0", b"-7"):
        yield f"all numbers {digits.decode()}", re.sub(rb"(?<![\w.-])\d+(?![\w.-])", digits, data)
    start = data.lstrip(b"\xef\xbb\xbf \r\n")[:1]
    if start == b"<":
        yield from _xml(data)
    elif start == b"{":
        yield from _json(data)
    else:
        lines = data.splitlines(keepends=True)
        yield "each line many times", b"".join(line * 2000 for line in lines)
        yield "without end", data + b'"a","' + b"1" * _MANY


def _xml(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield XML documents."""
    text = data.decode("utf-8-sig")
    head, _, body = text.rpartition("?>")
    name = body[body.index("<") + 1 :].split(None, 1)[0].rstrip(">")
    end = text.rindex("</")
    outside = '<!DOCTYPE o [<!ENTITY o SYSTEM "file:///etc/passwd">]>'
    inside = {
        "deep": "<a>" * _MANY + "</a>" * _MANY,
        "deep without end": "<a>" * _MANY,
        "wide": "<a/>" * _MANY,
        "attributes": "<a " + " ".join(f'b{n}="1"' for n in range(20_000)) + "/>",
        "long value": f'<a b="{"c" * (1 << 18)}"/>',
        "long text": "c" * (1 << 20),
        "references": "&#65;" * _MANY,
        "unknown reference": "&laughs;",
        "cdata": "<![CDATA[" + "]]" * _MANY,
        "comment": "<!--" + "-" * _MANY,
        "instructions": "<?a b?>" * 10_000,
        "namespaces": "".join(f'<a xmlns="http://a/{n}"/>' for n in range(10_000)),
    }
    for title, part in inside.items():
        yield title, (text[:end] + part + text[end:]).encode()
    for title, mark in {"laughs": _LAUGHS + "]>", "outside": outside}.items():
        marked = f"{head}{'?>' * bool(head)}{mark}{body.replace(f'<{name}', f'<{name}', 1)}"
        yield title, marked.encode()
    for encoding in ("utf-16", "utf-32", "utf-7"):
        yield f"in {encoding}", text.encode(encoding)
        yield f"said to be in {encoding}", text.replace("utf-8", encoding).encode()


def _json(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield JSON documents."""
    text = data.decode()
    end = text.rindex("}")
    inside = {
        "deep list": ',"Summary": ' + "[" * _MANY + "]" * _MANY,
        "deep object": ',"Summary": ' + '{"Summary": ' * _MANY,
        "long number": ',"Summary": {"Frames": ' + "9" * 10_000 + "}",
        "long power": ',"Summary": {"Frames": 1e999999999}',
        "no numbers": ',"Summary": {"Frames": NaN, "Slices": Infinity, "Channels": -1e400}',
        "many keys": "".join(f',"FrameKey-{n}-0-0": {{}}' for n in range(_MANY // 4)),
        "many openings": ',"Summary": {' * (_MANY // 4),
        "many escapes": ',"Metadata-' + "\\" * _MANY + '": {}',
        "many halves": ',"Summary": {"' * 2000 + "a" * 2000,
        "surrogates": ',"Coords-\\ud800.tif": {}, "Metadata-\\udfff/a.tif": {}',
        "paths": ',"Coords-../../../etc/passwd": {}, "Metadata-C:\\\\x.tif": {"a": 1}',
    }
    for title, part in inside.items():
        yield title, (text[:end] + part + text[end:]).encode()
    yield "list", b"[" + data + b"]"
    yield "in utf-16", text.encode("utf-16")
