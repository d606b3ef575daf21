"""The local web viewer: runs in a browser, cases side by side, and a place to label them by hand."""

from plimsoll.viewer.contract import Desk, Reading, Refused

__all__ = ["Desk", "Reading", "Refused"]
