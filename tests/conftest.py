"""What all tests share: how many examples a property is tried with."""

from hypothesis import settings

pytest_plugins = ("pytester",)

# What `make test` has time for; `make test-all` takes the library's hundred. A test that names a number keeps it.
settings.register_profile("quick", max_examples=25)
