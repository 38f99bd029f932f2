"""Progress for work that takes longer than two seconds; nothing where the output is not a terminal."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

PATIENCE = 2.0
"""seconds without a word"""


class Waiting:
    """A context in which `step` and `say` tell how far the work is.

    >>> with Waiting("comparing") as waiting:
    ...     waiting.step(1, 40, "p4")
    """

    def __init__(self, what: str) -> None:
        self._state: tuple[int, int | None, str] = (0, None, what)
        self._bar: Any = None
        self._task: Any = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(PATIENCE, self._show)
        self._timer.daemon = True

    def __enter__(self) -> Waiting:
        if sys.stderr.isatty():
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
            self._bar = None

    def step(self, done: int, total: int, what: str) -> None:
        """`done` of `total` parts are finished; `what` is being done."""
        self._tell((done, total, what))

    def say(self, what: str) -> None:
        """`what` is being done, for who knows how long."""
        self._tell((0, None, what))

    def compiling(self, then: str) -> None:
        """Have the engine ready before `then` is being done: the first run on a machine compiles it."""
        from sim.production import prepare

        self.say("compiling the engine, once on this machine")
        prepare()
        self.say(then)

    def _tell(self, state: tuple[int, int | None, str]) -> None:
        with self._lock:
            self._state = state
            if self._bar is not None:
                done, total, what = state
                self._bar.update(self._task, completed=done, total=total, description=what)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        with self._lock:
            done, total, what = self._state
            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(what, completed=done, total=total)
            self._bar.start()
