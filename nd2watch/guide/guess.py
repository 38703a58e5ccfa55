"""Which preset fits the files of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.experiment import AXES
from nd2watch.experiment.plan_labels import planned_size
from nd2watch.guide.explain import nearest
from nd2watch.guide.samples import Sampled, SampleFiles, sample
from nd2watch.guide.survey import Findings, survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.experiment import ImageSequence
    from nd2watch.guide.explain import Nearest
    from nd2watch.guide.known import NamedLayout
    from nd2watch.guide.survey import FolderNames

_MIN_SHARE: Final = 0.5
"""Share of the images that a preset has to read if no sidecar speaks for it."""

_MIN_EXPLAINED: Final = 0.05
"""Share of a name that the preset of a program has to make something of."""

_OUTDONE: Final = 2.0
"""How much more of the names than the preset of a program a general one has to make sense of."""

_CLOSE_SHARE: Final = 0.9
_CLOSE_EXPLAINED: Final = 0.5
"""A preset is close to the first when it reads so much of what that one reads, and explains."""

_MOST_NEAREST: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisFound:
    """An axis as it was found.

    Attributes
    ----------
    axis : {"t", "p", "z", "c"}
        Which.
    least, most : int
        Points that the sequences have.
    is_told : bool
        Sidecars tell how many there will be.
    labels : tuple of str
        Its labels; empty where names do not have the axis.
    names : tuple of str
        Names of channels that are told besides their labels, in the same order.
    is_joined : bool
        Its labels number files, each of which holds several points.
    """

    axis: str
    least: int
    most: int
    is_told: bool
    labels: tuple[str, ...]
    names: tuple[str, ...]
    is_joined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a preset fits a folder.

    Attributes
    ----------
    known : NamedLayout
        The preset.
    matched, ignored, images : int
        Images that it takes for frames, those that it passes over, and all.
    explained : float
        Share of the names that is no free text, 0 to 1.
    sequences : int
        Sequences that the frames form.
    gaps : int or None
        Those of `sampled` that lack something which is known to belong to them; None where not all
        files were looked at.
    axes : tuple of AxisFound
        The axes that names have.
    sidecars : tuple of Path
        Sidecars of the sequences that were understood.
    refused_sidecar : str
        Why another one was not.
    sampled : Sampled
        The sequences.
    """

    known: NamedLayout
    matched: int
    ignored: int
    images: int
    explained: float
    sequences: int
    gaps: int | None
    axes: tuple[AxisFound, ...]
    sidecars: tuple[Path, ...]
    refused_sidecar: str
    sampled: Sampled

    @property
    def share(self) -> float:
        """Share of the images that it knows, 0 to 1; as many may be passed over as are frames."""
        return (self.matched + min(self.ignored, self.matched)) / max(self.images, 1)

    @property
    def is_good(self) -> bool:
        """Whether it may be proposed."""
        is_told = self.known.is_general or self.explained >= _MIN_EXPLAINED
        return bool(self.sidecars) or (is_told and self.share >= _MIN_SHARE)

    def is_outdone(self, general: Fit) -> bool:
        """Whether a general preset makes much more of the names, and fewer sequences."""
        return (
            not self.known.is_general
            and not self.sidecars
            and general.explained >= _OUTDONE * self.explained
            and general.sequences < self.sequences
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What fits a folder.

    Attributes
    ----------
    names : FolderNames
        What was looked at.
    fits : tuple of Fit
        The presets that read any name, the best first.
    close : tuple of Fit
        Presets besides the best that names alone do not tell from it.
    nearest : Nearest, optional
        The nearest preset of a program when none fits.
    """

    names: FolderNames
    fits: tuple[Fit, ...]
    close: tuple[Fit, ...]
    nearest: Nearest | None

    @property
    def best(self) -> Fit | None:
        """The preset to propose, None when none fits."""
        first = self.fits[0] if self.fits else None
        return first if first is not None and first.is_good else None


def guess(names: FolderNames, known: Sequence[NamedLayout]) -> Guess:
    """Return which of some presets fit the files of a folder.

    A sidecar that is understood counts most, then the share of the images whose names are read,
    then how much of the names is no free text. General presets count last.
    """
    files = SampleFiles()
    surveys = [survey(names, each) for each in known]
    fits = _ranked([_fit(found, names, files) for found in surveys if found.matched])
    best = fits[0] if fits and fits[0].is_good else None
    is_of_program = best is not None and not best.known.is_general
    return Guess(
        names=names,
        fits=tuple(fits),
        close=tuple(fit for fit in fits[1:] if best is not None and _is_close(fit, best)),
        nearest=None if is_of_program else _nearest(names, known),
    )


def _fit(found: Findings, names: FolderNames, files: SampleFiles) -> Fit:
    """Return how a preset fits."""
    sampled = sample(found, files)
    return Fit(
        known=found.known,
        matched=found.matched,
        ignored=found.ignored,
        images=len(names.images),
        explained=found.explained,
        sequences=len(found.frames),
        gaps=None if names.is_cut else sum(not each.is_complete for each in sampled.sequences),
        axes=_axes(sampled.sequences),
        sidecars=found.sidecars,
        refused_sidecar=found.refused_sidecar,
        sampled=sampled,
    )


def _ranked(fits: Sequence[Fit]) -> list[Fit]:
    """Return fits in their order, the best first."""
    general = [fit for fit in fits if fit.known.is_general and fit.is_good]

    def rank(fit: Fit) -> tuple[bool, bool, bool, bool, float, bool, float]:
        return (
            not fit.is_good,
            any(fit.is_outdone(other) for other in general),
            fit.known.is_general,
            not fit.sidecars,
            -round(fit.share, 2),
            bool(fit.sampled.trouble),
            -fit.explained,
        )

    return sorted(fits, key=rank)


def _axes(sequences: Sequence[ImageSequence]) -> tuple[AxisFound, ...]:
    """Return the axes of some sequences."""
    if not sequences:
        return ()
    return tuple(_axis(sequences, axis) for axis in AXES if axis in sequences[0].layout.axes)


def _axis(sequences: Sequence[ImageSequence], axis: str) -> AxisFound:
    """Return one axis of some sequences."""
    counts = [sequence.seen(axis) for sequence in sequences]
    fullest = sequences[counts.index(max(counts))]
    labels = tuple(label for label in fullest.labels()[AXES.index(axis)] if label)
    field = fullest.layout.channel_name
    names = (
        tuple(fullest.fields("c", label).get(field, "") for label in labels)
        if axis == "c" and field is not None
        else ()
    )
    return AxisFound(
        axis=axis,
        least=min(counts),
        most=max(counts),
        is_told=all(planned_size(sequence, axis) is not None for sequence in sequences),
        labels=labels,
        names=names if all(names) and len(set(names)) == len(names) else (),
        is_joined=axis in fullest.layout.joined,
    )


def _is_close(fit: Fit, best: Fit) -> bool:
    """Return whether names alone do not tell a preset from the best one."""
    if fit.known.is_general != best.known.is_general or bool(fit.sidecars) != bool(best.sidecars):
        return False
    return (
        fit.is_good
        and fit.share >= _CLOSE_SHARE * best.share
        and fit.explained >= _CLOSE_EXPLAINED * best.explained
    )


def _nearest(names: FolderNames, known: Sequence[NamedLayout]) -> Nearest | None:
    """Return the preset of a program that comes nearest to one of the names."""
    programs = [each for each in known if not each.is_general]
    found = [
        near
        for path in names.images[:_MOST_NEAREST]
        if (near := nearest(Path(path), programs)) is not None
    ]
    return max(found, key=lambda near: near.nearness, default=None)
