import pathlib
import sys
import tempfile

import numpy as np
import pytest
from sprites_files import ACTIONS, frames_of, make_arrays, write_archive, write_npy

from ald_keras.datasets import load_dataset

tfds = pytest.importorskip("tensorflow_datasets", exc_type=ImportError)
Sprites = pytest.importorskip("ald_keras.datasets.sprites_builder").Sprites

pytestmark = pytest.mark.tensorflow

ARRAYS = make_arrays(characters=3, n_train=2)


class BuilderTestCase(tfds.testing.DatasetBuilderTestCase):
    """TensorFlow Datasets' own checks, on small files made here."""

    __test__ = False
    DATASET_CLASS = Sprites
    SPLITS = {"train": 18, "test": 9}

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.EXAMPLE_DIR = folder.name
        cls.write(pathlib.Path(folder.name))
        super().setUpClass()


class TestFromArchive(BuilderTestCase):
    __test__ = True

    @staticmethod
    def write(folder):
        write_archive(folder, ARRAYS)


class TestFromFilesOfTheAuthors(BuilderTestCase):
    __test__ = True

    @staticmethod
    def write(folder):
        write_npy(folder / "sprites", ARRAYS)


@pytest.fixture
def tfds_dir(tmp_path, monkeypatch):
    """An empty folder of TensorFlow Datasets' own, in place of the user's."""
    from tensorflow_datasets.core import constants

    monkeypatch.setattr(constants, "DATA_DIR", str(tmp_path))
    tfds.disable_progress_bar()
    return tmp_path


def manual_dir(tfds_dir):
    return tfds_dir / "downloads" / "manual"


@pytest.mark.parametrize("write", [write_archive, write_npy])
def test_examples_are_the_clips(tmp_path, write):
    write(tmp_path / "files", ARRAYS)
    builder = Sprites(data_dir=tmp_path / "prepared")
    tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(manual_dir=tmp_path / "files")
    builder.download_and_prepare(download_config=config)
    assert builder.info.features["action"].names == ACTIONS
    frames = frames_of(ARRAYS)
    for part, characters in (("train", frames[:2]), ("test", frames[2:])):
        seen = set()
        for example in tfds.as_numpy(builder.as_dataset(split=part)):
            place = int(example["character"]), int(example["action"])
            seen.add(place)
            np.testing.assert_array_equal(example["video"], characters[place])
        assert len(seen) == 9 * len(characters)


def test_loader_prepares_and_agrees_with_the_files(tfds_dir):
    write_archive(manual_dir(tfds_dir), ARRAYS)
    prepared = load_dataset("sprites", seed=1)
    (manual_dir(tfds_dir) / "sprites_palette.npz").rename(
        tfds_dir / "sprites_palette.npz"
    )
    again = load_dataset("sprites", seed=1, characters=1)
    direct = load_dataset("sprites", tfds_dir, seed=1)
    for part in ("train", "val", "test"):
        for array in (f"x_{part}", f"y_{part}"):
            np.testing.assert_array_equal(
                getattr(prepared, array), getattr(direct, array)
            )
    assert len(again.x_train) + len(again.x_val) == 9
    np.testing.assert_array_equal(again.x_test, direct.x_test)


@pytest.mark.parametrize("other", [None, "notes.txt"])
def test_files_that_are_not_there(tfds_dir, other):
    if other:
        manual_dir(tfds_dir).mkdir(parents=True)
        (manual_dir(tfds_dir) / other).touch()
    with pytest.raises(FileNotFoundError) as error:
        load_dataset("sprites")
    message = str(error.value)
    assert "\n" not in message
    for part in ("downloads/manual", "sprites_palette.npz", ".npy", "`data_dir`"):
        assert part in message


def test_floats_out_of_range(tmp_path):
    write_npy(tmp_path / "files", ARRAYS)
    file = tmp_path / "files" / "walk_front_frames_train.npy"
    np.save(file, np.load(file) + 1)
    config = tfds.download.DownloadConfig(manual_dir=tmp_path / "files")
    builder = Sprites(data_dir=tmp_path / "prepared")
    with pytest.raises(ValueError, match=r"values must lie in \[0, 1\)"):
        builder.download_and_prepare(download_config=config)


def test_missing_package_names_the_pip_command(monkeypatch):
    monkeypatch.delitem(sys.modules, "ald_keras.datasets.sprites_builder")
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match="pip install tensorflow-datasets"):
        load_dataset("sprites")
