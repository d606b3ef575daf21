"""Child processes that answer calls over pipes: started, watched, killed, never orphaned.

`WorkerProcess` is the parent's side, `BackgroundWorker` the same for callers without an event loop; a worker module
calls `plimsoll.workers.child.serve`.
"""

from plimsoll.workers.background import BackgroundWorker
from plimsoll.workers.errors import WorkerCallError, WorkerDiedError, WorkerError, WorkerTimeoutError
from plimsoll.workers.process import WorkerProcess

__all__ = [
    "BackgroundWorker",
    "WorkerCallError",
    "WorkerDiedError",
    "WorkerError",
    "WorkerProcess",
    "WorkerTimeoutError",
]
