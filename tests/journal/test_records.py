from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from nd2watch.errors import JournalError
from nd2watch.journal import FrameRecord, Heartbeat, Journal, JournalEvent, SequenceRecord
from tests.journal import samples

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with Journal(tmp_path_factory.mktemp("state") / "journal.sqlite") as journal:
        journal.record_sequence(samples.sequence())
        yield journal


@given(record=samples.sequences)
def test_sequences_come_back_as_they_were(journal: Journal, record: SequenceRecord) -> None:
    journal.record_sequence(record)
    assert journal.sequences(record.watch)[-1] == record
    journal.remove_sequence(record.watch, record.key)


@given(record=samples.frames)
def test_frames_come_back_as_they_were(journal: Journal, record: FrameRecord) -> None:
    journal.record_frames(samples.WATCH, samples.KEY, [record])
    assert journal.frames(samples.WATCH, samples.KEY) == [record]
    journal.remove_frames([record.path])
    assert journal.frames(samples.WATCH, samples.KEY) == []


@given(record=samples.events)
def test_events_come_back_as_they_were(journal: Journal, record: JournalEvent) -> None:
    journal.record_event(record)
    assert journal.events(1) == [record]
    assert journal.events(1, record.watch) == [record]


@given(record=samples.heartbeats)
def test_signs_of_life_come_back_as_they_were(journal: Journal, record: Heartbeat) -> None:
    journal.beat(record)
    assert journal.heartbeat() == record


@pytest.mark.parametrize(
    ("make", "state"), [(samples.sequence, "done"), (samples.frame, "published")]
)
def test_there_are_no_other_states(make: Any, state: str) -> None:
    with pytest.raises(JournalError, match=state):
        make(state=state)


def test_a_handle_depends_on_watch_and_key_alone() -> None:
    one = samples.sequence()
    assert one.handle == samples.sequence(state="failed", title="other").handle
    others = {
        samples.sequence(watch="other").handle,
        samples.sequence(key=(("nam", "erun"),)).handle,
        samples.sequence(key=(("name", "run\udcff"),)).handle,
    }
    assert len(others) == 3
    assert one.handle not in others
