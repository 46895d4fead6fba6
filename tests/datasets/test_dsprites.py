import zipfile

import numpy as np
import pytest

from ald_keras.datasets import LazySamples, load_dataset
from ald_keras.datasets import dsprites as module

NAME = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
# Fewer values of each factor than published, in the order of the file.
SIZES = (1, 3, 2, 4, 3, 5)
COUNT = 360


@pytest.fixture
def arrays():
    """As published: every mixture, the last factor fastest, and pickled `metadata`."""
    classes = np.stack(np.unravel_index(np.arange(COUNT), SIZES), axis=1)
    images = np.random.default_rng(0).integers(0, 2, (COUNT, 64, 64), np.uint8)
    return {
        "metadata": np.array({"title": "dSprites"}, object),
        "imgs": images,
        "latents_values": classes.astype(np.float64),
        "latents_classes": classes.astype(np.int64),
    }


def write(folder, arrays):
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / NAME, **arrays)


def pairs(data):
    """Image and label of every sample of each part."""
    return {
        part: [
            (image.tobytes(), int(label))
            for image, label in zip(
                getattr(data, f"x_{part}")[:], getattr(data, f"y_{part}"), strict=True
            )
        ]
        for part in ("train", "val", "test")
    }


def expected_pairs(arrays):
    images = arrays["imgs"][..., np.newaxis].astype(np.float32)
    labels = arrays["latents_classes"][:, 1].tolist()
    return [(i.tobytes(), y) for i, y in zip(images, labels, strict=True)]


@pytest.mark.parametrize("place", [".", "dsprites"])
@pytest.mark.parametrize("block", [7, 4096])
def test_all_images_with_their_labels(tmp_path, arrays, place, block, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", block)
    write(tmp_path / place, arrays)
    data = load_dataset("dsprites", tmp_path, samples=None)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (292, 32, 36)
    assert sorted(sum(pairs(data).values(), [])) == sorted(expected_pairs(arrays))
    assert data.class_names == ("square", "ellipse", "heart")
    assert (data.n_classes, data.data_shape) == (3, (64, 64, 1))


def test_images_stay_bits_until_they_are_read(tmp_path, arrays):
    write(tmp_path, arrays)
    x = load_dataset("dsprites", tmp_path, samples=None).x_train
    assert isinstance(x, LazySamples)
    assert x._store._bits.nbytes == COUNT * 512
    assert x[:3].dtype == np.float32
    assert set(np.unique(x[:3])) == {0, 1}


def test_samples_are_a_random_part_that_data_seed_decides(tmp_path, arrays):
    write(tmp_path, arrays)
    everything = expected_pairs(arrays)

    def taken(**options):
        data = load_dataset("dsprites", tmp_path, samples=120, **options)
        found = sum(pairs(data).values(), [])
        return data, {everything.index(pair) for pair in found}

    first, rows = taken()
    _, other_split = taken(seed=1)
    _, other = taken(data_seed=1)
    assert (len(first.x_train), len(first.x_val), len(first.x_test)) == (97, 11, 12)
    assert len(rows) == 120
    assert rows == other_split
    assert rows != other
    # From all over the file: 40 of each third, give or take 4 standard deviations.
    thirds = np.bincount(np.array(sorted(rows)) // 120)
    assert (np.abs(thirds - 40) < 18).all()


def test_test_part_is_the_same_for_every_seed_and_random(tmp_path, arrays):
    write(tmp_path, arrays)
    first, second = (
        load_dataset("dsprites", tmp_path, seed=seed, samples=None) for seed in (0, 1)
    )
    assert pairs(first)["test"] == pairs(second)["test"]
    assert pairs(first)["val"] != pairs(second)["val"]
    assert set(first.y_test) == {0, 1, 2}
    limited = load_dataset("dsprites", tmp_path, samples=None, limit=30)
    assert set(limited.y_train) == {0, 1, 2}


def test_default_is_more_than_this_file_holds(tmp_path, arrays):
    write(tmp_path, arrays)
    with pytest.raises(ValueError, match="at most the 360 .* samples=20000"):
        load_dataset("dsprites", tmp_path)


def test_metadata_is_never_unpickled(tmp_path, arrays):
    class Explosive:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    write(tmp_path, {**arrays, "metadata": np.array(Explosive(), object)})
    load_dataset("dsprites", tmp_path, samples=None)
    assert not (tmp_path / "executed").exists()


@pytest.mark.tensorflow
def test_prepared_by_tensorflow_datasets(tmp_path, monkeypatch, arrays):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import constants

    monkeypatch.setattr(constants, "DATA_DIR", str(tmp_path))
    tfds.disable_progress_bar()
    builder = tfds.builder("dsprites")
    names = ("shape", "scale", "orientation", "x_position", "y_position")
    examples = []
    for row, classes in enumerate(arrays["latents_classes"]):
        example = {"image": arrays["imgs"][row, ..., np.newaxis]}
        for name, label in zip(names, classes[1:], strict=True):
            example |= {f"label_{name}": int(label), f"value_{name}": float(label)}
        examples.append((row, example))
    tfds.dataset_builders.store_as_tfds_dataset(
        name="dsprites",
        version=str(builder.version),
        data_dir=tmp_path,
        features=builder.info.features,
        split_datasets={"train": examples},
    )
    write(tmp_path / "file", arrays)
    for samples in (None, 100):
        prepared = load_dataset("dsprites", samples=samples)
        read = load_dataset("dsprites", tmp_path / "file", samples=samples)
        assert pairs(prepared) == pairs(read)


def test_folder_without_the_file(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        load_dataset("dsprites", tmp_path)
    message = str(error.value)
    assert "\n" not in message
    for part in (str(tmp_path), NAME, "https://"):
        assert part in message


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"imgs": None}, "lacks the array imgs"),
        ({"latents_classes": None}, "lacks the integers latents_classes"),
        ({"imgs": np.zeros((COUNT, 32, 64), np.uint8)}, r"\(360, 64, 64\).*32, 64"),
        ({"imgs": np.zeros((COUNT - 1, 64, 64), np.uint8)}, r"shape=\(359, 64"),
        ({"imgs": np.zeros((COUNT, 64, 64))}, "must be uint8 .* dtype=float64"),
        (
            {"imgs": np.asfortranarray(np.zeros((COUNT, 64, 64), np.uint8))},
            "row by row",
        ),
        (
            {"imgs": np.full((COUNT, 64, 64), 255, np.uint8)},
            "must hold zeros and ones. Received: 255",
        ),
        ({"latents_classes": np.zeros((COUNT, 5), int)}, "must have 6 columns"),
        ({"latents_classes": np.full((COUNT, 6), 3)}, "one of 3 shapes"),
        ({"latents_classes": np.zeros((COUNT, 6))}, "lacks the integers"),
        ({"latents_classes": np.zeros(COUNT, int)}, "lacks the integers"),
    ],
)
def test_file_of_something_else(tmp_path, arrays, changes, match):
    changed = {**arrays, **changes}
    write(tmp_path, {key: array for key, array in changed.items() if array is not None})
    with pytest.raises(ValueError, match=match) as error:
        load_dataset("dsprites", tmp_path, samples=None)
    assert NAME in str(error.value)


@pytest.mark.parametrize("samples", [20, None])
@pytest.mark.parametrize("damage", ["text", "flipped", "cut", "short", "header"])
def test_damaged_file_is_named(tmp_path, arrays, damage, samples):
    write(tmp_path, arrays)
    path = tmp_path / NAME
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("imgs.npy")
        images = archive.read("imgs.npy")
    if damage == "text":
        content = b"no archive"
    elif damage == "flipped":
        content[info.header_offset + info.compress_size // 2] ^= 0xFF
    elif damage == "cut":
        content = content[: len(content) // 2]
    path.write_bytes(bytes(content))
    if damage in ("short", "header"):
        np.savez(path, latents_classes=arrays["latents_classes"])
        with zipfile.ZipFile(path, "a") as archive:
            part = images[:-1] if damage == "short" else images[1:]
            archive.writestr("imgs.npy", part)
    with pytest.raises(ValueError, match="not a readable npz file"):
        load_dataset("dsprites", tmp_path, samples=samples)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"samples": 1}, "`samples` must be an integer of at least 2"),
        ({"samples": 2.5}, "`samples` must be an integer of at least 2"),
        ({"samples": True}, "`samples` must be an integer of at least 2"),
        ({"samples": COUNT + 1}, "at most the 360 images .* samples=361"),
        ({"data_seed": -1}, "`data_seed` must be a non-negative integer"),
    ],
)
def test_bad_options(tmp_path, arrays, options, match):
    write(tmp_path, arrays)
    with pytest.raises(ValueError, match=match):
        load_dataset("dsprites", tmp_path, **options)
