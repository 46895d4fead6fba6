"""Crafted and damaged files: nothing in them is executed, each is named in one line."""

import copy
import io
import json
import shutil
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
import yaml
from builders import TINY_RUN
from hostile_files import ModelFile, lambda_layer, npy, npz, pickled, raw_pickle
from PIL import Image

from ald_keras import train
from ald_keras.experiments.core.saved_runs import load_facts
from ald_keras.experiments.figures import command as figures
from ald_keras.export import command as export
from ald_keras.files.model_files import load_model
from ald_keras.reports.answer import answer_sentence, decision_rows, outcome_words
from ald_keras.reports.run_facts import run_curves
from ald_keras.reports.run_report import asked, figure_columns


@pytest.fixture
def mark(tmp_path):
    """A file that nothing may create, beside the folder that commands work in."""
    (tmp_path / "here").mkdir()
    return tmp_path / "mark"


def tree(folder):
    """Every file and folder below with what it holds."""
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def refused(main, arguments, folder, named, capsys):
    """Run a command that must fail in one line and leave everything as it was."""
    before = tree(folder)
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(named) in error
    assert len(error) < 2500
    assert tree(folder) == before
    return error


def keras_layer(name, **config):
    return {
        "module": "keras.layers",
        "class_name": name,
        "config": {"name": "evil", **config},
        "registered_name": None,
    }


def external_data(file, name):
    shape, dtype = file[name].shape, file[name].dtype
    del file[name]
    file.create_dataset(name, shape, dtype, external=[("/etc/passwd", 0, 1 << 20)])


def external_link(file, name):
    del file[name]
    file[name] = h5py.ExternalLink("/etc/passwd", "/a")


def claimed_shape(file, name):
    del file[name]
    file.create_dataset(name, (1 << 45,), "float32", chunks=(1024,))


def sized(**changes):
    def change(model):
        config = copy.deepcopy(model.config)
        config["config"].update(changes)
        model.write(config=config)

    return change


def shutil_archive(model):
    """A tar under the name of a model."""
    with tarfile.open(model.path, "w") as archive:
        archive.add(__file__, "../mark")


MODELS = {
    "lambda layer": (lambda m: m.with_layer(lambda_layer(m.mark)), "Lambda"),
    "lambda elsewhere": (sized(seed={"class_name": "__lambda__"}), "seed"),
    "SavedModel layer": (
        lambda m: m.with_layer(keras_layer("TFSMLayer", filepath=str(m.mark))),
        "TFSMLayer",
    ),
    "file as vocabulary": (
        lambda m: m.with_layer(keras_layer("StringLookup", vocabulary="/etc/passwd")),
        "vocabulary",
    ),
    "class path": (lambda m: m.with_likelihood("subprocess", "Popen"), "Popen"),
    "function path": (lambda m: m.with_likelihood("os", "mkfifo", "f"), "mkfifo"),
    "own function": (
        lambda m: m.with_likelihood("ald_keras.train", "main", "f"),
        "main",
    ),
    "download": (lambda m: m.with_likelihood("keras.utils", "get_file"), "get_file"),
    "safe mode off": (
        lambda m: m.with_likelihood("keras.config", "enable_unsafe_deserialization"),
        "not a modeling function",
    ),
    "parent folder": (lambda m: m.write(more=[("../mark", "x")]), "leads out"),
    "deep parent folder": (
        lambda m: m.write(more=[("assets/a/../../../mark", "x")]),
        "leads out",
    ),
    "absolute path": (lambda m: m.write(more=[(str(m.mark), "x")]), "leads out"),
    "backslashes": (lambda m: m.write(more=[("..\\mark", "x")]), "leads out"),
    "symbolic link": (ModelFile.with_link, "leads out"),
    "bomb": (lambda m: m.with_bomb(260), "bomb"),
    "deep config": (lambda m: m.write(config=nested(400)), "no model"),
    "external data": (lambda m: m.with_weights(external_data), "no model"),
    "external link": (lambda m: m.with_weights(external_link), "no model"),
    "claimed shape": (lambda m: m.with_weights(claimed_shape), "no model"),
    "other size": (sized(latent_dim=10**12), "latent_dim"),
    "long name": (sized(decoder={"class_name": "x" * 10**5, "config": {}}), "xxx"),
    "missing part": (
        lambda m: m.write(config={**m.config, "config": {"latent_dim": 3}}),
        "it lacks 'encoder'",
    ),
    "no zip": (lambda m: m.path.write_bytes(raw_pickle(m.mark)), "no model"),
    "tar": (shutil_archive, "no model"),
    "empty": (lambda m: m.path.write_bytes(b""), "no model"),
}


def nested(depth):
    value = {"class_name": "x", "config": {}}
    for _ in range(depth):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize("kind", MODELS)
def test_models(recorded_run, tmp_path, mark, capsys, kind):
    path = tmp_path / "here" / "model.keras"
    shutil.copy(recorded_run / "model.keras", path)
    make, message = MODELS[kind]
    make(ModelFile(path, mark))
    error = refused(export.main, [path], tmp_path, path, capsys)
    assert message in error


def test_a_model_of_another_format_is_refused(recorded_run, tmp_path, capsys):
    path = tmp_path / "model.h5"
    shutil.copy(recorded_run / "model.keras", path)
    error = refused(export.main, [path], tmp_path, path, capsys)
    assert "must end in .keras" in error


def test_every_flipped_bit_of_the_weights_is_noticed(recorded_run, tmp_path):
    path = tmp_path / "model.keras"
    good = (recorded_run / "model.keras").read_bytes()
    with zipfile.ZipFile(recorded_run / "model.keras") as archive:
        member = archive.getinfo("model.weights.h5")
    start = member.header_offset + 30 + len(member.filename)
    rng = np.random.default_rng(0)
    for place in start + rng.integers(0, member.file_size, 8):
        damaged = bytearray(good)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model\.keras is no model"):
            load_model(path)


def flip(content, rng):
    changed = bytearray(content)
    changed[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


DAMAGED = {
    "run.json": [b"[]", b"{}", b'{"versions": 3}', b"9" * 5000, b"[" * 10**5],
    "decisions.json": [b"{}", b"[1]", b'[{"epoch": 1}]', b"null"],
    "history.csv": [b"", b"a,b\n1,2\n", b"epoch,active_dims\ninf,1\n", b"\0"],
    "size_curve.csv": [b"", b"size,loss\n1,2\n", b"size\n1e9\n", b"\0", b"\xff"],
    "config.yaml": [b"", b"[" * 10**5, b"a: &a [*a]", b"\xff"],
}


@pytest.fixture
def run_copy(recorded_run, tmp_path):
    """A run without its model, which a test may damage."""
    folder = tmp_path / "run"
    shutil.copytree(recorded_run, folder)
    (folder / "model.keras").unlink()
    return folder


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_of_a_run(run_copy, tmp_path, capsys, name):
    path = run_copy / name
    # Within a word, for YAML that is cut between two lines is YAML.
    cut = path.read_bytes()[:-3]
    for content in [*DAMAGED[name], *([] if name.endswith(".csv") else [cut])]:
        path.write_bytes(content)
        refused(figures.main, [run_copy], tmp_path, path, capsys)


@pytest.mark.parametrize("name", DAMAGED)
def test_flipped_bits_in_files_of_a_run(run_copy, name):
    path = run_copy / name
    good, rng, refusals = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(25):
        path.write_bytes(flip(good, rng))
        try:
            facts, _ = load_facts(run_copy)
        except ValueError as error:
            refusals += str(path) in str(error) or pytest.fail(str(error))
        else:  # another digit or letter: all that is told of it can be told
            answer_sentence(facts), outcome_words(facts), asked(facts)
            figure_columns(facts), decision_rows(facts.decisions)
            run_curves(facts.history, facts.record, facts.decisions)
            facts.curve.plot()
    assert refusals


def test_a_damaged_model_is_no_model_that_is_missing(recorded_run, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(recorded_run, folder)
    (folder / "model.keras").write_bytes(b"PK")
    refused(figures.main, [folder], tmp_path, folder / "model.keras", capsys)


def test_figures_beside_a_model_that_are_damaged(recorded_run, tmp_path, capsys):
    shutil.copy(recorded_run / "model.keras", tmp_path)
    for text in ("[]", "{", '{"test": [1]}', '{"test": {"active_dims": 3}}'):
        (tmp_path / "run.json").write_text(text)
        path = tmp_path / "run.json"
        refused(export.main, [tmp_path / "model.keras"], tmp_path, path, capsys)


def bomb(levels):
    """Aliases of aliases: nine to the power of `levels` values."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for n in range(1, levels):
        nine = ", ".join([f"*a{n - 1}"] * 9)
        lines.append(f"a{n}: &a{n} [{nine}]")
    return "\n".join([*lines, f"latent_dim: *a{levels - 1}"])


YAML = {
    "object": "a: !!python/object/apply:os.system ['touch {mark}']",
    "new object": "!!python/object/new:pathlib.Path ['{mark}']",
    "name": "a: !!python/name:os.system",
    "module": "a: !!python/module:antigravity",
    "bomb": bomb(9),
    "merged bomb": "a: &a {b: 1}\n"
    + "\n".join(
        f"c{n}: &c{n} {{<<: [{', '.join([f'*c{n - 1}' if n else '*a'] * 9)}]}}"
        for n in range(9)
    ),
    "endless": "a: &a [*a]",
    "brackets": "[" * 5_000,
    "number": f"seed: {'9' * 5000}",
    "date": "seed: 2024-13-45",
    "binary": "seed: !!binary 'x'",
    "control": 'dataset: "\\e]0;title\\a\\u2028\\x85 x"',
    "long": f"dataset: [{'x' * 10**6}]",
    "no text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("kind", YAML)
def test_configs(tmp_path, mark, capsys, kind):
    path = tmp_path / "here" / "config.yaml"
    text = YAML[kind]
    if isinstance(text, str):
        text = text.replace("{mark}", str(mark)).encode()
    path.write_bytes(text)
    arguments = ["--config", path, "--output", tmp_path / "here" / "run"]
    error = refused(train.main, arguments, tmp_path, path, capsys)
    assert error.strip("\n").isprintable()


def test_aliases_that_are_short_are_read(tmp_path):
    text = yaml.safe_dump({**TINY_RUN, "method": "fixed"})
    text = text.replace("hidden:\n  - 8", "hidden: &hidden\n  - 8")
    (tmp_path / "c.yaml").write_text(text + "data: {limit: 200}\n")
    assert train.load_config(tmp_path / "c.yaml").latent_dim == 4


def member(name, content=b"x"):
    """A EuroSAT zip with one more member."""

    def write(path, mark):
        with zipfile.ZipFile(path, "w") as archive:
            for kind in CLASSES:
                archive.writestr(f"2750/{kind}/{kind}_1.jpg", jpeg())
            archive.writestr(name, content)

    return write


def jpeg():
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "JPEG")
    return stream.getvalue()


CLASSES = (
    *("AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial"),
    *("Pasture", "PermanentCrop", "Residential", "River", "SeaLake"),
)


def as_npz(**members):
    return lambda path, mark: npz(path, **members)


def objects(name):
    def write(path, mark):
        arrays = {"x": pickled(mark), "index": pickled(mark), "imgs": pickled(mark)}
        np.savez(path, **arrays, latents_classes=pickled(mark))

    return write


def encrypted(path, mark):
    npz(path, x=npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,2)}"))
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)


def claims(shape):
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"
    return as_npz(x=npy(text, bytes(64)))


DSPRITES = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
PNG_BOMB = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\2\0\0\0"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(mark) (w) file\n"

DATA = {
    "npz objects": ("npz", "a.npz", objects("x")),
    "npz pickle": ("npz", "a.npz", lambda p, m: p.write_bytes(raw_pickle(m))),
    "npz pickle within": ("npz", "a.npz", lambda p, m: npz(p, x=raw_pickle(m))),
    "npz text within": ("npz", "a.npz", as_npz(x=b"no array")),
    "npz code as header": (
        "npz",
        "a.npz",
        as_npz(x=npy("__import__('os').mkdir('mark')")),
    ),
    "npz header cut": ("npz", "a.npz", as_npz(x=npy("{'descr': '<f8', ((("))),
    "npz claims": ("npz", "a.npz", claims((1 << 45, 2))),
    "npz overflow": ("npz", "a.npz", claims((1 << 40, 1 << 40))),
    "npz negative": ("npz", "a.npz", claims((-1, 2))),
    "npz encrypted": ("npz", "a.npz", encrypted),
    "npz is a folder's": ("npz", "a.npz", as_npz(**{"../mark": b"x"})),
    "mnist objects": ("mnist", "mnist.npz", objects("x_train")),
    "sprites objects": ("sprites", "sprites_palette.npz", objects("index")),
    "dsprites objects": ("dsprites", DSPRITES, objects("imgs")),
    "eurosat parent class": ("eurosat", "EuroSAT.zip", member("2750/../mark.jpg")),
    "eurosat no picture": ("eurosat", "EuroSAT.zip", member("2750/River/x.jpg")),
    "eurosat eps": ("eurosat", "EuroSAT.zip", member("2750/River/x.jpg", EPS)),
    "eurosat bomb": ("eurosat", "EuroSAT.zip", member("2750/River/x.png", PNG_BOMB)),
    "eurosat dotted": ("eurosat", "EuroSAT.zip", member("2750/./River/x.jpg")),
    "folder eps": ("image_folder", "a.png", lambda p, m: p.write_bytes(EPS)),
    "folder bomb": ("image_folder", "a.png", lambda p, m: p.write_bytes(PNG_BOMB)),
    "folder link": ("image_folder", "a.png", lambda p, m: p.symlink_to("/dev/zero")),
    "csv long cell": ("csv", "a.csv", lambda p, m: p.write_text("9" * 200_000)),
    "csv zeros": ("csv", "a.csv", lambda p, m: p.write_bytes(bytes(1000))),
    "csv formula": ("csv", "a.csv", lambda p, m: p.write_text("a\n=cmd()\n")),
}


@pytest.mark.parametrize("kind", DATA)
def test_data(tmp_path, mark, capsys, kind):
    dataset, name, write = DATA[kind]
    folder = tmp_path / "here"
    (folder / "data").mkdir()
    write(folder / "data" / name, mark)
    options = {"dir": str(folder / "data")}
    if dataset in ("npz", "csv", "image_folder"):
        options["path"] = "" if dataset == "image_folder" else name
    config = {**TINY_RUN, "dataset": dataset, "data": options}
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    arguments = ["--config", folder / "c.yaml", "--output", folder / "run"]
    # A member that no array is read from is none of ours.
    named = "x" if kind == "npz is a folder's" else folder / "data"
    refused(train.main, arguments, tmp_path, named, capsys)


def test_a_picture_s_name_in_a_zip_may_be_written_in_two_ways(tmp_path):
    from ald_keras.datasets import load_dataset

    with zipfile.ZipFile(tmp_path / "EuroSAT.zip", "w") as archive:
        for kind in CLASSES:
            archive.writestr(f"2750/{kind}/deeper/", b"")
            for n in range(12):
                archive.writestr(f"2750//{kind}/{kind}_{n}.jpg", jpeg())
    assert len(load_dataset("eurosat", tmp_path).x_test) == 12


@pytest.mark.slow
def test_inception_s_weights(tmp_path, mark, capsys):
    folder = tmp_path / "here"
    path = folder / "weights.h5"
    probe = {"features": "inception", "weights": str(path), "size": 20}
    config = {**TINY_RUN, "probe": probe}
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    arguments = ["--config", folder / "c.yaml", "--output", folder / "run"]
    for content in (raw_pickle(mark), b"", b"\x89HDF\r\n\x1a\n" + bytes(100)):
        path.write_bytes(content)
        refused(train.main, arguments, tmp_path, path, capsys)


def test_a_report_shows_text_as_text(recorded_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(recorded_run, folder)
    (folder / "model.keras").unlink()
    script = "<script>alert(1)</script>"
    record = json.loads((folder / "run.json").read_text())
    record |= {"outcome": script, "features": script, "versions": {script: script}}
    (folder / "run.json").write_text(json.dumps(record))
    decisions = json.loads((folder / "decisions.json").read_text())
    decisions[0]["reason"] = script
    (folder / "decisions.json").write_text(json.dumps(decisions))
    assert figures.main([str(folder)]) == 0
    assert script not in (folder / "report.html").read_text()
    assert "&lt;script&gt;" in (folder / "report.html").read_text()
