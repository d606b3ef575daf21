"""Plimsoll's own benchmarks: what the engine costs, what it reuses, and what it survives.

python -m benchmarks.engine [PART]... [--quick]
"""
