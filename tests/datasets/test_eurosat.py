import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from ald_keras.datasets import LazySamples, load_dataset

CLASSES = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)
# Files of each class, as published.
COUNTS = [3000, 3000, 3000, 2500, 2500, 2000, 2500, 3000, 2500, 3000]
PER_CLASS = 10


@pytest.fixture(scope="module")
def files():
    """Path and bytes of ten JPEG files a class, each of one colour."""
    made = {}
    for label, name in enumerate(CLASSES):
        for number in range(1, PER_CLASS + 1):
            image = Image.new("RGB", (64, 64), (20 * label, 20 * number, 0))
            stream = io.BytesIO()
            image.save(stream, "JPEG", quality=95)
            made[f"2750/{name}/{name}_{number}.jpg"] = stream.getvalue()
    return made


def write_folder(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_zip(folder, files):
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "EuroSAT.zip", "w") as archive:
        # In another order than the sorted one, as in the published file.
        for name in reversed(files):
            archive.writestr(name, files[name])


def colours(x):
    """Class and number written in the colour of each image."""
    middle = np.asarray(x)[:, 32, 32] * 255 / 20
    return [tuple(np.rint(pixel[:2]).astype(int)) for pixel in middle]


def everything(data):
    parts = ((data.x_train, data.y_train), (data.x_val, data.y_val))
    parts += ((data.x_test, data.y_test),)
    return [
        (label, *colour)
        for x, y in parts
        for label, colour in zip(y.tolist(), colours(x), strict=True)
    ]


def assert_same(first, second):
    for part in ("train", "val", "test"):
        for array in (f"x_{part}", f"y_{part}"):
            np.testing.assert_array_equal(getattr(first, array), getattr(second, array))


@pytest.mark.parametrize("write", [write_folder, write_zip])
@pytest.mark.parametrize("place", [".", "EuroSAT"])
def test_all_images_with_their_labels(tmp_path, files, write, place):
    write(tmp_path / place, files)
    data = load_dataset("eurosat", tmp_path)
    assert sorted(everything(data)) == [
        (label, label, number)
        for label in range(10)
        for number in range(1, PER_CLASS + 1)
    ]
    assert data.class_names == CLASSES
    assert (data.n_classes, data.data_shape) == (10, (64, 64, 3))
    assert isinstance(data.x_train, LazySamples)


def test_folder_and_zip_agree(tmp_path, files):
    write_folder(tmp_path / "folder", files)
    write_zip(tmp_path / "zip", files)
    assert_same(
        load_dataset("eurosat", tmp_path / "folder", seed=3),
        load_dataset("eurosat", tmp_path / "zip", seed=3),
    )


def test_test_part_is_a_tenth_of_each_class_whatever_the_seed(tmp_path, files):
    write_zip(tmp_path, files)
    first, other = (load_dataset("eurosat", tmp_path, seed=seed) for seed in (0, 1))
    assert np.bincount(first.y_test).tolist() == [1] * 10
    np.testing.assert_array_equal(first.x_test, other.x_test)
    assert not np.array_equal(first.y_val, other.y_val)


def test_training_part_is_in_random_order_for_limit(tmp_path, files):
    write_zip(tmp_path, files)
    data = load_dataset("eurosat", tmp_path, limit=30)
    assert len(set(data.y_train.tolist())) > 5


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_every_takes_each_nth_of_the_sorted_list(tmp_path, files, write):
    double = {**files}
    for name, content in files.items():
        double[name.replace(".jpg", "_b.jpg")] = content
    write(tmp_path, double)
    found = everything(load_dataset("eurosat", tmp_path, every=2))
    names = sorted(tuple(name.split("/")[1:]) for name in double)[::2]
    expected = [
        (
            CLASSES.index(name),
            CLASSES.index(name),
            int(file.split("_")[1].split(".")[0]),
        )
        for name, file in names
    ]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("every", [0, -1, 1.5, True, "2"])
def test_every_out_of_range(tmp_path, every):
    with pytest.raises(ValueError, match="`every` must be a positive integer"):
        load_dataset("eurosat", tmp_path, every=every)


def test_every_that_leaves_too_few(tmp_path, files):
    write_zip(tmp_path, files)
    with pytest.raises(ValueError, match="`every` must leave enough .* every=10, 10"):
        load_dataset("eurosat", tmp_path, every=10)


def test_folder_without_the_files(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        load_dataset("eurosat", tmp_path)
    message = str(error.value)
    assert "\n" not in message
    for part in (str(tmp_path), "2750", "EuroSAT.zip", "https://"):
        assert part in message


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_class_is_missing(tmp_path, files, write):
    write(tmp_path, {n: c for n, c in files.items() if "River" not in n})
    with pytest.raises(ValueError, match="must hold the ten classes of EuroSAT"):
        load_dataset("eurosat", tmp_path)


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_damaged_image_is_named(tmp_path, files, write):
    write(tmp_path, {**files, "2750/River/River_3.jpg": b"no image"})
    with pytest.raises(ValueError, match=r"River_3\.jpg: not a readable image"):
        load_dataset("eurosat", tmp_path)


def test_image_of_another_size(tmp_path, files):
    stream = io.BytesIO()
    Image.new("RGB", (32, 32)).save(stream, "JPEG")
    write_zip(tmp_path, {**files, "2750/River/River_3.jpg": stream.getvalue()})
    with pytest.raises(ValueError, match=r"shape \(64, 64, 3\)\. Received: \(32, 32"):
        load_dataset("eurosat", tmp_path)


def test_damaged_zip(tmp_path):
    (tmp_path / "EuroSAT.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match=r"EuroSAT\.zip: not a readable zip file"):
        load_dataset("eurosat", tmp_path)


@pytest.mark.tensorflow
def test_prepared_by_tensorflow_datasets(tmp_path, monkeypatch, files):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import constants

    monkeypatch.setattr(constants, "DATA_DIR", str(tmp_path))
    tfds.disable_progress_bar()
    builder = tfds.builder("eurosat/rgb")
    examples = []
    for name, content in files.items():
        image = np.asarray(Image.open(io.BytesIO(content)))
        _, label, file = name.split("/")
        examples.append((file, {"image": image, "label": label, "filename": file}))
    tfds.dataset_builders.store_as_tfds_dataset(
        name="eurosat",
        config="rgb",
        version=str(builder.version),
        data_dir=tmp_path,
        features=builder.info.features,
        split_datasets={"train": examples},
    )
    write_zip(tmp_path / "zip", files)
    assert_same(
        load_dataset("eurosat", every=1), load_dataset("eurosat", tmp_path / "zip")
    )


@pytest.mark.slow
def test_real_images_every_tenth(data_dir):
    data = load_dataset("eurosat", data_dir, every=10)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (2187, 243, 270)
    assert np.bincount(data.y_test).tolist() == [count // 100 for count in COUNTS]
    with zipfile.ZipFile(data_dir / "EuroSAT.zip") as archive:
        names = sorted(archive.namelist())[::10]
        with archive.open(names[700]) as stream:
            image = np.asarray(Image.open(stream), np.float32) / np.float32(255)
    label = CLASSES.index(names[700].split("/")[1])
    found = [
        (int(y), x)
        for part in ("train", "val", "test")
        for x, y in zip(
            getattr(data, f"x_{part}"), getattr(data, f"y_{part}"), strict=True
        )
        if np.array_equal(x, image)
    ]
    assert [y for y, _ in found] == [label]


@pytest.mark.slow
def test_all_real_images(data_dir):
    data = load_dataset("eurosat", data_dir)
    counts = sum(np.bincount(y) for y in (data.y_train, data.y_val, data.y_test))
    assert counts.tolist() == COUNTS
    assert np.bincount(data.y_test).tolist() == [count // 10 for count in COUNTS]
