"""`import ald_keras` is quick, and Keras knows its classes all the same."""

import subprocess
import sys

import pytest

import ald_keras

FIRST_IMPORTS = [
    "import ald_keras; import keras",
    "import keras; import ald_keras",
    "from ald_keras.layers import LatentMask; import keras",
    "import ald_keras.models.masked_vae; import keras",
    "from ald_keras import SizeCurve; import keras",
    "import ald_keras.runs.config; from keras import ops; import keras",
]


def run(code):
    """Standard output and error of a fresh process."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize("imports", FIRST_IMPORTS)
def test_keras_knows_the_classes_whatever_is_imported_first(imports):
    names = ("MaskedVAE", "GatedVAE", "LatentMask", "GaussianSampling", "Bernoulli")
    code = (
        f"{imports}\n"
        f"for name in {names}:\n"
        "    found = keras.saving.get_registered_object(f'ald_keras>{name}')\n"
        "    assert found is not None, name\n"
        "import sys\n"
        "assert not any(type(f).__name__ == '_Watch' for f in sys.meta_path)\n"
        "assert 'exec_module' not in vars(keras.__loader__)\n"
    )
    run(code)


def test_the_package_and_its_rules_load_no_keras():
    code = (
        "import ald_keras, sys; from ald_keras import ALDRule, SizeCurveRule;"
        "ald_keras.rules; ald_keras.__version__; dir(ald_keras);"
        "print('keras' in sys.modules)"
    )
    assert run(code)[0] == "False"


def test_a_star_import_gives_the_public_names():
    names = {}
    exec("from ald_keras import *", names)
    assert {*ald_keras.__all__} <= {*names}


def test_the_table_of_names_is_complete():
    assert {*ald_keras._MODULES} == {*ald_keras.__all__}
    assert {*ald_keras.__all__, "models", "metrics"} <= {*dir(ald_keras)}
    with pytest.raises(AttributeError, match="no attribute 'MaskdVAE'"):
        getattr(ald_keras, "MaskdVAE")  # noqa: B009


LOADED = (
    "from ald_keras._quiet_start import load_backend; load_backend();"
    "import keras; keras.ops.zeros(2); import os; os.write(2, b'mine\\n')"
)


@pytest.mark.parametrize("level", [None, "3"])
def test_a_command_keeps_the_start_up_messages_off_the_screen(monkeypatch, level):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if level is not None:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    assert run(LOADED)[1].splitlines() == ["mine"]


def test_who_asks_for_messages_gets_them(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    code = "import os; before = os.environ['TF_CPP_MIN_LOG_LEVEL'];" + LOADED
    out, error = run(code + "; print(before, os.environ['TF_CPP_MIN_LOG_LEVEL'])")
    assert out == "0 0"
    assert len(error.splitlines()) > 1


def test_what_is_no_chatter_is_passed_on():
    code = (
        "import sys, types; from ald_keras import _quiet_start as q;"
        "import os;"
        "w = q._without_chatter();"
        "w.__enter__();"
        "os.write(2, b'W0000 00:00:17.1 1 a.cc:1] chatter\\nA warning\\n');"
        "print('Python too', file=sys.stderr);"
        "w.__exit__(None, None, None)"
    )
    assert run(code)[1].splitlines() == ["A warning", "Python too"]
