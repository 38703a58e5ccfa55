"""What a running service answers to each kind of request."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import ServiceError
from nd2watch.journal.records import handle_of
from nd2watch.service import orders
from nd2watch.service.handles import meant_by
from nd2watch.service.overview import waits_for
from nd2watch.service.protocol import LONGEST_LINE, encode
from nd2watch.service.status import status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from structlog.typing import FilteringBoundLogger

    from nd2watch.experiment import SequenceKey
    from nd2watch.service.collection import Collection
    from nd2watch.service.insight import Insight
    from nd2watch.service.intake import Intake
    from nd2watch.service.watch_thread import WatchThread

    Order = Callable[[Intake, Collection], Any]

_ORDER_S: Final = 10.0
"""Longest wait for the thread of a folder, s."""

_MOST_TOLD: Final = (1000, 100, 10, 0)
"""How many entries of a list are told: fewer, where that would be too long a message."""

_ROOM: Final = 1000
"""Bytes that are left for what surrounds an answer."""


class Answers:
    """Answers requests; for any thread.

    Parameters
    ----------
    insight : Insight
        The service.
    log : bound logger
        Gets what was ordered.
    """

    def __init__(self, insight: Insight, log: FilteringBoundLogger) -> None:
        self._insight = insight
        self._log = log

    def __call__(self, request: Mapping[str, Any]) -> Any:
        """Return the result of a request.

        Raises
        ------
        ServiceError
            If it is not known, or cannot be done.
        """
        kinds: dict[object, Callable[[Mapping[str, Any]], Any]] = {
            "ping": self._ping,
            "status": self._status,
            "show": self._show,
            "retry": self._order,
            "release": self._order,
            "forget": self._order,
            "scan": self._scan,
        }
        kind = request.get("request")
        if not isinstance(kind, str) or kind not in kinds:
            raise ServiceError(f"the service knows no request {kind!r:.40}")
        return kinds[kind](request)

    def _ping(self, _: Mapping[str, Any]) -> Any:
        """Show that the service answers."""
        return {}

    def _status(self, _: Mapping[str, Any]) -> Any:
        """Tell how the service is."""
        return _fitted(lambda most: status_of(self._insight, most))

    def _scan(self, request: Mapping[str, Any]) -> Any:
        """Have folders looked at now."""
        wanted = request.get("watch")
        watches = [w for w in self._insight.watches() if wanted in (None, w.watch.name)]
        if not watches:
            raise ServiceError(f"there is no watch {wanted!r:.100}")
        for watch in watches:
            watch.scan()
        return {"watches": [watch.watch.name for watch in watches]}

    def _show(self, request: Mapping[str, Any]) -> Any:
        """Tell what the service knows of one sequence beyond its record."""
        return self._done(request, self._details)

    def _details(self, intake: Intake, collection: Collection) -> Any:
        """Return what a sequence lacks and waits for."""
        lacks = orders.missing(collection)
        is_open = collection.state == "collecting"
        rules = waits_for(intake.watch, collection, self._insight.clock) if is_open else ()
        troubles = [t for t in intake.troubles.shown() if t.path.parent in collection.folders]
        return _fitted(
            lambda most: {
                "lacks": lacks[:most],
                "lacks_count": len(lacks),
                "surplus": "" if collection.is_settled else collection.sequence.surplus(),
                "waits_for": list(rules),
                "needs_all": intake.watch.completion.needs_all,
                "released": collection.released,
                "late": len(collection.late | collection.rewritten),
                "troubles": [
                    {"event": t.event, "path": str(t.path), "reason": t.reason}
                    for t in troubles[:most]
                ],
            }
        )

    def _order(self, request: Mapping[str, Any]) -> Any:
        """Do what a person wants of one sequence."""
        kind, extent = request["request"], request.get("extent", "trim")
        if extent not in ("trim", "fill"):
            raise ServiceError(f"a sequence is released by trim or fill, not {extent!r:.40}")
        does: dict[str, Order] = {
            "retry": orders.retry,
            "release": lambda _, collection: orders.release(collection, extent),
            "forget": lambda _, collection: orders.forget(collection),
        }
        return self._done(request, does[kind])

    def _done(self, request: Mapping[str, Any], order: Order) -> Any:
        """Do something about one sequence on the thread of its folder."""
        watch, key = self._meant(request.get("handle"))
        if watch.is_done:
            raise ServiceError("the service is about to reload or to end; try again")
        titles = []

        def act(intake: Intake) -> Any:
            collection = intake.collections.get(key)
            if collection is None:
                raise ServiceError("the sequence has just gone, with all of its frames")
            titles.append(collection.sequence.title)
            done = order(intake, collection)
            intake.drop_if_empty(key)  # such as one that was retried, and has no files any more
            return done

        result = _outcome(watch.ask(act), watch)
        kind, name, title = request["request"], watch.watch.name, titles[0]
        if kind != "show":
            self._log.info("ordered", order=kind, watch=name, sequence=title, outcome=result)
        answer = {"handle": handle_of(name, key), "watch": name, "title": title, "done": result}
        if watch.is_journal_blocked:
            answer["warning"] = "the journal cannot be written: a restart would undo this"
        return answer

    def _meant(self, handle: object) -> tuple[WatchThread, SequenceKey]:
        """Return the sequence that somebody means."""
        if not isinstance(handle, str):
            raise ServiceError("the request names no sequence")
        found = [
            (handle_of(watch.watch.name, key), each.sequence.title, (watch, key))
            for watch in self._insight.watches()
            for key, each in list(watch.intake.collections.items())
        ]
        try:
            return meant_by(handle, found)
        except ServiceError:
            known = ((r.handle, r.title, r) for r in self._insight.journal.sequences())
            record = meant_by(handle, known)
            if any(handle_of(w.watch.name, k) == record.handle for _, _, (w, k) in found):
                raise  # it is not the only one
            raise ServiceError(
                f"sequence {record.title} of {record.watch} is on record as {record.state}, but"
                " none of its frames is there, or they were not looked at yet"
            ) from None


def _outcome(future: Future[Any], watch: WatchThread) -> Any:
    """Return what came of an order; one that is not begun in time is not carried out at all."""
    concurrent.futures.wait([future], _ORDER_S)
    if future.cancel():
        raise ServiceError(
            f"the folder of {watch.watch.name} does not answer now; nothing was done, try again"
        )
    concurrent.futures.wait([future], _ORDER_S)
    if not future.done():
        raise ServiceError(f"the folder of {watch.watch.name} is still at it; look again later")
    return future.result()


def _fitted(make: Callable[[int], Any]) -> Any:
    """Return an answer that tells so many entries of each list that it is not too long."""
    for most in _MOST_TOLD:
        answer = make(most)
        try:
            encode({"": answer, "room": " " * _ROOM})
        except ServiceError:
            continue
        return answer
    raise ServiceError(f"the answer would be longer than {LONGEST_LINE} bytes")
