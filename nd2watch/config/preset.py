"""Presets: the layouts of acquisition programs, as data."""

from __future__ import annotations

from pydantic import field_validator

from nd2watch.config.base import Axis, Count, Index, Positive, Strict, Text
from nd2watch.config.layout import LayoutConfig


class SimulateConfig(Strict):
    """How frames of the program are made for a trial.

    Attributes
    ----------
    name : str or dict from str to str
        Path of a frame, or that of each form of names: text with ``{field}``, or
        ``{field:width}`` for padded numbers. What stands in ``[`` and ``]`` is left out where all
        of its axes have one point, Z in that channel. `nd2watch.simulate` lists the fields.
    texts : dict from str to str
        Text of fields that are not simulated.
    pages : list of axis, or dict from str to list of axis
        Axes that are inside the files, outermost first, or those of each form.
    split : int, optional
        Points of the outermost axis of pages in one file, after which comes the next ``{part}``.
    labels : dict from axis to list of str
        Labels of the points of an axis, where they are no numbers.
    first : dict from axis to int
        First index of an axis, where that is neither the one of the preset nor 1.
    period_s : float
        Seconds from one time point to the next.
    """

    name: Text | dict[Text, Text]
    texts: dict[Text, str] = {}
    pages: list[Axis] | dict[Text, list[Axis]] = []
    split: Count | None = None
    labels: dict[Axis, list[Text]] = {}
    first: dict[Axis, Index] = {}
    period_s: Positive = 60.0

    @field_validator("pages")
    @classmethod
    def _as_acquired(
        cls, pages: list[Axis] | dict[str, list[Axis]]
    ) -> list[Axis] | dict[str, list[Axis]]:
        for axes in pages.values() if isinstance(pages, dict) else [pages]:
            if axes not in (sorted(axes, key=order.index) for order in ("tpzc", "tpcz")):
                raise ValueError(f"t comes before p, and both before z and c, not {axes}")
        return pages


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
