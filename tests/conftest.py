"""What all tests share: how many examples a property is tried with, and that Ctrl-C is heard."""

import signal

from hypothesis import settings

pytest_plugins = ("pytester",)

# What `make test` has time for; `make test-all` takes the library's hundred. A test that names a number keeps it.
settings.register_profile("quick", max_examples=25)

# A shell starts what it leaves in the background deaf to Ctrl-C, and its children with it: tests that interrupt a
# command would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
