"""What a config may name, by name: each is loaded when it is asked for.

Loading Keras takes seconds. Names, and a line on each, are known without it: places are
written here as text.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import json
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from ald_keras._validation import check_known

_PACKAGE = pathlib.Path(__file__).parent

# The first line on an argument in a docstring.
_ARGUMENT = re.compile(r"    (\w+): (.*)")


# A sentence and what follows it.
_SENTENCE = re.compile(r"(.*?\.)(?:\s|$)")


@dataclasses.dataclass(frozen=True)
class Option:
    """An option of something that a config names.

    Args:
        text: The sentence that its docstring begins with.
        default: Its default as YAML, or `None` where it must be given.
    """

    text: str
    default: str | None


class Registry(MutableMapping[str, Any]):
    """Mapping from names to objects, of which each is loaded at its first use.

    Args:
        places: Mapping from names to `module:object`, the module below `ald_keras`.

    Example:
    >>> sorted(ARCHITECTURES)
    ['conv', 'mlp', 'video']
    """

    def __init__(self, places: Mapping[str, str]):
        self._places = dict(places)
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            module, _, attribute = self._places[name].partition(":")
            found = importlib.import_module(f"ald_keras.{module}")
            self._loaded[name] = getattr(found, attribute)
        return self._loaded[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._places.setdefault(name, "")
        self._loaded[name] = value

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __repr__(self) -> str:
        return f"Registry({list(self)})"

    def summary(self, name: str) -> str:
        """The first line of an object's docstring, without loading it.

        Raises:
            KeyError: If the name is unknown.
        """
        if name in self._loaded:
            return first_line(self._loaded[name].__doc__)
        return first_line(ast.get_docstring(self._source(name)))

    def options(self, name: str) -> dict[str, bool]:
        """A function's keyword-only arguments, and whether they must be given.

        Raises:
            KeyError: If the name is unknown.
        """
        if name in self._loaded:
            parameters = inspect.signature(self._loaded[name]).parameters.values()
            known = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
            return {p.name: p.default is p.empty for p in known}
        node = self._source(name)
        if isinstance(node, ast.ClassDef):
            raise TypeError(f"{name!r} names a class, which has no options.")
        pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        return {argument.arg: default is None for argument, default in pairs}

    def describe(self, name: str) -> dict[str, Option]:
        """What a function's docstring says of each option, without loading it.

        Raises:
            KeyError: If the name is unknown.
        """
        node = self._source(name)
        if isinstance(node, ast.ClassDef):
            return {}
        texts = argument_texts(ast.get_docstring(node))
        pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        return {
            key.arg: Option(
                first_sentence(texts.get(key.arg, "")),
                None if default is None else as_plain_yaml(default),
            )
            for key, default in pairs
        }

    def check_options(
        self,
        what: str,
        name: str,
        options: Mapping[str, object],
        others: Iterable[str] = (),
    ) -> None:
        """Raise a `ValueError` unless an object takes options and has all it needs.

        Args:
            what: What takes the options, for the message.
            name: Its name here.
            options: What is to be passed; `None` counts as missing.
            others: Options that are known beside its own. Defaults to none.
        """
        known = self.options(name)
        check_known(what, options, [*known, *others], "option")
        for option, required in known.items():
            if required and options.get(option) is None:
                raise ValueError(f"{what} needs the option `{option}`.")

    def _source(self, name: str) -> ast.ClassDef | ast.FunctionDef:
        """An object's definition, at the top of its module, which need not be run."""
        module, _, attribute = self._places[name].partition(":")
        file = _PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if not isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                continue
            if node.name == attribute:
                return node
        raise KeyError(name)


def first_line(docstring: str | None) -> str:
    """The sentence that a docstring begins with, without its full stop."""
    return (docstring or "").strip().partition("\n")[0].removesuffix(".")


def first_sentence(text: str) -> str:
    """The first of a text's sentences, all of it where there is only one."""
    found = _SENTENCE.match(text)
    return found[1] if found else text


def as_plain_yaml(default: ast.expr) -> str:
    """A default as a config writes it; an expression as it stands in the source."""
    try:
        return json.dumps(ast.literal_eval(default))
    except (TypeError, ValueError):
        return ast.unparse(default)


def argument_texts(docstring: str | None) -> dict[str, str]:
    """What a docstring says of each argument, in one line each."""
    texts: dict[str, str] = {}
    name = ""
    _, _, part = inspect.cleandoc(docstring or "").partition("\nArgs:\n")
    for line in part.split("\n"):
        if not line.startswith("    "):
            break
        found = _ARGUMENT.match(line)
        if found:
            name = found[1]
            texts[name] = found[2]
        else:
            texts[name] = f"{texts[name]} {line.strip()}"
    return texts


ARCHITECTURES = Registry(
    {
        "mlp": "architectures.mlp:mlp",
        "conv": "architectures.conv:conv",
        "video": "architectures.video:video",
    }
)
"""Networks by name.

Each takes the data's shape and the number of latent dimensions, and `seed` and its own
options as keyword-only arguments; it gives an encoder and a decoder.
"""

DATASETS = Registry(
    {
        "digits": "datasets.digits:load_digits",
        "mnist": "datasets.mnist:load_mnist",
        "fashion_mnist": "datasets.mnist:load_fashion_mnist",
        "eurosat": "datasets.eurosat:load_eurosat",
        "sprites": "datasets.sprites:load_sprites",
        "dsprites": "datasets.dsprites:load_dsprites",
        "linear_gaussian": "datasets.linear_gaussian:load_linear_gaussian",
        "smooth_map": "datasets.smooth_map:load_smooth_map",
        "clustered_factors": "datasets.clustered_factors:load_clustered_factors",
        "rare_factors": "datasets.rare_factors:load_rare_factors",
        "rendered_shapes": "datasets.rendered_shapes:load_rendered_shapes",
        "npz": "datasets.npz_file:load_npz",
        "image_folder": "datasets.image_folder:load_image_folder",
        "csv": "datasets.csv_file:load_csv",
        "parquet": "datasets.parquet_file:load_parquet",
        "h5ad": "datasets.h5ad_file:load_h5ad",
    }
)
"""Loaders by name.

A loader takes the data folder (or `None`), and its options as keyword-only arguments;
an option without a default must be given. It gives a `RawDataset`.
"""

LIKELIHOODS = Registry(
    {
        "bernoulli": "likelihoods.linked:Bernoulli",
        "gaussian": "likelihoods.density:Gaussian",
        "gaussian_learned_variance": "likelihoods.density:GaussianLearnedVariance",
        "gaussian_optimal_sigma": "likelihoods.density:GaussianOptimalSigma",
        "laplace": "likelihoods.density:Laplace",
        "negative_binomial": "likelihoods.linked:NegativeBinomial",
        "poisson": "likelihoods.linked:Poisson",
    }
)
"""Classes of the likelihoods by the names that `likelihood=` takes."""
