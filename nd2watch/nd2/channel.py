"""One optical channel: its name, colour, light, exposure, and what it was taken with."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FormatError
from nd2watch.nd2.checks import check_kind, check_positive, make_whole
from nd2watch.nd2.colors import check_color, read_color, stored_color
from nd2watch.nd2.lite_variant import Double, Int32, UInt32, UInt64, check_text, find
from nd2watch.nd2.optics import Optics
from nd2watch.nd2.quantities import UNKNOWN, known, stored_quantity
from nd2watch.nd2.spectrum import read_peak_nm, stored_spectrum

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item, Plain

_RGB: Final = 3


class Modality(enum.Flag):
    """How a channel is imaged: contrast and detector, combined by ``|``."""

    FLUORESCENCE = 0x1
    BRIGHTFIELD = 0x2
    DARKFIELD = 0x4
    PHASE_CONTRAST = 0x10
    DIC = 0x20
    CAMERA = 0x100
    LASER_SCAN_CONFOCAL = 0x200
    SPINNING_DISK = 0x400
    STRUCTURED_ILLUMINATION = 0x4000
    MULTIPHOTON = 0x10000
    TIRF = 0x20000
    LIGHT_SHEET = 0x80000
    PMT = 0x100000
    SPECTRAL = 0x200000
    GAASP = 0x8000000
    WIDEFIELD_FLUORESCENCE = FLUORESCENCE | CAMERA
    TRANSMITTED_LIGHT = BRIGHTFIELD | CAMERA


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
        Wavelengths, nm. A band of a spectral detector is a channel with its centre as emission.
    modality : Modality
        How it is imaged. Darkfield, phase contrast and DIC are with brightfield, unless they are
        with fluorescence, which readers take them for otherwise.
    exposure_ms : float, optional
        Exposure time, ms.
    pinhole_um : float, optional
        Diameter of the pinhole, um.
    camera : str
        Name of the camera or detector; may be empty.
    optics : Optics, optional
        Its own objective and zoom, of which something is known; those of the picture when left
        out.
    microscope : str
        Name of the microscope; may be empty.
    component_count : int
        Samples a pixel: 1, or 3 for the red, green and blue of a colour camera.

    Raises
    ------
    FormatError
        If the name is empty or a number is out of range.
    """

    name: str
    color: int = 0xFFFFFF
    excitation_nm: float | None = None
    emission_nm: float | None = None
    modality: Modality = Modality.WIDEFIELD_FLUORESCENCE
    exposure_ms: float | None = None
    pinhole_um: float | None = None
    camera: str = ""
    optics: Optics | None = None
    microscope: str = ""
    component_count: int = 1

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise FormatError("a channel has no name")
        check_text(self.name, "a channel's name")
        check_text(self.camera, f"the camera of channel {self.name}")
        check_text(self.microscope, f"the microscope of channel {self.name}")
        check_kind(self, "optics", Optics | None)
        if self.optics == Optics():
            object.__setattr__(self, "optics", None)
        make_whole(self, "color", "component_count")
        check_color(self.color, f"channel {self.name}")
        if self.component_count not in (1, _RGB):
            raise FormatError(
                f"channel {self.name} has {self.component_count} components; 1, or 3 for RGB"
            )
        numbers = ("excitation_nm", "emission_nm", "exposure_ms", "pinhole_um")
        check_positive(self, f"channel {self.name}", *numbers)
        if self.modality & _CONTRASTS and not self.modality & _LIGHTS:
            object.__setattr__(self, "modality", self.modality | Modality.BRIGHTFIELD)

    @property
    def is_rgb(self) -> bool:
        """The channel is that of a colour camera."""
        return self.component_count == _RGB

    def encode(self, index: int) -> dict[str, Item]:
        """Return the stored plane `index`; its colour precedes its name, as Bio-Formats pairs them.

        Its sample setting has the same number.
        """
        color = UInt32(stored_color(self.color))
        return {
            "uiCompCount": UInt32(self.component_count),
            "uiSampleIndex": UInt32(index),
            "dObjCalibration1to1": Double(0.0),
            "uiModalityMask": UInt64(self.modality.value),
            "pFluorescentProbe": {
                "m_sName": "",
                "m_uiColor": UInt32(0xFFFFFF),
                "m_ExcitationSpectrum": stored_spectrum(None),
                "m_EmissionSpectrum": stored_spectrum(None),
            },
            "pFilterPath": {
                "m_sDescr": "",
                "m_uiCount": UInt32(1),
                "m_pFilter": [
                    {
                        "m_sName": self.name,
                        "m_sUserName": self.name,
                        "m_ePlacement": UInt32(3),
                        "m_eNature": UInt32(0),
                        "m_eSpctType": UInt32(1),
                        "m_uiColor": color,
                        "m_ExcitationSpectrum": stored_spectrum(self.excitation_nm),
                        "m_EmissionSpectrum": stored_spectrum(self.emission_nm),
                        "m_MirrorSpectrum": stored_spectrum(None),
                    }
                ],
            },
            "dLampVoltage": Double(0.0),
            "dFadingCorr": Double(0.0),
            "uiColor": color,
            "sDescription": self.name,
            "dAcqTime": Double(0.0),
            "dPinholeDiameter": stored_quantity(self.pinhole_um),
            "iChannelSeriesIndex": Int32(-1),
            "iCapturedPlaneIndex": Int32(index),
            "sizeObjFullChip.cx": Int32(0),
            "sizeObjFullChip.cy": Int32(0),
        }

    def encode_setting(self, optics: Optics) -> dict[str, Item]:
        """Return the stored sample setting.

        Parameters
        ----------
        optics : Optics
            Those of the picture.
        """
        own, has_microscope = self.optics, Int32(int(bool(self.microscope)))
        return {
            "pCameraSetting": {
                "CameraUniqueName": self.camera,
                "CameraUserName": self.camera,
                "CameraFamilyName": self.camera,
            },
            "pDeviceSetting": {
                "m_iMicroscopeUse": has_microscope,
                "m_ibMicroscopeExist": has_microscope,
                "m_vectMicroscope_size": Int32(1),
                "m_sMicroscopeFullName": self.microscope,
                "m_sMicroscopeShortName": self.microscope,
                "m_sMicroscopePhysFullName": self.microscope,
                "m_sMicroscopePhysShortName": self.microscope,
            },
            "pObjectiveSetting": (own or optics).encode_setting(),
            "sOpticalConfigs": {},
            "sSpecSettings": "",
            "uiModeFQ": UInt32(0),
            "dExposureTime": Double(self.exposure_ms or 0.0),
            "dRelayLensZoom": Double(1.0),
            "dObjectiveToPinholeZoom": UNKNOWN if own is None else Double(own.zoom or 0.0),
            "uiOpticalConfigs": UInt32(0),
            "dZOffset": Double(0.0),
            "dCalibration1To1": Double(0.0),
            "dScalingToIntensity": Double(0.0),
            "dCameraCalibrationZoom": Double(1.0),
        }

    @classmethod
    def decode(cls, stored: Plain, setting: Plain, optics: Optics) -> Channel:
        """Return the value of a stored plane and its sample setting.

        What is missing or out of range is taken as unknown, as files of other programs differ.

        Parameters
        ----------
        stored, setting : mapping
            The plane and the setting.
        optics : Optics
            Those of the picture.

        Raises
        ------
        FormatError
            If the plane has no name.
        """
        filters = find(stored, "pFilterPath", "m_pFilter")
        first = filters[0] if isinstance(filters, list) and filters else {}
        probe = find(stored, "pFluorescentProbe")
        emission_nm = read_peak_nm(probe, "m_EmissionSpectrum") or read_peak_nm(
            first, "m_EmissionSpectrum"
        )
        below_nm = emission_nm or math.inf  # of laser lines alike, the one next to the emission
        excitation_nm = (
            read_peak_nm(probe, "m_ExcitationSpectrum", below_nm)
            or read_peak_nm(first, "m_ExcitationSpectrum", below_nm)
            or read_peak_nm(probe, "m_ExcitationSpectrum")
            or read_peak_nm(first, "m_ExcitationSpectrum")
        )
        mask = find(stored, "uiModalityMask")
        name = find(stored, "sDescription")
        camera = find(setting, "pCameraSetting", "CameraUserName")
        microscope = find(setting, "pDeviceSetting", "m_sMicroscopeFullName")
        return cls(
            name=name if isinstance(name, str) else "",
            color=read_color(find(stored, "uiColor"), 0xFFFFFF),
            excitation_nm=excitation_nm,
            emission_nm=emission_nm,
            modality=Modality(mask & _KNOWN_FLAGS) if isinstance(mask, int) else Modality(0),
            exposure_ms=known(find(setting, "dExposureTime")),
            pinhole_um=known(find(stored, "dPinholeDiameter")),
            camera=camera if isinstance(camera, str) else "",
            optics=Optics.decode_setting(setting, optics),
            microscope=microscope if isinstance(microscope, str) else "",
            component_count=_RGB if find(stored, "uiCompCount") == _RGB else 1,
        )


_CONTRASTS: Final = Modality.DARKFIELD | Modality.PHASE_CONTRAST | Modality.DIC
_LIGHTS: Final = Modality.FLUORESCENCE | Modality.BRIGHTFIELD
_KNOWN_FLAGS: Final = sum(flag.value for flag in Modality)
