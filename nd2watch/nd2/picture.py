"""What is common to all frames of an ND2 file: channels, optics, calibration, start."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FormatError
from nd2watch.nd2.channel import Channel
from nd2watch.nd2.checks import check_kind, check_positive, make_tuple
from nd2watch.nd2.colors import display_color
from nd2watch.nd2.columns import xml_bytes
from nd2watch.nd2.lite_variant import Bool, Double, Int32, UInt32, find, get
from nd2watch.nd2.optics import Optics
from nd2watch.nd2.quantities import UNKNOWN, known

if TYPE_CHECKING:
    from nd2watch.nd2.frame_meta import FrameMetadata
    from nd2watch.nd2.lite_variant import Item, Plain

_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNIX_EPOCH_JULIAN_DAY: Final = 2440587.5

_PLANE_ITEMS: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Channels, optics, pixel size and start time, common to all frames.

    Attributes
    ----------
    channels : tuple of Channel
        In component order; an RGB channel stands alone. Optics of their own that are those of the
        picture are left out.
    optics : Optics
        Objective and zoom, of all channels that have none of their own.
    pixel_size_um : float, optional
        Edge of a pixel in the sample, um; None when unknown.
    started : datetime, optional
        When relative time 0 was, with its time zone, in which the text information tells it; None
        when unknown.

    Raises
    ------
    FormatError
        If channel names repeat, an RGB channel is beside others, the pixel size is not above 0,
        or the start has no time zone.
    """

    channels: tuple[Channel, ...]
    optics: Optics = field(default_factory=Optics)
    pixel_size_um: float | None = None
    started: datetime | None = None

    def __post_init__(self) -> None:
        make_tuple(self, "channels", Channel)
        names = [channel.name for channel in self.channels]
        if not names or len(set(names)) < len(names):
            raise FormatError(f"channel names must be there and differ, not {names}")
        if len(names) > 1 and any(channel.is_rgb for channel in self.channels):
            raise FormatError(
                "an RGB channel cannot be stored beside others, as readers take equal components"
                " for every channel; write it to a file of its own, or as three channels"
            )
        check_positive(self, "the picture", "pixel_size_um")
        check_kind(self, "optics", Optics)
        check_kind(self, "started", datetime | None)
        if self.started is not None and self.started.tzinfo is None:
            raise FormatError("the start time has no time zone")
        channels = (
            replace(c, optics=None) if c.optics == self.optics else c for c in self.channels
        )
        object.__setattr__(self, "channels", tuple(channels))

    @classmethod
    def numbered(cls, component_count: int) -> Picture:
        """Return a picture of "Channel 1", "Channel 2", ... in different colours."""
        return cls(
            channels=tuple(
                Channel(name=f"Channel {n + 1}", color=display_color(n, component_count))
                for n in range(component_count)
            )
        )

    @property
    def component_count(self) -> int:
        """Samples that all channels together have for each pixel."""
        return sum(channel.component_count for channel in self.channels)

    @property
    def is_rgb(self) -> bool:
        """The picture is that of a colour camera."""
        return self.channels[0].is_rgb

    @property
    def julian_day(self) -> float:
        """Julian day number of the start, UTC; 0 when unknown."""
        if self.started is None:
            return 0.0
        return _UNIX_EPOCH_JULIAN_DAY + (self.started - _UNIX_EPOCH).total_seconds() / 86400

    def encode(self, first: FrameMetadata, home_z_um: float) -> dict[str, Item]:
        """Return the stored form of the picture metadata.

        Parameters
        ----------
        first : FrameMetadata
            Time and stage position of frame 0.
        home_z_um : float
            Z of the home plane at frame 0, um.
        """
        return {
            "dTimeMSec": Double(first.time_ms),
            "dTimeAbsolute": Double(self.julian_day),
            "eTimeSource": Int32(0),
            "dXPos": Double(first.x_um or 0.0),
            "dYPos": Double(first.y_um or 0.0),
            "uiRow": UInt32(0),
            "uiCol": UInt32(0),
            "dZPos": Double(home_z_um),
            "bZPosAbsolute": Bool(True),
            "dAngle": Double(0.0),
            "sPicturePlanes": self._encode_planes(),
            "dTemperK": UNKNOWN,
            "dCalibration": Double(self.pixel_size_um or 1.0),
            "dAspect": Double(1.0),
            "dCalibPrecision": UNKNOWN,
            "bCalibrated": Bool(self.pixel_size_um is not None),
            **self.optics.encode(),
            "uiPhysicalVarCount": UInt32(0),
            "pPhysicalVar": {},
            "wsCustomData": "",
            "ePictureXAxis": Int32(0),
            "ePictureYAxis": Int32(1),
            "dTimeAxisCalibration": UNKNOWN,
            "dZAxisCalibration": UNKNOWN,
            "dStgLgCT11": Double(1.0),
            "dStgLgCT12": Double(0.0),
            "dStgLgCT21": Double(0.0),
            "dStgLgCT22": Double(1.0),
        }

    def _encode_planes(self) -> dict[str, Item]:
        """Return the planes, each with a sample setting, as Bio-Formats pairs them by number."""
        planes: dict[str, Item] = {
            f"a{index}": channel.encode(index) for index, channel in enumerate(self.channels)
        }
        samples: dict[str, Item] = {
            f"a{index}": channel.encode_setting(self.optics)
            for index, channel in enumerate(self.channels)
        }
        return {
            "uiCount": UInt32(len(planes)),
            "uiCompCount": UInt32(self.component_count),
            "sPlaneNew": planes,
            "uiSampleCount": UInt32(len(samples)),
            "sSampleSetting": samples,
            "sDescription": "",
            "eRepresentation": UInt32(0),
            "iExperimentSettingsCount": Int32(0),
            "iStimulationSettingsCount": Int32(0),
            # nd2reader sees as many channels as there are items here.
            **{f"uiReserved{n}": UInt32(0) for n in range(len(planes) - _PLANE_ITEMS)},
        }

    def encode_camera(self) -> bytes | None:
        """Return the XML that names the camera for Bio-Formats, which knows one; None without."""
        cameras = {channel.camera for channel in self.channels if channel.camera}
        if len(cameras) != 1:
            return None
        root = ET.Element("variant", version="1.0")
        listing = ET.SubElement(root, "no_name", runtype="CLxListVariant")
        settings = ET.SubElement(listing, "vGrabberCameraSettings", runtype="CLxListVariant")
        ET.SubElement(settings, "CameraUniqueName", runtype="CLxStringW", value=cameras.pop())
        return xml_bytes(root)

    def encode_calibration(self) -> dict[str, Item]:
        """Return the calibration chunk, where nd2reader and Bio-Formats find the pixel size.

        They do not look at `bValid`, and take 0 as unknown.
        """
        return {
            "dCalibration": Double(self.pixel_size_um or 0.0),
            "dAspect": Double(1.0),
            "bValid": Bool(self.pixel_size_um is not None),
            "sObjective": self.optics.objective_name,
        }

    @classmethod
    def decode(cls, stored: Plain) -> Picture:
        """Return the value of stored picture metadata; what is missing is unknown.

        Raises
        ------
        FormatError
            If there are no channels, or they have no name or the same one.
        """
        planes = get(get(stored, "sPicturePlanes", dict), "sPlaneNew", dict)
        optics = Optics.decode(stored)
        return cls(
            channels=tuple(
                Channel.decode(plane, _setting(stored, plane), optics)
                for plane in (get(planes, f"a{index}", dict) for index in range(len(planes)))
            ),
            optics=optics,
            pixel_size_um=known(find(stored, "dCalibration"))
            if find(stored, "bCalibrated")
            else None,
            started=_started(find(stored, "dTimeAbsolute")),
        )


def _setting(stored: Plain, plane: Plain) -> Plain:
    """Return the sample setting of a stored plane, empty when there is none."""
    index = find(plane, "uiSampleIndex")
    settings = find(stored, "sPicturePlanes", "sSampleSetting")
    setting = find(settings, f"a{index}") if isinstance(index, int) else None
    return setting if isinstance(setting, dict) else {}


def _started(julian_day: Plain | None) -> datetime | None:
    """Return a stored start to the nearest millisecond, as f64 holds it to 40 us."""
    day = known(julian_day)
    if day is None:
        return None
    try:
        return _UNIX_EPOCH + timedelta(milliseconds=round((day - _UNIX_EPOCH_JULIAN_DAY) * 86.4e6))
    except OverflowError:
        return None
