"""Registries know names, first lines and options without loading anything."""

import inspect

import pytest

from ald_keras import registries
from ald_keras.registries import ARCHITECTURES, DATASETS, LIKELIHOODS, Registry

ALL = [
    pytest.param(registry, name, id=name)
    for registry in (ARCHITECTURES, DATASETS, LIKELIHOODS)
    for name in registry
]


def fresh(registry):
    """A registry of the same places that has loaded nothing."""
    return Registry(registry._places)


@pytest.mark.parametrize(("registry", "name"), ALL)
def test_a_summary_is_the_first_line_of_the_docstring(registry, name):
    found = fresh(registry).summary(name)
    assert found
    assert found == inspect.getdoc(registry[name]).splitlines()[0].removesuffix(".")


@pytest.mark.parametrize(("registry", "name"), ALL)
def test_options_are_those_of_the_signature(registry, name):
    if registry is LIKELIHOODS:
        with pytest.raises(TypeError, match="has no options"):
            fresh(registry).options(name)
        return
    parameters = inspect.signature(registry[name]).parameters.values()
    expected = {
        p.name: p.default is p.empty for p in parameters if p.kind is p.KEYWORD_ONLY
    }
    assert fresh(registry).options(name) == expected


def test_what_a_user_adds_is_known_beside_the_others():
    def load_mine(data_dir, *, path, scale=1.0):
        """Load my own data."""

    registry = fresh(DATASETS)
    registry["mine"] = load_mine
    assert registry["mine"] is load_mine
    assert registry.summary("mine") == "Load my own data"
    assert registry.options("mine") == {"path": True, "scale": False}
    with pytest.raises(ValueError, match="'mine' needs the option `path`"):
        registry.check_options("Data set 'mine'", "mine", {})
    with pytest.raises(ValueError, match="unknown option 'pth'. Did you mean 'path'"):
        registry.check_options("Data set 'mine'", "mine", {"pth": "x"})
    del registry["mine"]
    assert "mine" not in registry
    assert len(registry) == len(DATASETS)


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        DATASETS["nothing"]


def test_texts_on_arguments_are_read_from_a_docstring():
    docstring = """Does it.

    Args:
        one: First line,
            second line.
        two: Another.

    Returns:
        Nothing.
    """
    expected = {"one": "First line, second line.", "two": "Another."}
    assert registries.argument_texts(docstring) == expected
    assert registries.argument_texts(None) == {}
