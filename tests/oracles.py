"""What the vendor's own ND2 SDK sees in a file.

The SDK ships inside the public wheel nd2 0.4.6 for CPython 3.9 on Linux x86-64. It is fetched
once, only unpacked, and loaded with ctypes.
"""

from __future__ import annotations

import ctypes as ct
import json
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

_FOLDER = Path(os.environ.get("ND2_SDK_DIR", Path(tempfile.gettempdir()) / "nd2-sdk-0.4.6"))
_PLATFORMS = ("manylinux_2_24_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_LIBRARIES = ("liblzma", "libjbig", "libjpeg", "libtiff", "liblimfile", "libnd2readsdk-shared")


class _Picture(ct.Structure):
    """One frame as the SDK hands it over."""

    _fields_ = (
        ("width", ct.c_uint),
        ("height", ct.c_uint),
        ("bits", ct.c_uint),
        ("components", ct.c_uint),
        ("width_bytes", ct.c_size_t),
        ("size", ct.c_size_t),
        ("data", ct.c_void_p),
    )


def _fetch() -> Path:
    """Return the folder with the SDK's libraries, fetching them when they are missing."""
    libraries = _FOLDER / "nd2.libs"
    if not libraries.is_dir():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--python-version=3.9", "--implementation=cp"]
        command += ["--abi=cp39", f"--dest={_FOLDER}", *(f"--platform={p}" for p in _PLATFORMS)]
        subprocess.run([*command, "nd2==0.4.6"], check=True, capture_output=True, text=True)
        with zipfile.ZipFile(next(_FOLDER.glob("nd2-0.4.6-*.whl"))) as wheel:
            wheel.extractall(_FOLDER)
    return libraries


class VendorSdk:
    """The vendor's reader."""

    def __init__(self) -> None:
        folder = _fetch()
        for name in _LIBRARIES:
            library = ct.CDLL(str(next(folder.glob(f"{name}-*.so*"))), mode=ct.RTLD_GLOBAL)
        self._sdk = library
        handle = ct.c_void_p
        library.Lim_FileOpenForReadUtf8.argtypes = [ct.c_char_p]
        library.Lim_FileOpenForReadUtf8.restype = handle
        library.Lim_FileClose.argtypes = [handle]
        for name in ("Attributes", "Metadata", "Textinfo", "Experiment"):
            function = getattr(library, f"Lim_FileGet{name}")
            function.argtypes, function.restype = [handle], handle
        library.Lim_FileGetFrameMetadata.argtypes = [handle, ct.c_uint]
        library.Lim_FileGetFrameMetadata.restype = handle
        library.Lim_FileGetSeqCount.argtypes = [handle]
        library.Lim_FileGetSeqCount.restype = ct.c_uint
        library.Lim_FileGetCoordSize.argtypes = [handle]
        library.Lim_FileGetCoordSize.restype = ct.c_size_t
        library.Lim_FileGetCoordInfo.argtypes = [handle, ct.c_uint, ct.c_char_p, ct.c_size_t]
        library.Lim_FileGetCoordInfo.restype = ct.c_uint
        library.Lim_FileGetCoordsFromSeqIndex.argtypes = [
            handle,
            ct.c_uint,
            ct.POINTER(ct.c_uint),
            ct.c_size_t,
        ]
        library.Lim_FileGetCoordsFromSeqIndex.restype = ct.c_size_t
        library.Lim_FileGetImageData.argtypes = [handle, ct.c_uint, ct.POINTER(_Picture)]
        library.Lim_DestroyPicture.argtypes = [ct.POINTER(_Picture)]
        library.Lim_FileFreeString.argtypes = [handle]

    def read(self, path: Path) -> SdkView:
        """Read everything that tests compare."""
        handle = self._sdk.Lim_FileOpenForReadUtf8(os.fsencode(path))
        assert handle, f"the SDK refuses {path}"
        try:
            count = self._sdk.Lim_FileGetSeqCount(handle)
            loops = self._loops(handle)
            return SdkView(
                loops=loops,
                coordinates=[self._coordinates(handle, n, len(loops)) for n in range(count)],
                attributes=self._json(self._sdk.Lim_FileGetAttributes(handle)),
                metadata=self._json(self._sdk.Lim_FileGetMetadata(handle)),
                experiment=self._json(self._sdk.Lim_FileGetExperiment(handle)),
                text=self._json(self._sdk.Lim_FileGetTextinfo(handle)),
                frame_metadata=[
                    self._json(self._sdk.Lim_FileGetFrameMetadata(handle, index))
                    for index in range(count)
                ],
                frames=[self._pixels(handle, index) for index in range(count)],
            )
        finally:
            self._sdk.Lim_FileClose(handle)

    def _loops(self, handle: int) -> list[tuple[str, int]]:
        """Return kind and size of each loop."""
        loops = []
        for axis in range(self._sdk.Lim_FileGetCoordSize(handle)):
            name = ct.create_string_buffer(64)
            size = self._sdk.Lim_FileGetCoordInfo(handle, axis, name, 64)
            loops.append((name.value.decode(), size))
        return loops

    def _coordinates(self, handle: int, index: int, loop_count: int) -> tuple[int, ...]:
        """Return where one frame is in the loops, outermost first."""
        found = (ct.c_uint * max(loop_count, 1))()
        self._sdk.Lim_FileGetCoordsFromSeqIndex(handle, index, found, loop_count)
        return tuple(found[:loop_count])

    def _json(self, pointer: int | None) -> Any:
        """Return a JSON text of the SDK, which frees it."""
        if not pointer:
            return None
        try:
            return json.loads(ct.cast(pointer, ct.c_char_p).value or b"null")
        finally:
            self._sdk.Lim_FileFreeString(pointer)

    def _pixels(self, handle: int, index: int) -> npt.NDArray[np.generic]:
        """Return one frame, shape (Y, X, component)."""
        picture = _Picture()
        error = self._sdk.Lim_FileGetImageData(handle, index, ct.byref(picture))
        assert error == 0, f"the SDK cannot read frame {index}: error {error}"
        dtype = _dtype(picture.bits)
        row = picture.width * picture.components * dtype.itemsize
        rows = [
            ct.string_at(picture.data + y * picture.width_bytes, row) for y in range(picture.height)
        ]
        self._sdk.Lim_DestroyPicture(ct.byref(picture))
        shape = (picture.height, picture.width, picture.components)
        return np.frombuffer(b"".join(rows), dtype).reshape(shape)


def _dtype(bits: int) -> np.dtype[np.generic]:
    """Return the sample type of frames; those of 32 bits are floating-point."""
    if bits <= 8:
        return np.dtype("u1")
    return np.dtype("<u2") if bits <= 16 else np.dtype("<f4")


class SdkView:
    """What the SDK reports of one file.

    Attributes
    ----------
    loops : list of tuple
        Kind ("TimeLoop", "XYPosLoop", "ZStackLoop") and size, outermost first.
    coordinates : list of tuple
        Place of each frame in the loops, outermost first.
    attributes, metadata, experiment, text : JSON values
        As the SDK gives them.
    frame_metadata : list of JSON values
        For each frame.
    frames : list of array, shape (Y, X, component)
        Pixels.
    """

    def __init__(
        self,
        *,
        loops: list[tuple[str, int]],
        coordinates: list[tuple[int, ...]],
        attributes: Any,
        metadata: Any,
        experiment: Any,
        text: Any,
        frame_metadata: list[Any],
        frames: list[npt.NDArray[np.generic]],
    ) -> None:
        self.loops = loops
        self.coordinates = coordinates
        self.attributes = attributes
        self.metadata = metadata
        self.experiment = experiment
        self.text = text
        self.frame_metadata = frame_metadata
        self.frames = frames


def load_vendor_sdk() -> VendorSdk:
    """Return the SDK; skip where it does not exist, or, outside CI, cannot be fetched."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the vendor's SDK is only to be had for Linux x86-64")
    try:
        return VendorSdk()
    except subprocess.CalledProcessError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the vendor's SDK cannot be fetched without network: {error.stderr[-200:]}")
