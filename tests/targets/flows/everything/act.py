import os
import sys
import time

from promptflow.core import tool
from words import SILENT_MODES


@tool
def act(mode: str) -> dict:
    if mode == "raise":
        raise ValueError(f"no such thing; the key was {os.environ.get('FLOW_TEST_KEY')}")
    if mode == "exit":
        sys.exit(3)
    if mode == "die":
        os._exit(0)
    if mode == "hang":
        time.sleep(600)
    if mode == "slow":
        time.sleep(1)
    return {"ask": mode not in SILENT_MODES, "folder": os.getcwd(), "key": os.environ.get("OPENAI_API_KEY", "")}
