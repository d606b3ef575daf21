"""Folders whose changes are told as they happen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from plimsoll.errors import InfrastructureError

_QUIET = 50
"""Milliseconds without another change before one is told: an editor's save is several."""
_ROUND = 100
"""Milliseconds."""
_WAKE = 1.0
"""Seconds. On Windows a thread that waits without end does not hear a Ctrl-C."""


class WatchedFolders:
    """Tells that something in folders changed, not what: whoever asks looks for themselves. A context manager.

    What changes while nobody waits is told to the next who does.
    """

    def __init__(self) -> None:
        self._folders: Mapping[Path, int] = {}
        self._changed = threading.Event()
        self._leave = threading.Event()
        self._thread: threading.Thread | None = None
        self._listener: Callable[[], object] | None = None
        self._problem: Exception | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def cover(self, folders: Iterable[Path]) -> bool:
        """Watch these folders (not those below) instead of the ones before; those that are missing are left out.

        Returns:
            Whether that made a difference. Then a change may have been missed, and whoever asks has to look.
        """
        # By number too: a folder that was removed and made again is another one, which nobody watches yet.
        wanted = {folder: folder.stat().st_ino for folder in folders if folder.is_dir()}
        if wanted == self._folders:
            return False
        import watchfiles  # noqa: F401  # here rather than in the thread, where nobody would hear that it is missing

        self._stop()
        self._folders, self._leave = wanted, threading.Event()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, args=(wanted, self._leave, ready), name="plimsoll-watch", daemon=True
        )
        self._thread.start()
        ready.wait()
        return True

    def wait(self) -> None:
        """Return when something has changed.

        Raises:
            InfrastructureError: the system can't watch them.
            KeyboardInterrupt: Ctrl-C.
        """
        while not self._changed.wait(_WAKE):
            pass
        self._heard()

    async def changes(self) -> None:
        """The same in an event loop."""
        heard = asyncio.Event()
        with self._lock:
            self._listener = partial(asyncio.get_running_loop().call_soon_threadsafe, heard.set)
            if self._changed.is_set():
                heard.set()
        try:
            await heard.wait()
        finally:
            with self._lock:
                self._listener = None
        self._heard()

    def _heard(self) -> None:
        if self._problem is not None:
            raise InfrastructureError(
                f"the workspace's folders can't be watched: {self._problem}",
                remedy="set WATCHFILES_FORCE_POLLING=1, or run again without --watch",
            ) from self._problem
        self._changed.clear()

    def _watch(self, folders: Collection[Path], leave: threading.Event, ready: threading.Event) -> None:
        try:
            self._follow(folders, leave, ready, polling=None)
        except (OSError, RuntimeError):
            # The system watches no more folders for this user, or not on this kind of disk.
            try:
                self._follow(folders, leave, ready, polling=True)
            except (OSError, RuntimeError) as error:
                self._problem = error
                self._tell()
        finally:
            ready.set()

    def _follow(
        self, folders: Collection[Path], leave: threading.Event, ready: threading.Event, *, polling: bool | None
    ) -> None:
        from watchfiles import watch

        rounds = watch(
            *folders,
            watch_filter=None,
            step=_QUIET,
            recursive=False,
            stop_event=leave,
            # A round without changes says that the folders are being watched from now on.
            rust_timeout=_ROUND,
            yield_on_timeout=True,
            force_polling=polling,
            ignore_permission_denied=True,
        )
        for changes in rounds:
            ready.set()
            if changes:
                self._tell()

    def _tell(self) -> None:
        with self._lock:
            self._changed.set()
            if self._listener is not None:
                self._listener()

    def _stop(self) -> None:
        self._leave.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
