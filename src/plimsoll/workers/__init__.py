"""Child processes that answer calls over pipes: started, watched, killed, never orphaned.

`WorkerProcess` is the parent's side; a worker module calls `plimsoll.workers.child.serve`.
"""

from plimsoll.workers.errors import WorkerCallError, WorkerDiedError, WorkerError, WorkerTimeoutError
from plimsoll.workers.process import WorkerProcess

__all__ = ["WorkerCallError", "WorkerDiedError", "WorkerError", "WorkerProcess", "WorkerTimeoutError"]
