"""Input of every kind that cannot be used: through the API, a config, a command.

What one module alone refuses is tested beside it; here stands what passes through
several, and that a command ends in one line and leaves nothing behind.
"""

import os
import pathlib
import warnings

import keras
import numpy as np
import pytest
import yaml
from builders import (
    TINY_RUN,
    digits,
    small_decoder,
    small_encoder,
    small_vae,
    stream_of,
)

from ald_keras import ALDCallback, ALDRule, GatedVAE, GateSearch, compact
from ald_keras.train import main

X = digits(120)
GECO = {"method": "geco", "geco": {"tau": 5.0}}
RULE = {"initial_step": 1, "patience": 1, "slope_window": 2, "slowdown_window": 2}


def small_gated(**options):
    keras.utils.set_random_seed(0)
    options = {"tau": 5.0, "seed": 0, **options}
    return GatedVAE(small_encoder(), small_decoder(8), 8, **options)


MODELS = {"masked": small_vae, "gated": small_gated}


@pytest.fixture(params=MODELS)
def model(request):
    vae = MODELS[request.param]()
    vae.compile("adam")
    return vae


def pruning(vae, **options):
    """What decides on the size of a model."""
    if hasattr(vae, "gates"):
        return [GateSearch()]
    options = {"n_clusters": 3, "features": "identity", **options}
    return [ALDCallback(ALDRule(**RULE), probe_size=20, **options)]


def spoilt(value):
    x = X.copy()
    x[50, 3, 3, 0] = value
    return x


ARRAYS = {
    "not a number": (spoilt(np.nan), "finite"),
    "infinite": (spoilt(np.inf), "finite"),
    "bytes not scaled": ((X * 255).astype("uint8"), "Divide images of 0 to 255"),
    "below the support": (X - 0.5, r"values in \[0, 1\]"),
    "no sample": (X[:0], "at least one sample"),
    "a sample alone": (X[0], "shape"),
    "another rank": (X.reshape(120, 64), "shape"),
    "another size": (X[:, :7], "shape"),
    "text": (X.astype(str), "real numbers"),
    "objects": (X.astype(object), "real numbers"),
    "complex": (X.astype(complex), "real numbers"),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays(model, kind):
    bad, message = ARRAYS[kind]
    before = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    with pytest.raises(ValueError, match=f"`x` .*{message}"):
        model.fit(bad, verbose=0)
    with pytest.raises(ValueError, match=f"`validation_data` .*{message}"):
        model.fit(X, validation_data=(bad, None), verbose=0)
    with pytest.raises(ValueError, match=f"`x` .*{message}"):
        model.evaluate(bad, verbose=0)
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def batches(x, **options):
    return stream_of(x, 40, **options)


@pytest.mark.parametrize("kind", ["not a number", "infinite", "bytes not scaled"])
def test_streams(model, kind):
    with pytest.raises(ValueError, match="must hold finite values in"):
        model.fit(batches(ARRAYS[kind][0]), epochs=2, verbose=0)


def test_streams_of_another_rank(model):
    with pytest.raises(ValueError, match="shape"):
        model.fit(batches(X.reshape(120, 64)), verbose=0)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_stream_without_a_batch(model):
    with pytest.raises(ValueError, match="`x` must hold at least one batch"):
        model.fit(batches(X[:0]), callbacks=pruning(model, probe=X), verbose=0)


@pytest.mark.filterwarnings("ignore:GatedVAE")
def test_a_stream_without_end_or_steps(model):
    endless = batches(X, endless=True)
    with pytest.raises(ValueError, match="`steps_per_epoch` must .* `x`"):
        model.fit(endless, verbose=0)
    with pytest.raises(ValueError, match="`validation_steps` must"):
        model.fit(X, validation_data=endless, verbose=0)
    with pytest.raises(ValueError, match="`steps` must"):
        model.evaluate(endless, verbose=0)
    model.fit(endless, steps_per_epoch=2, verbose=0)
    assert model.optimizer.iterations == 2


@pytest.mark.parametrize("poisoned", [0, 1])
def test_a_loss_that_stops_being_finite(model, poisoned):
    """In epoch `poisoned` a weight becomes NaN, as after a step too large."""

    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == poisoned:
                kernel = self.model.z_mean.kernel
                kernel.assign(keras.ops.full_like(kernel, np.nan))

    with pytest.raises(ValueError, match=f"Epoch {poisoned + 1}: .* must be finite"):
        model.fit(
            X,
            validation_data=(X[:40],),
            epochs=4,
            callbacks=[Poison(), *pruning(model)],
            verbose=0,
        )
    assert model.validation_data is None


UNUSUAL = {
    "constant": (np.full_like(X, 0.5), None),
    "black": (np.zeros_like(X), None),
    "duplicated": (np.repeat(X[:2], 60, axis=0), None),
    "one class": (X, np.zeros(120, int)),
    "a class each": (X, np.arange(120)),
    "negative labels": (X, np.arange(120) % 3 - 5),
    "labels from afar": (X, np.arange(120) % 3 * 10**9),
}


@pytest.mark.filterwarnings("ignore:ALD. posterior collapse")
@pytest.mark.parametrize("kind", UNUSUAL)
def test_data_that_tell_little_give_a_result(kind):
    x, y = UNUSUAL[kind]
    vae = small_vae(4)
    vae.compile("adam")
    vae.fit(
        x,
        validation_data=(x[:60], None if y is None else y[:60]),
        epochs=3,
        callbacks=pruning(vae),
        verbose=0,
    )
    assert 1 <= vae.active_dims < 4
    assert np.isfinite(compact(vae).reconstruct(x[:4])).all()


def test_fewer_validation_samples_than_clusters():
    vae = small_vae(4)
    vae.compile("adam")
    for samples in (1, 2, 3):
        with pytest.raises(ValueError, match=f"3 clusters .* and {samples} samples"):
            vae.fit(
                X, validation_data=(X[:samples],), callbacks=pruning(vae), verbose=0
            )


@pytest.mark.parametrize("labels", [np.arange(3), np.zeros((120, 2, 2))])
def test_labels_that_do_not_fit(labels):
    vae = small_vae(4)
    vae.compile("adam")
    options = {"callbacks": pruning(vae, n_clusters=None), "verbose": 0}
    if labels.ndim == 1:
        with pytest.raises(ValueError, match="equally many"):
            vae.fit(X, validation_data=(X, labels), **options)
    else:  # targets of another kind are no labels
        vae.fit(X, validation_data=(X, labels), **options)


def npz(folder, **arrays):
    np.savez(folder / "data.npz", **arrays)
    return {"dataset": "npz", "data": {"path": str(folder / "data.npz")}}


FLAT = X.reshape(120, 64)


def spoilt_file(value):
    return lambda folder: npz(folder, x=spoilt(value).reshape(120, 64))


CONFIGS = {
    "not a number": (spoilt_file(np.nan), "data.npz: samples must be finite"),
    "infinite": (spoilt_file(-np.inf), "data.npz: samples must be finite"),
    "not scaled": (lambda f: npz(f, x=FLAT * 16), "Divide images of 0 to 255"),
    "integers": (lambda f: npz(f, x=FLAT.astype(int)), "uint8"),
    "no sample": (lambda f: npz(f, x=FLAT[:0]), "non-empty"),
    "no feature": (lambda f: npz(f, x=FLAT[:, :0]), "non-empty"),
    "rank 1": (lambda f: npz(f, x=FLAT[:, 0]), "non-empty array"),
    "few": (lambda f: npz(f, x=FLAT[:12]), "`probe.n_clusters`"),
    "labels too few": (lambda f: npz(f, x=FLAT, y=np.arange(9)), "one label a sample"),
    "labels of parts": (lambda f: npz(f, x=FLAT, y=FLAT[:, 9]), "whole numbers"),
    "other arrays": (lambda f: npz(f, z=FLAT), "must hold the samples"),
    "seed large": ({"seed": 2**32}, "`seed` must be an integer from 0 to "),
    "batch large": ({"batch_size": 10**30}, "`batch_size` must be an integer"),
    "epochs large": ({"epochs": 10**400}, "`epochs` must be an integer"),
    "size large": ({"latent_dim": 2**31}, "`latent_dim` must be an integer"),
    "data of a number": (
        {"data": {3: 3}},
        "`data` must have non-empty strings as keys",
    ),
    "data twice": ({"data": {"name": "mnist"}}, "`data` has no option 'name'"),
    "path of a number": ({"dataset": "npz", "data": {"path": 3}}, "`path` must be"),
    "path of zeros": ({"dataset": "npz", "data": {"path": "a\0b"}}, "No such file"),
    "home of nobody": (
        {"dataset": "mnist", "data": {"dir": "~nobody-of-that-name/x"}},
        "`data_dir` must be an existing folder",
    ),
    "key of a number": ({3: 4}, "unknown key 3"),
    "likelihood in a list": ({"likelihood": ["bernoulli"]}, "`likelihood` must be one"),
    "network of a number": ({"architecture": {"hidden": 3}}, "`hidden` must be"),
    "rate below 0": ({"optimizer": {"learning_rate": -1}}, "`optimizer`"),
    "rate as code": (
        {"optimizer": {"learning_rate": {"class_name": "__lambda__", "config": {}}}},
        "`optimizer`",
    ),
    "tau beyond float32": ({**GECO, "geco": {"tau": 1e300}}, "`tau` must be"),
    "penalty beyond float32": (
        {**GECO, "geco": {"tau": 5.0, "gate_penalty": 1e300}},
        "`gate_penalty` must be",
    ),
    "validation small": ({"data": {"limit": 200, "val_fraction": 0.01}}, "2 samples"),
    "diverging": ({"optimizer": {"name": "sgd", "learning_rate": 1e30}}, "Epoch 1: "),
    "diverging without pruning": (
        {"optimizer": {"name": "sgd", "learning_rate": 1e30}, "method": "fixed"},
        "Epoch 1: ",
    ),
    "diverging with gates": (
        {"optimizer": {"name": "sgd", "learning_rate": 1e30}, **GECO},
        "Epoch 1: ",
    ),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_configs(tmp_path, capsys, kind):
    make, message = CONFIGS[kind]
    changes = make(tmp_path) if callable(make) else make
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({**TINY_RUN, **changes}))
    output = tmp_path / "a" / "run"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of what overflows
        arguments = ["--config", path, "--output", output, "--verbose", "0"]
        assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("ald_keras.train: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert captured.out == ""
    assert not (tmp_path / "a").exists()


def test_a_network_larger_than_the_memory(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    network = {"name": "mlp", "hidden": [10**9, 10**6]}
    path.write_text(yaml.safe_dump({**TINY_RUN, "architecture": network}))
    assert main(["--config", str(path), "--output", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "not enough memory" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "name", ["-x Ж é 日本 🎲 a$x^{$b %s {0}", os.fsdecode(b"caf\xe9")]
)
def test_folders_of_any_name(tmp_path, capsys, name):
    folder = tmp_path / name
    folder.mkdir()
    changes = npz(folder, x=FLAT) if name.isprintable() else {}
    config = {**TINY_RUN, **changes, "epochs": 1, "method": "fixed", "report": True}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    arguments = ["--config", str(path), "--output", str(folder / name)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of fonts without a letter
        assert main([*arguments, "--verbose", "0"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert {"run.json", "report.html"} <= set(os.listdir(folder / name))


PROC = pathlib.Path("/proc/self")


@pytest.mark.skipif(not PROC.is_dir(), reason="needs a file system that nobody writes")
def test_folders_that_nobody_may_write_to(tmp_path, capsys):
    """Where permissions would not hold back an administrator."""
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(TINY_RUN))
    for output in (PROC, PROC / "run"):
        arguments = ["--config", str(path), "--output", str(output), "--overwrite"]
        assert main([*arguments, "--verbose", "0"]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert str(output) in error
