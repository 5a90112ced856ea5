"""The report in a real browser: it plays from what is clicked, fits a phone, and is whole without its script."""

import asyncio
from pathlib import Path

import av
import pytest

from runtime.events import Failure, to_json
from runtime.record import writer as module
from runtime.record.audio import Placed, Timeline
from runtime.record.call_log import CallLog
from runtime.record.folder import finish
from runtime.record.taps import PERSONA, RATE, TRAINEE
from tests.browser import browsing, find_chromium
from tests.composed import compose
from tests.loopback.audio import tone
from tests.record.calls import poor, with_trouble

SHOWN = "[...document.querySelectorAll('.lines li')].filter(line => line.offsetParent).length"


@pytest.fixture
def chromium() -> str:
    """A browser."""
    return find_chromium() or pytest.skip("no browser: put chromium on PATH")


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """The folder of a call with its audio."""
    events = with_trouble(poor())
    events.append(Failure(at=events[-1].at, source="LLM", reason="at the very end", recoverable=False))
    folder = tmp_path / "call"
    folder.mkdir()
    (folder / "events.jsonl").write_text("".join(to_json(event) + "\n" for event in events))
    module._write_spec(folder / "spec.yaml", compose(["language=en"]))
    timeline, log = Timeline(0), CallLog(events)
    for line in log.lines:
        side = TRAINEE if line.speaker == "operator" else PERSONA
        timeline.place(Placed(side, line.at, tone(line.seconds or 1), RATE))
    with av.open(str(folder / "audio.ogg"), "w", format="ogg") as file:
        stream = file.add_stream("libopus", rate=RATE, layout="stereo")
        file.mux(stream.encode(timeline.settled(log.length, last=True)))
        file.mux(stream.encode(None))
    finish(folder)
    return folder


async def test_a_report_plays_from_what_is_clicked(chromium: str, spoken: Path, tmp_path: Path) -> None:
    """A line, a mark or a moment of the advice; the line that is played is lit; keys go from line to line."""
    async with browsing(chromium, tmp_path / "home", (spoken / "report.html").as_uri(), tmp_path / "none.wav") as page:
        await page.until("document.querySelector('audio').readyState > 0")
        await page.evaluate("document.querySelector('.advice a').click()")
        await page.until("!document.querySelector('audio').paused && document.querySelector('audio').currentTime > 11")
        await page.until("document.querySelector('[aria-current]')?.id === 'l1'")
        await page.evaluate("document.querySelector('#l3 .text').click()")
        await page.until("document.querySelector('[aria-current]')?.id === 'l3'")
        await page.evaluate("document.querySelector('.marks a.ending').dispatchEvent(new MouseEvent('mouseenter'))")
        assert "she has had enough" in await page.evaluate("document.getElementById('tell').textContent")
        await page.evaluate("document.querySelector('#l3 .at').focus()")
        await page.send("Input.dispatchKeyEvent", type="keyDown", key="ArrowDown")
        assert await page.evaluate("document.activeElement.closest('li').id") == "l4"
        await page.send("Input.dispatchKeyEvent", type="keyDown", key=" ")
        await page.until("document.querySelector('audio').paused")


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_report_fits_its_screen_and_filters_without_script(
    width: int, chromium: str, spoken: Path, tmp_path: Path
) -> None:
    """Nothing is wider than the screen; the filter leaves what moved her."""
    async with browsing(chromium, tmp_path / "home", "about:blank", tmp_path / "none.wav") as page:
        await page.send("Emulation.setScriptExecutionDisabled", value=True)
        await page.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        await page.send("Page.navigate", url=(spoken / "report.html").as_uri())
        async with asyncio.timeout(30):  # a page without script has no timers to wait with
            while not await page.evaluate("document.readyState === 'complete' && !!document.querySelector('.ran')"):
                pass
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        edges = "(box => [box.left, box.right])(document.querySelector('.plot').getBoundingClientRect())"
        marks = "[...document.querySelectorAll('.marks use')].map(mark => mark.getBoundingClientRect())"
        left, right = await page.evaluate(edges)
        drawn = await page.evaluate(f"{marks}.map(box => [box.left, box.right])")
        assert len(drawn) > 10 and left <= min(drawn)[0] and max(drawn)[1] <= right  # the first and the last too
        before = await page.evaluate(SHOWN)
        await page.evaluate("document.getElementById('only').click()")
        assert 0 < await page.evaluate(SHOWN) < before


async def test_a_report_is_printed_whole_and_without_its_player(chromium: str, spoken: Path, tmp_path: Path) -> None:
    """Whatever is filtered or folded on the screen is on the paper, and nothing is wider than that."""
    async with browsing(chromium, tmp_path / "home", (spoken / "report.html").as_uri(), tmp_path / "none.wav") as page:
        before = await page.evaluate(SHOWN)
        await page.evaluate("document.getElementById('only').click()")
        await page.send("Emulation.setDeviceMetricsOverride", width=794, height=1123, deviceScaleFactor=1, mobile=False)
        await page.send("Emulation.setEmulatedMedia", media="print")
        assert await page.evaluate(SHOWN) == before
        assert await page.evaluate("document.querySelector('.player').offsetHeight") == 0
        assert await page.evaluate("document.querySelector('.moments').checkVisibility({contentVisibilityAuto: true})")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 794
