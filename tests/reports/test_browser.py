"""The report in a real browser without a screen: Chromium, where there is one."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from ald_keras.reports.drawings import Drawing
from ald_keras.reports.experiment_report import write_experiment_report
from ald_keras.reports.figures import Cost, costs_figure

pytestmark = pytest.mark.slow

SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
WIDTHS = (400, 1000)

# What stands in the page itself, and the empty tab that it opens with.
BROWSERS_OWN = ("data:", "chrome:")


@pytest.fixture
def browser(tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(switch)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    service = webdriver.ChromeService(driver)
    session = webdriver.Chrome(options=options, service=service)
    yield session
    session.quit()


def requested(browser):
    """Addresses that the page asked for."""
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def render(browser, path, width):
    """Open a page and check what holds for all; returns its figures."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get(path.as_uri())
    assert browser.get_log("browser") == []
    figures = browser.execute_script(
        "return [...document.images].map(i => [i.complete, i.naturalWidth,"
        " i.getBoundingClientRect().width, i.getBoundingClientRect().height])"
    )
    for complete, natural, shown, height in figures:
        assert complete
        assert natural == 1200
        assert 0.8 * min(width, 800) < shown <= min(width, 800)
        assert height > 20
    # The page itself never scrolls sideways; wide tables do within it.
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    asked = {url for url in requested(browser) if not url.startswith(BROWSERS_OWN)}
    assert asked == {path.as_uri()}
    return figures


@pytest.mark.parametrize("width", WIDTHS)
def test_it_renders_and_asks_for_nothing(browser, recorded_run, tmp_path, width):
    path = pathlib.Path(shutil.copy(recorded_run / "report.html", tmp_path))
    assert len(render(browser, path, width)) == 6
    assert "dimensions" in browser.find_element("class name", "answer").text
    browser.save_screenshot(str(tmp_path / "page.png"))
    assert (
        len(np.unique(np.asarray(Image.open(tmp_path / "page.png").convert("L")))) > 50
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_an_experiments_report_with_its_wide_table(browser, tmp_path, width):
    path = tmp_path / "report.html"
    costs = [Cost("grid", 600.0, -100.0, 0.5), Cost("size_curve", 100.0, -101.0, 0.5)]
    write_experiment_report(
        path,
        title="compare-digits",
        answers=["grid: 3 trials.", "size_curve: 4 dimensions in one run."],
        rows=[{f"a column {i}": f"{i}.25 ± 0.50" for i in range(20)}] * 8,
        notes="What the cells are.",
        drawings=[Drawing("costs", costs_figure(costs), "A caption.", "A figure.")],
        failures={"grid-9-seed0": "no memory"},
        settings={"seeds": 3},
        versions={"keras": "3"},
    )
    assert len(render(browser, path, width)) == 1
    text = browser.find_element("tag name", "body").text
    for expected in ("4 dimensions in one run", "19.25 ± 0.50", "no memory"):
        assert expected in text
