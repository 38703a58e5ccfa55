"""Asking disks and shares that may never answer."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")


def ask(question: Callable[[], Answer]) -> Future[Answer]:
    """Make a call on a thread that nobody has to wait for, and return what will come of it.

    A call into a dead share cannot be interrupted, only left alone.
    """
    answer: Future[Answer] = Future()

    def make_call() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:
            answer.set_exception(error)

    try:
        threading.Thread(target=make_call, name="question", daemon=True).start()
    except RuntimeError as error:  # the system gives no thread
        answer.set_exception(error)
    return answer


def answer_within(patience_s: float, question: Callable[[], Answer]) -> Answer:
    """Make a call that may hang, and return or raise what it does.

    Parameters
    ----------
    patience_s : float
        How long it is waited for, s.
    question : callable
        Makes the call; it goes on when it is not waited for any longer.

    Raises
    ------
    TimeoutError
        If it has not come back by then. It is an `OSError`, as those of disks are.
    """
    try:
        return ask(question).result(patience_s)
    except TimeoutError as error:
        raise TimeoutError(str(error) or f"there was no answer within {patience_s:g} s") from error
