from __future__ import annotations

from nd2watch.journal import STATES
from nd2watch.journal.states import MEANING


def test_every_state_has_a_meaning_of_its_own() -> None:
    assert tuple(MEANING) == STATES
    assert len(set(MEANING.values())) == len(STATES)
