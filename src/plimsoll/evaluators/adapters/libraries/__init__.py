"""One module for each library: what its evaluators need and give, how one is made, how it is called.

They run in the worker, in whatever environment the library is installed: nothing is imported here but the standard
library, `plimsoll.evaluators.adapters.support`, and, inside functions, the library itself. `support` says what the
functions take and give.
"""
