"""Evaluators of other libraries, unmodified: each library a small module, all on one `Wrap`.

A library runs in a process of its own, in its own environment where it needs one, and asks the suite's models.
"""
