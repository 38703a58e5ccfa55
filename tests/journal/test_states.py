from __future__ import annotations

import pytest

from nd2watch.journal import STATES, State, may_become
from nd2watch.journal.states import FOLLOWING, MEANING, NEEDS_A_PERSON, UNDER_WAY


def test_every_state_has_a_meaning_and_something_that_may_follow() -> None:
    assert set(MEANING) == set(FOLLOWING) == set(STATES)
    assert all(FOLLOWING.values())
    assert len(set(MEANING.values())) == len(STATES)


@pytest.mark.parametrize("start", STATES)
def test_every_state_can_come_to_every_other(start: State) -> None:
    reached: set[State] = {start}
    while more := {after for state in reached for after in FOLLOWING[state]} - reached:
        reached |= more
    assert reached == set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_a_sequence_may_stay_as_it_is(state: State) -> None:
    assert may_become(state, state)


def test_only_a_conversion_publishes() -> None:
    assert {before for before in STATES if "published" in FOLLOWING[before]} == UNDER_WAY


def test_a_published_sequence_is_not_converted_unless_it_is_collected_anew() -> None:
    assert not may_become("published", "queued")
    assert may_become("published", "collecting")


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_a_conversion_that_was_killed_is_queued_again(state: State) -> None:
    assert may_become(state, "queued")
    assert not may_become(state, "forgotten")


@pytest.mark.parametrize("state", sorted(NEEDS_A_PERSON))
def test_a_person_can_bring_on_or_leave_what_waits_for_one(state: State) -> None:
    assert may_become(state, "queued")
    assert may_become(state, "forgotten")
