"""Figures by one call, of any model."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from builders import digits, small_decoder, small_encoder, small_vae
from figure_checks import check_figure
from matplotlib.figure import Figure

from ald_keras import ALDCallback, GatedVAE, GateSearch, MaskedVAE, plot

X = digits(120)
Y = np.arange(120) % 3


@pytest.fixture(scope="module")
def trained():
    """A model after two epochs, its history and its callback."""
    vae = small_vae(6)
    vae.compile("adam")
    callback = ALDCallback(n_clusters=3, probe_size=40, features="identity")
    history = vae.fit(
        X, validation_data=(X[:60], Y[:60]), epochs=2, verbose=0, callbacks=[callback]
    )
    return vae, history, callback


@pytest.fixture(scope="module")
def gated():
    keras.utils.set_random_seed(0)
    vae = GatedVAE(small_encoder(), small_decoder(6), 6, tau=5.0, seed=0)
    vae.compile("adam")
    search = GateSearch()
    with pytest.warns(UserWarning, match="GatedVAE"):  # two epochs decide nothing
        history = vae.fit(
            X, validation_data=(X[:60],), epochs=2, verbose=0, callbacks=[search]
        )
    return vae, history, search


def check(figure):
    assert isinstance(figure, Figure)
    check_figure(figure)


@pytest.mark.parametrize("kind", ["trained", "gated"])
def test_each_figure_is_one_call(kind, request):
    vae, history, callback = request.getfixturevalue(kind)
    check(plot.kl(vae, X))
    check(plot.codes(vae, X, Y))
    check(plot.codes(vae, X, Y, ["a", "b", "c"]))
    check(plot.reconstructions(vae, X))
    check(plot.traversals(vae, X))
    # Images alone, without a text.
    assert isinstance(plot.samples(vae), Figure)
    assert isinstance(plot.samples(vae, n=3), Figure)
    check(plot.history(history))
    check(plot.history(history, callback))


def test_a_notebook_shows_a_figure(trained):
    display = pytest.importorskip("IPython.core.formatters").DisplayFormatter()
    found, _ = display.format(plot.size_curve(trained[2]))
    assert found["image/png"].startswith(b"\x89PNG")


def test_the_curve_of_a_callback_or_of_a_call(trained):
    vae, _, callback = trained
    check(plot.size_curve(callback))
    check(plot.size_curve(vae.size_curve(X)))


def test_a_model_needs_no_training_nor_mask_to_be_drawn():
    vae = small_vae(4)
    vae.latent_mask.deactivate([1, 3])
    check(plot.kl(vae, X))
    check(plot.reconstructions(vae, X[:3]))


def test_rows_of_numbers_are_drawn_as_lines():
    encoder, decoder = small_encoder(8, (20,)), small_decoder(3, 8, (20,))
    vae = MaskedVAE(encoder, decoder, 3, likelihood="gaussian", seed=0)
    x = np.random.default_rng(0).normal(size=(50, 20)).astype("float32")
    check(plot.reconstructions(vae, x))
    check(plot.samples(vae))
    with pytest.raises(ValueError, match="`x` cannot be drawn.*no images"):
        plot.traversals(vae, x)


def test_the_same_seed_draws_the_same(trained):
    vae, _, _ = trained

    def pixels(seed):
        figure = plot.samples(vae, seed=seed)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())

    np.testing.assert_array_equal(pixels(1), pixels(1))
    assert (pixels(1) != pixels(2)).any()


def test_wrong_arguments_are_named(trained):
    vae, history, _ = trained
    with pytest.raises(TypeError, match="`vae` must be a MaskedVAE or GatedVAE"):
        plot.kl(vae.encoder, X)
    with pytest.raises(ValueError, match="`seed` must be"):
        plot.samples(vae, seed=-1)
    with pytest.raises(ValueError, match="`n` must be a positive integer"):
        plot.samples(vae, n=0)
    with pytest.raises(ValueError, match="`x`"):
        plot.kl(vae, X[:, :4])
    with pytest.raises(ValueError, match="`source` must be a `SizeCurve`"):
        plot.size_curve(ALDCallback())
    with pytest.raises(ValueError, match="`history` must be the History"):
        plot.history(history.history)
    vae = small_vae(2)
    vae.latent_mask.deactivate([0])
    with pytest.raises(ValueError, match="one dimension is active"):
        plot.codes(vae, X)


def test_a_missing_matplotlib_is_named_with_its_extra():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from ald_keras import plot\n"
        "for call in (plot.samples, plot.size_curve, plot.history):\n"
        "    try: call(None)\n"
        "    except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    expected = "Figures need the package matplotlib: pip install 'ald_keras[reports]'"
    assert done.stdout.splitlines() == [expected] * 3


def test_matplotlib_is_loaded_by_the_call_alone():
    code = (
        "import sys, ald_keras; ald_keras.plot; from ald_keras.plot import kl;"
        "print(any(n.startswith('matplotlib') for n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_summary_says_how_many_dimensions_are_active(capsys):
    vae = small_vae(5)
    vae.latent_mask.deactivate([0, 3])
    lines = []
    vae.summary(print_fn=lines.append)
    assert lines[-1].strip() == "Active latent dimensions: 3 of 5"
    assert "latent_mask" in "".join(lines)
    vae.summary()
    assert capsys.readouterr().out.rstrip().endswith("dimensions: 3 of 5")
