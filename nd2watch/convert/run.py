"""Converting a planned sequence: the one way by which ND2 files come to be."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nd2watch import host
from nd2watch.convert.pixels import read_frames
from nd2watch.convert.record import provenance_of, text_of
from nd2watch.convert.steps import Step, checkpoint, ignore_step
from nd2watch.convert.verify import check_sources_unchanged, pixel_digest, verify_file
from nd2watch.errors import OutputExists
from nd2watch.nd2 import Nd2Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nd2watch.convert.plan import ConversionPlan
    from nd2watch.convert.steps import StepTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionResult:
    """A published file.

    Attributes
    ----------
    output : Path
        The ND2 file.
    frame_count : int
        Its frames.
    size : int
        Its bytes.
    assumptions : tuple of str
        What neither the layout nor the files said, and what was taken instead.
    others : tuple of ConversionResult
        Further files of the same sequence.
    """

    output: Path
    frame_count: int
    size: int
    assumptions: tuple[str, ...] = ()
    others: tuple[ConversionResult, ...] = ()


def convert(
    plan: ConversionPlan,
    output: Path,
    *,
    replace: bool = False,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    step: StepTaken = ignore_step,
) -> ConversionResult:
    """Write, verify and publish one ND2 file.

    The file is written under a temporary name, flushed to disk, read back and compared frame by
    frame; the sources are checked not to have changed; then it gets its name. On any error
    nothing is left behind.

    Parameters
    ----------
    plan : ConversionPlan
        From `plan_conversion`.
    output : Path
        Name of the ND2 file.
    replace : bool, default False
        Replace an existing file.
    threads : int, default 1
        Threads that read and decode sources.
    progress : callable, optional
        Called with frames done and all frames after each frame.
    cancelled : callable, optional
        Asked before each frame; when true the conversion ends.
    step : callable, optional
        Called with each step when it is done, and `output`. What it raises before
        `Step.PUBLISHED` ends the conversion like any error.

    Raises
    ------
    OutputExists
        If `output` exists and `replace` is False, or it is one of the sources.
    SourceError
        If a source cannot be read, or changed meanwhile.
    VerificationFailed
        If the written file differs from its sources.
    ConversionCancelled
        If `cancelled` returned true.
    OSError
        If the disk is full or a file is not accessible.
    """
    refuse_source(plan, output)
    try:
        size = _write(plan, output, replace, threads, progress, cancelled, step)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # such as "no space left on device"
            error.filename = os.fspath(output)
        raise
    return ConversionResult(
        output=output,
        frame_count=len(plan.sources),
        size=size,
        assumptions=plan.assumptions,
    )


def refuse_source(plan: ConversionPlan, output: Path) -> None:
    """Refuse to write over a source, which would be lost.

    Raises
    ------
    OutputExists
        If `output` is one of the sources of the plan, by whatever name.
    """
    try:
        status = output.stat()
    except OSError:
        return
    for file in plan.files:
        if (file.key.inode, file.key.device) == (status.st_ino, status.st_dev):
            raise OutputExists(f"{output} is one of the sources; choose another name")


def _write(
    plan: ConversionPlan,
    output: Path,
    replace: bool,
    threads: int,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool],
    step: StepTaken,
) -> int:
    """Write, verify and publish a file; return its size, bytes."""

    def check(written: Path) -> None:
        step(Step.SYNCED, output)
        host.drop_cached(written)
        verify_file(written, plan, provenance, cancelled)
        step(Step.VERIFIED, output)
        check_sources_unchanged(plan, output, cancelled)
        step(Step.RECHECKED, output)

    digests: list[bytes] = []
    with (
        Nd2Writer(
            output,
            plan.attributes,
            experiment=plan.experiment,
            picture=plan.picture,
            text_info=text_of(plan),
            recorded=plan.recorded,
            well_plate=plan.well_plate,
            check=check,
            replace=replace,
        ) as writer,
        closing(read_frames(plan, threads)) as frames,
    ):
        step(Step.CLAIMED, output)
        for index, (planes, metadata) in enumerate(zip(plan.sources, plan.frames, strict=True)):
            checkpoint(cancelled, f"conversion to {output}")
            pixels = next(frames)
            if any(plane is not None for plane in planes):
                writer.write_frame(pixels, metadata)
            else:
                writer.skip_frame(metadata)
            digests.append(pixel_digest(pixels))
            if progress is not None:
                progress(index + 1, len(plan.sources))
        provenance = provenance_of(plan, digests)
        writer.set_provenance(provenance)
        step(Step.WRITTEN, output)
    step(Step.PUBLISHED, output)
    return writer.size
