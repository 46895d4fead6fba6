import zipfile

import numpy as np
import pytest
from PIL import Image

from ald_keras.datasets import load_dataset

CLASSES = ["ant", "bee", "cat"]


def random_image(seed, shape=(6, 5, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def load(path, **options):
    options.setdefault("test_fraction", 0.2)
    return load_dataset("image_folder", path=path, **options)


def together(data):
    x = np.concatenate([data.x_train, data.x_val, data.x_test])
    return np.rint(x * 255).astype(np.uint8)


@pytest.fixture
def classes(tmp_path):
    for label, name in enumerate(CLASSES):
        for i in range(10):
            extension = ("png", "bmp", "tiff")[i % 3]
            save(tmp_path / name / f"{i}.{extension}", random_image(100 * label + i))
    return tmp_path


def test_subfolders_are_classes(classes):
    data = load(classes)
    assert data.data_shape == (6, 5, 3)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (22, 2, 6)
    assert data.n_classes == 3
    assert data.class_names == ("ant", "bee", "cat")
    expected = {
        random_image(100 * k + i).tobytes(): k for k in range(3) for i in range(10)
    }
    labels = np.concatenate([data.y_train, data.y_val, data.y_test])
    found = {
        image.tobytes(): label
        for image, label in zip(together(data), labels, strict=True)
    }
    assert found == expected


def test_flat_folder_has_no_labels(tmp_path):
    for i in range(10):
        save(tmp_path / f"{i}.png", random_image(i))
    data = load(tmp_path)
    assert data.y_train is None
    assert data.n_classes is None
    found = sorted(image.tobytes() for image in together(data))
    assert found == sorted(random_image(i).tobytes() for i in range(10))


def test_hidden_files_and_folders_are_skipped(classes):
    (classes / ".DS_Store").write_bytes(b"nonsense")
    (classes / "ant" / ".thumbnails").write_bytes(b"nonsense")
    (classes / ".git").mkdir()
    assert len(together(load(classes))) == 30


def test_split_does_not_depend_on_the_order_of_creation(classes, tmp_path_factory):
    other = tmp_path_factory.mktemp("reversed")
    for file in sorted(classes.rglob("*.*"), reverse=True):
        target = other / file.relative_to(classes)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes())
    np.testing.assert_array_equal(load(classes).x_train, load(other).x_train)


def modes(folder):
    """Ten files of one colour, (200, 100, 50), in every mode Pillow writes as PNG."""
    colour = np.full((4, 4, 3), (200, 100, 50), np.uint8)
    rgb = Image.fromarray(colour)
    rgba = rgb.convert("RGBA")
    rgba.putalpha(128)
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE)
    for i in range(4):
        rgb.save(folder / f"rgb{i}.png")
        rgba.save(folder / f"rgba{i}.png")
    palette.save(folder / "palette.png")
    palette.save(folder / "transparent.png", transparency=bytes([128, 64]))


def test_mixed_modes_become_rgb(tmp_path):
    modes(tmp_path)
    images = together(load(tmp_path))
    np.testing.assert_array_equal(
        images, np.broadcast_to(np.uint8([200, 100, 50]), (10, 4, 4, 3))
    )


def test_grey_and_black_and_white_files_keep_one_channel(tmp_path):
    grey = random_image(0, (4, 4))
    for i in range(5):
        save(tmp_path / f"grey{i}.png", grey)
        Image.new("1", (4, 4), 1).save(tmp_path / f"bw{i}.png")
    for channels, options in ((1, {}), (3, {"grayscale": False})):
        images = together(load(tmp_path, **options))
        white = np.full((4, 4, channels), 255, np.uint8)
        expected = [np.stack([grey] * channels, -1).tobytes(), white.tobytes()]
        assert images.shape[1:] == (4, 4, channels)
        assert sorted(image.tobytes() for image in images) == sorted(expected * 5)


def test_one_coloured_file_among_grey_ones(tmp_path):
    grey = random_image(0, (4, 4))
    for i in range(9):
        save(tmp_path / f"{i}.png", grey)
    save(tmp_path / "last.png", random_image(1, (4, 4, 3)))
    assert load(tmp_path).data_shape == (4, 4, 3)


def test_grayscale_is_luma(tmp_path):
    modes(tmp_path)
    data = load(tmp_path, grayscale=True)
    assert data.data_shape == (4, 4, 1)
    # ITU-R 601-2: 0.299 R + 0.587 G + 0.114 B.
    np.testing.assert_allclose(together(data).astype(float), 124.2, atol=1)


def test_size_resizes_with_antialiasing(tmp_path):
    board = (np.indices((64, 32)).sum(0) % 2 * 255).astype(np.uint8)
    for i in range(9):
        save(tmp_path / f"{i}.png", board)
    save(tmp_path / "other.png", board[:20, :20])
    data = load(tmp_path, size=(8, 4), grayscale=True)
    assert data.data_shape == (8, 4, 1)
    # Without antialiasing each value would be 0 or 255.
    np.testing.assert_allclose(together(data).astype(float), 127.5, atol=8)


def test_different_sizes_need_a_size(classes):
    save(classes / "bee" / "5.png", random_image(0, (6, 6, 3)))
    with pytest.raises(ValueError, match=r"5\.png: all images must be of one size"):
        load(classes)


@pytest.mark.parametrize("content", [b"", b"plain text", "cut"])
def test_unreadable_file_is_named(classes, content):
    file = classes / "bee" / "5.png"
    if content == "cut":
        save(file, random_image(0, (60, 50, 3)))
        content = file.read_bytes()[:500]
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"5\.png: not a readable image") as error:
        load(classes, size=(6, 5))
    assert "\n" not in str(error.value)


def test_sixteen_bits_are_refused_rather_than_cut_off(tmp_path):
    for i in range(10):
        save(tmp_path / f"{i}.png", np.full((4, 4), 40000, np.uint16))
    with pytest.raises(ValueError, match="more than 8 bits a channel"):
        load(tmp_path)


@pytest.mark.parametrize("size", [8, (8,), (8, 0), (8, 8, 3), "88", (8.0, 8)])
def test_bad_size(classes, size):
    with pytest.raises(ValueError, match="`size` must be two positive integers"):
        load(classes, size=size)


def test_bad_grayscale(classes):
    with pytest.raises(TypeError, match="`grayscale` must be True or False"):
        load(classes, grayscale="yes")


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such folder: .*nowhere"):
        load(tmp_path / "nowhere")


def test_empty_folders(tmp_path, classes):
    empty = tmp_path / "zebra"
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match="zebra: holds no images"):
        load(empty)
    with pytest.raises(FileNotFoundError, match="zebra: holds no images"):
        load(classes)


def test_files_beside_subfolders(classes):
    save(classes / "loose.png", random_image(0))
    with pytest.raises(ValueError, match=r"folder 'ant' beside file 'loose\.png'"):
        load(classes)


def test_real_satellite_images(data_dir, tmp_path, tf):
    with zipfile.ZipFile(data_dir / "EuroSAT.zip") as archive:
        names = [n for n in archive.namelist() if n.endswith(("_7.jpg", "_77.jpg"))]
        archive.extractall(tmp_path, names)
    data = load_dataset("image_folder", tmp_path, path="2750", seed=1)
    assert len(names) == 20
    assert data.data_shape == (64, 64, 3)
    assert data.class_names[:3] == ("AnnualCrop", "Forest", "HerbaceousVegetation")
    assert data.n_classes == 10
    forest = [
        x
        for x, y in zip(
            [*data.x_train, *data.x_val, *data.x_test],
            [*data.y_train, *data.y_val, *data.y_test],
            strict=True,
        )
        if y == 1
    ]
    decoded = [
        tf.io.decode_jpeg(
            (tmp_path / f"2750/Forest/Forest_{i}.jpg").read_bytes(),
            dct_method="INTEGER_ACCURATE",
        ).numpy()
        for i in (7, 77)
    ]
    for image in forest:
        # Two decoders may round differently by a level or two.
        difference = [np.abs(image * 255 - other).max() for other in decoded]
        assert min(difference) <= 3
