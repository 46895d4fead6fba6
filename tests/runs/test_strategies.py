"""Several devices or workers come to the same decisions as one device."""

import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import yaml
from builders import TINY_RUN, small_vae

from ald_keras import (
    ALDCallback,
    ALDRule,
    GatedVAE,
    GateSearch,
    MaskedVAE,
    SizeCurve,
    SizeCurveRule,
)
from ald_keras.architectures import build_architecture
from ald_keras.runs.file_names import CHECKPOINT
from ald_keras.runs.strategies import open_strategy
from ald_keras.train import main

PACKAGE = pathlib.Path(__file__).parents[2]

# The last batch is smaller, and leaves some replicas without any sample.
RUN = {
    **TINY_RUN,
    "data": {"limit": 201},
    "batch_size": 60,
    "latent_dim": 6,
    "epochs": 8,
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "rule": {
        "name": "ald",
        "initial_step": 1,
        "patience": 2,
        "slope_window": 4,
        "slowdown_window": 2,
    },
}
ELASTIC = {**RUN, "rule": {"name": "elastic", "patience": 2, "idle_kl": 0.01}}
CURVE = {
    **RUN,
    "dataset": "linear_gaussian",
    "data": {"n_factors": 3, "samples": 701},
    "architecture": {"name": "mlp", "hidden": []},
    "likelihood": "gaussian",
    "epochs": 14,
    "interval": "epoch",
    "rule": {"name": "size_curve", "patience": 2},
}
GATED = {**RUN, "epochs": 16, "method": "geco", "geco": {"tau": 7.0, "warmup": 2}}

# How runs as short as these end is not asked here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:GatedVAE. "),
    pytest.mark.filterwarnings("ignore:ALD. "),
]


def weights(folder):
    return keras.saving.load_model(folder / "model.keras").get_weights()


def assert_agree(folder, expected):
    """The same decisions, and figures that differ by no more than sums' order."""
    curves = [
        SizeCurve.from_csv(run / "size_curve.csv")
        if (run / "size_curve.csv").exists()
        else None
        for run in (folder, expected)
    ]
    assert (curves[0] is None) == (curves[1] is None)
    if curves[0] is not None:
        assert curves[0].order == curves[1].order
        np.testing.assert_allclose(curves[0].increase, curves[1].increase, atol=1e-3)
    texts = ((run / "decisions.json").read_text() for run in (folder, expected))
    found, wanted = map(json.loads, texts)
    for decision in (*found, *wanted):
        # Numbers, and with them those in the reason.
        decision["details"] = decision["details"].keys()
        decision["reason"] = re.sub(r"[\d.]+", "", decision["reason"])
    assert found == wanted
    for a, b in zip(weights(folder), weights(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """Makes a config and its run on one device, once; nobody changes them."""
    made = {}

    def make(config):
        text = yaml.safe_dump(config)
        if text not in made:
            folder = tmp_path_factory.mktemp("single")
            path = folder / "config.yaml"
            path.write_text(text)
            assert main(arguments(path, folder / "one")) == 0
            made[text] = path, folder / "one"
        return made[text]

    return make


def arguments(path, output, *more):
    given = ["--config", path, "--output", output, "--verbose", "0", *more]
    return list(map(str, given))


def on_devices(count, argv):
    """A run over logical devices, in a process of its own, where they can be made."""
    if keras.backend.backend() == "jax":  # which `environment` gives them
        return (
            "import sys, jax\n"
            "from ald_keras.train import main\n"
            f"assert len(jax.devices()) == {count}\n"
            f"sys.exit(main({argv!r}))\n"
        )
    return (
        "import sys, tensorflow as tf\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        f"logical = [tf.config.LogicalDeviceConfiguration()] * {count}\n"
        "tf.config.set_logical_device_configuration(cpu, logical)\n"
        "from ald_keras.train import main\n"
        f"code = main({argv!r})\n"
        f"assert len(tf.config.list_logical_devices('CPU')) == {count}\n"
        "sys.exit(code)\n"
    )


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="PyTorch trains on one device"
)
@pytest.mark.parametrize(
    ("config", "count"),
    [
        (RUN, 2),
        (CURVE, 2),
        pytest.param(ELASTIC, 2, marks=pytest.mark.slow),
        pytest.param(RUN, 4, marks=pytest.mark.slow),
        pytest.param(GATED, 2, marks=pytest.mark.slow),
        pytest.param(GATED, 4, marks=pytest.mark.slow),
    ],
)
def test_devices_of_one_machine(config, count, single, tmp_path):
    path, expected = single(config)
    argv = arguments(path, tmp_path / "many", "--set", "strategy=mirrored")
    code = on_devices(count, argv)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(count))
    assert_agree(tmp_path / "many", expected)
    decisions = json.loads((expected / "decisions.json").read_text())
    if config is CURVE:
        assert "fixed" in {decision["code"] for decision in decisions}


def environment(devices=1, **more):
    flags = f"--xla_force_host_platform_device_count={devices}"
    if keras.backend.backend() == "jax":
        more["XLA_FLAGS"] = flags
    return {**os.environ, "PYTHONPATH": str(PACKAGE), **more}


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture
def start_workers():
    """Starts the two workers of a run; none outlives the test."""
    started = []

    def start(path, output, *more):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        given = ("--set", "strategy=multi_worker", *more)
        command = [sys.executable, "-m", "ald_keras.train"]
        workers = []
        for index in range(2):
            task = {"type": "worker", "index": index}
            cluster = json.dumps({"cluster": {"worker": addresses}, "task": task})
            process = subprocess.Popen(
                [*command, *arguments(path, output, *given)],
                env=environment(TF_CONFIG=cluster),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            workers.append(process)
        started.extend(workers)
        return workers

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("config", [RUN, ELASTIC, CURVE, GATED])
def test_two_workers(config, single, tmp_path, start_workers):
    path, expected = single(config)
    for worker in start_workers(path, tmp_path / "two"):
        _, err = worker.communicate(timeout=300)
        assert worker.returncode == 0, err
    assert_agree(tmp_path / "two", expected)
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == sorted(
        p.name for p in expected.iterdir()
    )


@pytest.mark.tensorflow
@pytest.mark.slow
def test_a_worker_that_dies_is_an_error_and_the_run_goes_on(
    single, tmp_path, start_workers
):
    path, expected = single({**RUN, "epochs": 60})
    folder = tmp_path / "two"
    chief, worker = start_workers(path, folder, "--checkpoint-seconds", "0")
    while not (folder / CHECKPOINT).exists():
        assert chief.poll() is None
        time.sleep(0.1)
    worker.kill()
    worker.communicate()
    _, err = chief.communicate(timeout=300)
    assert chief.returncode == 2
    assert "probably one of them has ended" in err.strip().split("\n")[-1]
    for each in start_workers(path, folder, "--resume"):
        _, err = each.communicate(timeout=300)
        assert each.returncode == 0, err
    record = json.loads((folder / "run.json").read_text())
    assert record["resumed_after_epochs"]
    assert_agree(folder, expected)


SENT = """
import os, sys
import numpy as np
from ald_keras.backends import from_chief, is_chief
from ald_keras.runs.strategies import open_strategy

strategy = open_strategy("multi_worker")
value = {"pid": os.getpid(), "text": "größer", "x": [0.1, 1e-300, -3.0], "none": None}
print(is_chief(strategy), os.getpid(), from_chief(strategy, lambda: value))
print(from_chief(strategy, lambda: "a" * 100_000) == "a" * 100_000)
try:
    from_chief(strategy, lambda: 1 / 0)
except (ZeroDivisionError, RuntimeError) as error:
    print(type(error).__name__, error)
"""


@pytest.mark.tensorflow
def test_all_get_what_the_chief_sends():
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        cluster = json.dumps({"cluster": {"worker": addresses}, "task": task})
        process = subprocess.Popen(
            [sys.executable, "-c", SENT],
            env=environment(TF_CONFIG=cluster),
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
    chief, other = (p.communicate(timeout=200)[0].split("\n") for p in processes)
    pid = processes[0].pid
    value = {"pid": pid, "text": "größer", "x": [0.1, 1e-300, -3.0], "none": None}
    assert chief[0] == f"True {pid} {value}"
    assert other[0] == f"False {processes[1].pid} {value}"
    assert chief[1] == other[1] == "True"
    assert chief[2] == "ZeroDivisionError division by zero"
    assert other[2] == "RuntimeError The chief has stopped: division by zero"


@pytest.mark.tensorflow
@pytest.mark.slow
def test_what_the_chief_cannot_do_ends_all_workers(single, tmp_path, start_workers):
    path, _ = single({**RUN, "epochs": 1})
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "mine.txt").touch()
    for worker, text in zip(
        start_workers(path, tmp_path / "two"),
        ("", "The chief has stopped: "),
        strict=True,
    ):
        _, err = worker.communicate(timeout=300)
        assert worker.returncode == 2
        assert f"{text}{tmp_path / 'two'} is not empty" in err.strip().split("\n")[-1]


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    ],
)
def test_workers_must_be_named(text, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="environment variable TF_CONFIG, such as"):
        open_strategy("multi_worker")


def test_an_unknown_strategy_is_an_error(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({**RUN, "strategy": "magic"}))
    assert main(arguments(path, tmp_path / "run")) == 2
    assert "strategy" in capsys.readouterr().err
    with pytest.raises(ValueError, match="`strategy` must be one of"):
        open_strategy("magic")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ald", "size_curve", "gated"])
def test_memory_and_traces_stay_flat(kind):
    """Over 300 epochs of pruning; with gates, with copies for trials."""
    x = np.random.default_rng(0).random((64, 400)).astype("float32")
    encoder, decoder = build_architecture("mlp", (400,), 32, seed=0, hidden=[256])
    if kind == "gated":
        vae = GatedVAE(encoder, decoder, 32, tau=40.0, warmup=10, seed=0)
        callbacks = [GateSearch()]
    else:
        rule = ALDRule(initial_step=1, patience=9, thresholds={"silhouette": 1e9})
        rule = rule if kind == "ald" else SizeCurveRule(tolerance="90%")
        vae = MaskedVAE(encoder, decoder, 32, beta=0.05, seed=0)
        callbacks = [ALDCallback(rule, probe_size=30, n_clusters=3)]
    vae.compile("adam")
    sizes, traces = {}, []
    step = vae.train_step
    # Python runs it when it is traced, and not again.
    vae.train_step = lambda data: traces.append(None) or step(data)

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch in (100, 299):
                with open("/proc/self/statm") as file:
                    pages = int(file.read().split()[1])
                sizes[epoch] = pages * resource.getpagesize() / 2**20

    callbacks.append(Watch())
    vae.fit(x, epochs=300, validation_data=x, callbacks=callbacks, verbose=0)
    assert len(traces) == 1
    assert sizes[299] - sizes[100] < 30.0, sizes


def test_a_model_made_outside_the_scope_is_told(tf):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    vae = small_vae(4)
    with strategy.scope():
        with pytest.raises(ValueError, match=r"with strategy\.scope"):
            vae.compile("adam")
        small_vae(4).compile("adam")
