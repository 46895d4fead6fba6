import base64
import html.parser
import json
import shutil
import sys

import keras
import pytest
from builders import TINY_RUN, digits, small_vae
from figure_checks import decode

from ald_keras import ALDCallback, ALDRule
from ald_keras.experiments.core.saved_runs import load_facts
from ald_keras.reports.run_report import write_run_report
from ald_keras.runs.config import Config
from ald_keras.train import run


class Page(html.parser.HTMLParser):
    """What a page holds: tags with attributes, and text."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags, self.texts, self.open = [], [], []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def check_page(path):
    """The page stands alone: nothing is loaded, every figure can be seen."""
    page = Page(path)
    assert page.open == []
    assert page.all("script") == []
    for _, attributes in page.tags:
        for name in ("src", "href", "action", "data"):
            assert attributes.get(name, "data:").startswith("data:")
        assert not any(name.startswith("on") for name in attributes)
    for word in ("http:", "https:", "@import", "url("):
        assert word not in page.source
    assert page.all("html")[0]["lang"] == "en"
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in (
        page.all("meta")
    )
    for image in page.all("img"):
        kind, data = image["src"].split(",", 1)
        assert kind == "data:image/png;base64"
        pixels = decode(base64.b64decode(data, validate=True))
        assert pixels.shape[:2] == (int(image["height"]), int(image["width"]))
        assert pixels.std() > 5
        assert len(image["alt"]) > 20
    return page


def test_a_run_ends_with_its_report(recorded_run):
    page = check_page(recorded_run / "report.html")
    record = json.loads((recorded_run / "run.json").read_text())
    decisions = json.loads((recorded_run / "decisions.json").read_text())
    assert f"8 → {record['active_dims']} dimensions, fixed at epoch" in page.text
    assert record["outcome"] in page.text
    figures = [figure["id"] for figure in page.all("figure")]
    assert figures == [
        *("size_curve", "training", "kl", "traversals", "codes"),
        *("reconstructions", "samples"),
    ]
    assert len(page.all("img")) == len(page.all("figcaption")) == 7
    assert decisions
    for decision in decisions:
        assert decision["reason"] in page.text
    for name in ("reconstruction_loss", "kl_loss"):
        assert f"{record['test'][name]:.2f}" in page.text
        assert f"{record['test_compact'][name]:.2f}" in page.text
    assert "latent_dim: 8" in page.text
    assert f"keras {record['versions']['keras']}" in page.text
    assert f'python -m ald_keras.export "{recorded_run}/model.keras"' in page.text
    assert f'load_model("{recorded_run}/compact.keras")' in page.text
    assert "320 to train on" not in page.text
    assert f"{record['samples']['train']} to train on" in page.text


def test_text_is_escaped(recorded_run, tmp_path):
    folder = tmp_path / "<b>a&b"
    shutil.copytree(recorded_run, folder)
    decisions = json.loads((folder / "decisions.json").read_text())
    decisions[0]["reason"] = "<script>alert(1)</script>"
    (folder / "decisions.json").write_text(json.dumps(decisions))
    facts, _ = load_facts(folder)
    facts.config["dataset"] = "<b>"
    write_run_report(tmp_path / "page.html", facts)
    page = check_page(tmp_path / "page.html")
    assert page.all("b") == []
    assert "<script>alert(1)</script>" in page.text
    assert "dataset: <b>" in page.text
    assert "<b>a&b" in page.text


def test_what_cannot_be_drawn_is_said(tmp_path):
    settings = {
        "dataset": "linear_gaussian",
        "data": {"n_factors": 2, "n_features": 6, "samples": 200, "test_samples": 60},
        "likelihood": "gaussian",
        "architecture": {"name": "mlp", "hidden": [8]},
        "latent_dim": 1,
        "epochs": 2,
        "method": "fixed",
        "probe": {"n_clusters": 2},
    }
    run(Config.from_dict(settings), tmp_path / "run", verbose=0)
    page = check_page(tmp_path / "run" / "report.html")
    assert "1 dimension throughout, not pruned" in page.text
    assert "Traversals are left out" in page.text
    assert "one dimension is active" in page.text
    assert "None: nothing was pruned." in page.text
    assert [figure["id"] for figure in page.all("figure")] == [
        *("training", "kl", "reconstructions", "samples")
    ]


TINY = {**TINY_RUN, "latent_dim": 2, "epochs": 1, "method": "fixed", "report": True}


def test_a_report_that_fails_does_not_lose_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    record = run(Config.from_dict(TINY), tmp_path / "run", verbose=0)
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == record
    assert not (tmp_path / "run" / "report.html").exists()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "report could not be written" in error
    assert "pip install matplotlib jinja2" in error


def test_a_run_that_is_replaced_leaves_no_report(tmp_path):
    (tmp_path / "figures").mkdir()
    for name in ("report.html", "figures/kl.png", "figures/mine.png"):
        (tmp_path / name).write_text("of another run")
    config = Config.from_dict({**TINY, "report": False})
    run(config, tmp_path, overwrite=True, verbose=0)
    assert not (tmp_path / "report.html").exists()
    assert [file.name for file in (tmp_path / "figures").iterdir()] == ["mine.png"]


def test_a_notebook_gets_the_same_report(tmp_path):
    x = digits(300)
    vae = small_vae(6)
    vae.compile(keras.optimizers.Adam(1e-2))
    rule = ALDRule(initial_step=2, patience=2, slope_window=2, slowdown_window=2)
    callback = ALDCallback(rule, n_clusters=3, features="identity")
    with pytest.raises(RuntimeError, match="a `fit` that has ended"):
        callback.report(tmp_path / "early.html")
    vae.fit(x[:250], validation_data=x[250:], epochs=5, callbacks=[callback], verbose=0)
    callback.report(str(tmp_path / "mine.html"))
    page = check_page(tmp_path / "mine.html")
    assert callback.result() in page.text
    assert f"6 → {vae.active_dims} dimensions" in page.text
    assert all(decision.reason in page.text for decision in callback.decisions)
    loss = vae.history.history["val_reconstruction_loss"][-1]
    assert f"{loss:.2f}" in page.text
    assert "ald_keras.compact(model)" in page.text
    assert "Posterior means of 50 samples of the validation data" in page.text
    assert not (tmp_path / "early.html").exists()


def test_missing_packages_are_named(tmp_path, monkeypatch):
    x = digits(80)
    vae = small_vae(3)
    vae.compile("adam")
    callback = ALDCallback(n_clusters=2, features="identity")
    vae.fit(x[:50], validation_data=x[50:], epochs=1, callbacks=[callback], verbose=0)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="matplotlib: pip install matplotlib jinja2"):
        callback.report(tmp_path / "mine.html")
