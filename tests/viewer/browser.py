"""A headless Chromium that is driven over its own debugging protocol: keys pressed, text read, pictures taken."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
SECONDS = 60
"""A limit for what is sure to come, on a machine that is busy."""
_KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "Escape": 27, "Tab": 9, "Enter": 13}


class Browser:
    """One page of one browser. An async context manager."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._loads = 0
        self._loaded = asyncio.Condition()
        self.said: list[str] = []
        """What the page's console and its content security policy complained of."""

    async def __aenter__(self) -> Self:
        assert CHROMIUM is not None
        self._process = subprocess.Popen(
            [
                CHROMIUM,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--remote-debugging-port=0",
                f"--user-data-dir={self._profile}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._session = aiohttp.ClientSession()
        port = (await self._written(self._profile / "DevToolsActivePort")).split()[0]
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            page = next(each for each in await answer.json() if each["type"] == "page")
        self._socket = await self._session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Asked to end, it ends its own processes too, which a signal would leave to write on into the profile.
        await self.call("Browser.close")
        self._process.wait(SECONDS)
        self._reader.cancel()
        await self._socket.close()
        await self._session.close()

    async def call(self, method: str, **params: Any) -> Any:
        """One call of the protocol."""
        self._number += 1
        self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        return await asyncio.wait_for(self._answers[self._number], SECONDS)

    async def go(self, url: str) -> None:
        """Load a page."""
        before = self._loads
        await self.call("Page.navigate", url=url)
        await self._until_loaded(before)

    async def press(self, key: str, *, loads: bool = False) -> None:
        """Press a key; with `loads` wait until the page that it leads to is there."""
        before = self._loads
        known: Mapping[str, Any] = {"key": key, "windowsVirtualKeyCode": _KEYS.get(key, ord(key[0].upper()))}
        if len(key) == 1 or key == "Enter":
            known = {**known, "text": "\r" if key == "Enter" else key}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **known)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **known)
        if loads:
            await self._until_loaded(before)

    async def write(self, text: str) -> None:
        """Write into the field that has the focus."""
        await self.call("Input.insertText", text=text)

    async def read(self, script: str) -> Any:
        """What an expression is in the page."""
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the window's size, and what colours the user likes."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = "dark" if dark else "light"
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self, path: Path) -> None:
        """What is to be seen, as a PNG."""
        found = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(found["data"]))

    async def _until_loaded(self, before: int) -> None:
        async with self._loaded:
            await asyncio.wait_for(self._loaded.wait_for(lambda: self._loads > before), SECONDS)

    async def _read(self) -> None:
        async for message in self._socket:
            found = json.loads(message.data)
            if "id" in found:
                waiting = self._answers.pop(found["id"])
                if "error" in found:
                    waiting.set_exception(RuntimeError(found["error"]["message"]))
                else:
                    waiting.set_result(found["result"])
            elif found["method"] == "Page.loadEventFired":
                async with self._loaded:
                    self._loads += 1
                    self._loaded.notify_all()
            elif found["method"] == "Log.entryAdded":
                self.said.append(found["params"]["entry"]["text"])
            elif found["method"] == "Runtime.exceptionThrown":
                self.said.append(str(found["params"]["exceptionDetails"]))

    async def _written(self, path: Path) -> str:
        async with asyncio.timeout(SECONDS):
            while not path.is_file() or not path.read_text():
                assert self._process.poll() is None, "the browser has ended"
                await asyncio.sleep(0.05)
        return path.read_text()
