from __future__ import annotations

import pytest

from nd2watch.journal import Recovery, Step, recovery_of
from nd2watch.journal.steps import MEANING, Output

EARLY = [step for step in Step if step < Step.PUBLISHING]
LATE = [Step.PUBLISHING, Step.PUBLISHED, Step.FOLDER_SYNCED]
OUTPUTS: list[Output] = ["absent", "same", "other"]


def test_steps_are_numbered_in_order_and_have_a_meaning() -> None:
    assert [int(step) for step in Step] == list(range(1, 10))
    assert list(MEANING) == list(Step)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("step", EARLY)
def test_what_was_not_to_be_published_is_converted_anew(
    step: Step, output: Output, whole: bool
) -> None:
    assert recovery_of(step, output=output, temporary_is_whole=whole) == "restart"


@pytest.mark.parametrize(
    ("output", "whole", "recovery"),
    [
        ("same", True, "finish"),  # linked, but the temporary name not yet removed
        ("same", False, "finish"),
        ("absent", True, "publish"),
        ("absent", False, "restart"),
        ("other", True, "conflict"),
        ("other", False, "conflict"),
    ],
)
@pytest.mark.parametrize("step", LATE)
def test_what_may_be_published_is_judged_by_the_disk(
    step: Step, output: Output, whole: bool, recovery: Recovery
) -> None:
    assert recovery_of(step, output=output, temporary_is_whole=whole) == recovery


def test_what_is_done_is_left_alone() -> None:
    assert recovery_of(Step.DONE, output="other", temporary_is_whole=True) == "nothing"
