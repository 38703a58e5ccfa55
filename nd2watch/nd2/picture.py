"""Channels, calibration and acquisition start of an ND2 file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nd2watch.errors import FormatError
from nd2watch.nd2.lite_variant import Bool, Double, Int32, UInt32, UInt64, check_text

if TYPE_CHECKING:
    from nd2watch.nd2.frame_meta import FrameMetadata
    from nd2watch.nd2.lite_variant import Item

_WIDEFIELD_FLUORESCENCE = 0x101
_UNKNOWN = Double(-1.0)
_UNIX_EPOCH_JULIAN_DAY = 2440587.5
_EMISSION_PEAK = 1.0
_PALETTE = (0x0000FF, 0x00FF00, 0xFF0000, 0xFF00FF, 0x00FFFF, 0xFFFF00, 0xFFFFFF)


def display_color(index: int, count: int) -> int:
    """Return a colour, 0xRRGGBB, for channel `index` of `count`; a single one is white."""
    return 0xFFFFFF if count == 1 else _PALETTE[index % len(_PALETTE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One optical channel.

    Attributes
    ----------
    name : str
        Not empty, and unlike the other channels of the file.
    color : int
        Display colour as 0xRRGGBB.
    excitation_nm, emission_nm : float, optional
        Wavelengths, nm.

    Raises
    ------
    FormatError
        If the name is empty or a number is out of range.
    """

    name: str
    color: int = 0xFFFFFF
    excitation_nm: float | None = None
    emission_nm: float | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise FormatError("a channel has no name")
        check_text(self.name, "a channel's name")
        if not 0 <= self.color <= 0xFFFFFF:
            raise FormatError(f"colour {self.color:#x} of channel {self.name} is not 0xRRGGBB")
        for nm in (self.excitation_nm, self.emission_nm):
            if nm is not None and not 0 < nm < math.inf:
                raise FormatError(f"wavelength {nm} nm of channel {self.name} is not above 0")

    @property
    def stored_color(self) -> int:
        """Colour as stored, 0x00BBGGRR."""
        red, green, blue = self.color.to_bytes(3, "big")
        return blue << 16 | green << 8 | red


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Channels, pixel size and start time, common to all frames.

    Attributes
    ----------
    channels : tuple of Channel
        In component order.
    pixel_size_um : float, optional
        Edge of a pixel in the sample, um; None when unknown.
    started : datetime, optional
        When relative time 0 was, with its time zone; None when unknown.

    Raises
    ------
    FormatError
        If channel names repeat, the pixel size is not above 0, or the start has no time zone.
    """

    channels: tuple[Channel, ...]
    pixel_size_um: float | None = None
    started: datetime | None = None

    def __post_init__(self) -> None:
        names = [channel.name for channel in self.channels]
        if not names or len(set(names)) < len(names):
            raise FormatError(f"channel names must be there and differ, not {names}")
        if self.pixel_size_um is not None and not 0 < self.pixel_size_um < math.inf:
            raise FormatError(f"the pixel size is {self.pixel_size_um} um; it must be above 0")
        if self.started is not None and self.started.tzinfo is None:
            raise FormatError("the start time has no time zone")

    @property
    def julian_day(self) -> float:
        """Julian day number of the start, UTC; 0 when unknown."""
        if self.started is None:
            return 0.0
        seconds = (self.started - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
        return _UNIX_EPOCH_JULIAN_DAY + seconds / 86400

    def encode(self, first: FrameMetadata, home_z_um: float) -> dict[str, Item]:
        """Return the stored form of the picture metadata.

        Parameters
        ----------
        first : FrameMetadata
            Time and stage position of frame 0.
        home_z_um : float
            Z of the home plane at frame 0, um.
        """
        planes: dict[str, Item] = {
            f"a{index}": _encode_plane(channel, index)
            for index, channel in enumerate(self.channels)
        }
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
            "sPicturePlanes": {
                "uiCount": UInt32(len(planes)),
                "uiCompCount": UInt32(len(planes)),
                "sPlaneNew": planes,
                "uiSampleCount": UInt32(1),
                "sSampleSetting": {"a0": _encode_sample_setting()},
                "sDescription": "",
                "eRepresentation": UInt32(0),
                "iExperimentSettingsCount": Int32(0),
                "iStimulationSettingsCount": Int32(0),
            },
            "dTemperK": _UNKNOWN,
            "dCalibration": Double(self.pixel_size_um or 1.0),
            "dAspect": Double(1.0),
            "dCalibPrecision": _UNKNOWN,
            "bCalibrated": Bool(self.pixel_size_um is not None),
            "wsObjectiveName": "",
            "dObjectiveMag": _UNKNOWN,
            "dObjectiveNA": _UNKNOWN,
            "dRefractIndex1": _UNKNOWN,
            "dRefractIndex2": _UNKNOWN,
            "dZoom": _UNKNOWN,
            "dProjectiveMag": _UNKNOWN,
            "uiPhysicalVarCount": UInt32(0),
            "pPhysicalVar": {},
            "wsCustomData": "",
            "ePictureXAxis": Int32(0),
            "ePictureYAxis": Int32(1),
            "dTimeAxisCalibration": _UNKNOWN,
            "dZAxisCalibration": _UNKNOWN,
            "dStgLgCT11": Double(1.0),
            "dStgLgCT12": Double(0.0),
            "dStgLgCT21": Double(0.0),
            "dStgLgCT22": Double(1.0),
        }

    def encode_calibration(self) -> dict[str, Item]:
        """Return the calibration chunk, where nd2reader and Bio-Formats find the pixel size."""
        return {
            "dCalibration": Double(self.pixel_size_um or 1.0),
            "dAspect": Double(1.0),
            "bValid": Bool(self.pixel_size_um is not None),
            "sObjective": "",
        }


def _encode_plane(channel: Channel, index: int) -> dict[str, Item]:
    """Return one stored plane; its colour precedes its name, as Bio-Formats pairs them."""
    excitation = _encode_spectrum(channel.excitation_nm)
    emission = _encode_spectrum(channel.emission_nm)
    color = UInt32(channel.stored_color)
    return {
        "uiCompCount": UInt32(1),
        "uiSampleIndex": UInt32(0),
        "dObjCalibration1to1": Double(0.0),
        "uiModalityMask": UInt64(_WIDEFIELD_FLUORESCENCE),
        "pFluorescentProbe": {
            "m_sName": "",
            "m_uiColor": UInt32(0xFFFFFF),
            "m_ExcitationSpectrum": _encode_spectrum(None),
            "m_EmissionSpectrum": _encode_spectrum(None),
        },
        "pFilterPath": {
            "m_sDescr": "",
            "m_uiCount": UInt32(1),
            "m_pFilter": [
                {
                    "m_sName": channel.name,
                    "m_sUserName": channel.name,
                    "m_ePlacement": UInt32(3),
                    "m_eNature": UInt32(0),
                    "m_eSpctType": UInt32(1),
                    "m_uiColor": color,
                    "m_ExcitationSpectrum": excitation,
                    "m_EmissionSpectrum": emission,
                    "m_MirrorSpectrum": _encode_spectrum(None),
                }
            ],
        },
        "dLampVoltage": Double(0.0),
        "dFadingCorr": Double(0.0),
        "uiColor": color,
        "sDescription": channel.name,
        "dAcqTime": Double(0.0),
        "dPinholeDiameter": _UNKNOWN,
        "iChannelSeriesIndex": Int32(-1),
        "iCapturedPlaneIndex": Int32(index),
        "sizeObjFullChip.cx": Int32(0),
        "sizeObjFullChip.cy": Int32(0),
    }


def _encode_spectrum(peak_nm: float | None) -> dict[str, Item]:
    """Return a spectrum of one point, or an empty one."""
    points: dict[str, Item] = {}
    if peak_nm is not None:
        points["Point0"] = {
            "eType": UInt32(4),
            "dWavelength": Double(peak_nm),
            "dTValue": Double(_EMISSION_PEAK),
        }
    return {"uiCount": UInt32(len(points)), "pPoint": points, "bPoints": Bool(False)}


def _encode_sample_setting() -> dict[str, Item]:
    """Return the camera and objective settings that all planes share."""
    return {
        "pCameraSetting": {"CameraUniqueName": "", "CameraUserName": "", "CameraFamilyName": ""},
        "pDeviceSetting": {
            "m_iMicroscopeUse": Int32(0),
            "m_ibMicroscopeExist": Int32(0),
            "m_vectMicroscope_size": Int32(1),
            "m_sMicroscopeFullName": "",
            "m_sMicroscopeShortName": "",
            "m_sMicroscopePhysFullName": "",
            "m_sMicroscopePhysShortName": "",
        },
        "pObjectiveSetting": {
            "wsObjectiveName": "",
            "wsObjectiveCode": "",
            "dObjectiveMag": _UNKNOWN,
            "dObjectiveNA": _UNKNOWN,
            "dRefractIndex": _UNKNOWN,
            "bTiltingNosepiece": Bool(False),
            "dHorizontalAngle": Double(0.0),
            "dVerticalAngle": Double(0.0),
            "dOpticalAxis": Double(0.0),
        },
        "sOpticalConfigs": {},
        "sSpecSettings": "",
        "uiModeFQ": UInt32(0),
        "dExposureTime": Double(0.0),
        "dRelayLensZoom": Double(1.0),
        "dObjectiveToPinholeZoom": _UNKNOWN,
        "uiOpticalConfigs": UInt32(0),
        "dZOffset": Double(0.0),
        "dCalibration1To1": Double(0.0),
        "dScalingToIntensity": Double(0.0),
        "dCameraCalibrationZoom": Double(1.0),
    }
