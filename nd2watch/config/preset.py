"""Presets: the layouts of acquisition programs, as data."""

from __future__ import annotations

from nd2watch.config.base import Axis, Strict, Text
from nd2watch.config.layout import LayoutConfig


class SimulateConfig(Strict):
    """How frames of the program are made for a trial.

    Attributes
    ----------
    name : str
        Path of a frame: text with ``{field}``, or ``{field:width}`` for padded numbers.
    texts : dict from str to str
        Text of fields that are not simulated.
    """

    name: Text
    texts: dict[Text, str] = {}
    pages: list[Axis] = []


class PresetConfig(LayoutConfig):
    """The layout of one acquisition program.

    Attributes
    ----------
    title : str
        Program and form of export, for people.
    notes : list of str
        What else is to be known.
    is_general : bool
        It fits names of many programs, so that it is never proposed before others.
    simulate : SimulateConfig, optional
        How frames of the program are made for a trial.
    """

    title: str = ""
    notes: list[Text] = []
    is_general: bool = False
    simulate: SimulateConfig | None = None
