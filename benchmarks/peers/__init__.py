"""Plimsoll beside other tools: the same rows, the same endpoint, the same requests at once, one scorer each.

Every tool is installed in an environment of its own at a pinned version, runs at the settings that proved fastest for
it, and is believed only where the endpoint saw one request for each row and its scores are the right ones.
"""
