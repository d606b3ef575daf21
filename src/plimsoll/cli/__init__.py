"""The command line: words, flags and exit codes over the Python API."""
