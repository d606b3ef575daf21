"""Headless Chromium over its DevTools protocol: go to a page, wait for what it shows, click, take a picture."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

WIDTH, HEIGHT = 1400, 900
_COLOURS = 128
_STARTING = 60
_FIND = """(() => {
  const wanted = %s, near = [];
  for (const one of document.querySelectorAll(%s)) {
    const box = one.getBoundingClientRect();
    if (box.width && box.height && one.textContent.includes(wanted)) near.push([one.textContent.length, box]);
  }
  if (!near.length) return null;
  near.sort((a, b) => a[0] - b[0]);
  const box = near[0][1];
  return [box.x, box.y, box.width, box.height];
})()"""


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def go(self, address: str) -> None:
        """Open an address, from nothing: the application reads its settings anew."""
        await self._send("Page.navigate", url="about:blank")
        await self._send("Page.navigate", url=address)

    async def before_each(self, script: str) -> None:
        """Run a script before those of every page."""
        await self._send("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = await self._send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    async def shows(self, *texts: str, seconds: float = 120) -> None:
        """Wait until the page shows all of these, and has stopped changing.

        Raises:
            TimeoutError: it does not; with what it shows.
        """
        until = time.monotonic() + seconds
        before = ""
        while True:
            text = str(await self.ask("document.body ? document.body.innerText : ''"))
            if all(one in text for one in texts) and text == before:
                return
            if time.monotonic() > until:
                missing = [one for one in texts if one not in text]
                raise TimeoutError(f"the page does not show {missing}, but:\n{text[:3000]}")
            before = text
            await asyncio.sleep(1.5)

    async def click(
        self, text: str, selector: str = "button, a, [role=tab], td, span, div", *, at: tuple[int, int] | None = None
    ) -> None:
        """Click on the smallest thing that holds the text; or beside it, at pixels from its left upper corner.

        Raises:
            LookupError: there is none.
        """
        box = await self.ask(_FIND % (json.dumps(text), json.dumps(selector)))
        if box is None:
            raise LookupError(f"nothing to click on says {text!r}")
        across, down = at or (box[2] / 2, box[3] / 2)
        place = {"x": box[0] + across, "y": box[1] + down, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            await self._send("Input.dispatchMouseEvent", type=kind, **place)

    async def scroll(self, text: str, pixels: int) -> None:
        """Turn the mouse's wheel where the text stands.

        Raises:
            LookupError: it stands nowhere.
        """
        box = await self.ask(_FIND % (json.dumps(text), json.dumps("span, div")))
        if box is None:
            raise LookupError(f"nothing to scroll says {text!r}")
        await self._send("Input.dispatchMouseEvent", type="mouseWheel", x=box[0], y=box[1], deltaX=0, deltaY=pixels)
        await asyncio.sleep(1)

    async def picture(self, path: Path) -> None:
        """Keep what the window shows, with as few colours as a page needs."""
        from PIL import Image

        await self._send("Input.dispatchMouseEvent", type="mouseMoved", x=WIDTH - 1, y=HEIGHT - 1)
        taken = await self._send("Page.captureScreenshot", format="png")
        image = Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")
        path.parent.mkdir(parents=True, exist_ok=True)
        image.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)

    async def _send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            said = await self._socket.receive_json(timeout=120)
            if said.get("id") == number:
                if "error" in said:
                    raise RuntimeError(f"{method}: {said['error']}")
                return dict(said["result"])


@asynccontextmanager
async def chromium() -> AsyncIterator[Page]:
    """Start a browser with one tab, and end it.

    Raises:
        FileNotFoundError: there is no Chromium on the path.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise FileNotFoundError("Chromium is not installed")
    with tempfile.TemporaryDirectory(prefix="plimsoll-browser-", ignore_cleanup_errors=True) as profile:
        words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        words += ["--remote-debugging-port=0", f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}"]
        words += ["--no-first-run", "--disable-background-networking", "--force-device-scale-factor=1", "about:blank"]
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(program, *words, stdout=quiet, stderr=quiet)
        try:
            port = await asyncio.to_thread(_port, Path(profile, "DevToolsActivePort"))
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    tab = next(one for one in await answer.json() if one["type"] == "page")
                async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    page = Page(socket)
                    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
                    await page._send("Emulation.setDeviceMetricsOverride", **size)  # noqa: SLF001  # before it is given away
                    await page._send("Page.enable")  # noqa: SLF001  # the same
                    yield page
        finally:
            process.terminate()
            await process.wait()


def _port(file: Path) -> str:
    for _ in range(_STARTING * 10):
        if file.is_file() and (text := file.read_text()):
            return text.splitlines()[0]
        time.sleep(0.1)
    raise TimeoutError(f"Chromium did not start within {_STARTING} s")
