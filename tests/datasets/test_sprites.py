import numpy as np
import pytest
from builders import batches_of
from sprites_files import ACTIONS, frames_of, make_arrays, write_archive, write_npy

from ald_keras.datasets import EpochShuffledBatches, LazySamples, load_dataset
from ald_keras.datasets.sprites import load_sprites


@pytest.fixture(scope="module")
def arrays():
    return make_arrays(characters=5, n_train=3)


def training_samples(data):
    """Training and validation part, each sample with its label, in one order."""
    return sorted(
        (label, sample.tobytes())
        for x, y in ((data.x_train, data.y_train), (data.x_val, data.y_val))
        for label, sample in zip(y.tolist(), x, strict=True)
    )


def assert_clips(data, frames, n_train, divisor=255):
    """The parts hold each clip once, with its action as label."""
    expected = (frames / divisor).astype(np.float32)
    assert training_samples(data) == sorted(
        (label, clip.tobytes())
        for character in expected[:n_train]
        for label, clip in enumerate(character)
    )
    np.testing.assert_array_equal(
        data.x_test, expected[n_train:].reshape(-1, 8, 64, 64, 3)
    )
    assert data.y_test.tolist() == list(range(9)) * (len(frames) - n_train)
    assert data.class_names == tuple(ACTIONS)
    assert (data.n_classes, data.data_shape) == (9, (8, 64, 64, 3))


@pytest.mark.parametrize("place", [".", "sprites"])
def test_archive(tmp_path, arrays, place):
    write_archive(tmp_path / place, arrays)
    data = load_dataset("sprites", tmp_path)
    assert isinstance(data.x_train, LazySamples)
    assert_clips(data, frames_of(arrays), 3)


@pytest.mark.parametrize("place", [".", "sprites"])
def test_files_of_the_authors_are_used_as_they_are(tmp_path, arrays, place):
    write_npy(tmp_path / place, arrays)
    assert_clips(load_dataset("sprites", tmp_path), frames_of(arrays), 3, 256)


def test_both_formats_give_one_split(tmp_path, arrays):
    write_archive(tmp_path / "archive", arrays)
    write_npy(tmp_path / "npy", arrays)
    first = load_dataset("sprites", tmp_path / "archive", seed=4, limit=20)
    second = load_dataset("sprites", tmp_path / "npy", seed=4, limit=20)
    for part in ("train", "val", "test"):
        scaled = np.rint(np.asarray(getattr(second, f"x_{part}")) * 256) / 255
        np.testing.assert_allclose(getattr(first, f"x_{part}"), scaled, rtol=1e-6)
        np.testing.assert_array_equal(
            getattr(first, f"y_{part}"), getattr(second, f"y_{part}")
        )


@pytest.mark.parametrize("write", [write_archive, write_npy])
def test_first_characters(tmp_path, arrays, write):
    write(tmp_path, arrays)
    data = load_dataset("sprites", tmp_path, characters=2, test_characters=1)
    divisor = 255 if write is write_archive else 256
    frames = frames_of(arrays)[[0, 1, 3]]
    assert_clips(data, frames, 2, divisor)


@pytest.mark.parametrize("write", [write_archive, write_npy])
def test_frames_are_images_with_the_action_of_their_clip(tmp_path, arrays, write):
    write(tmp_path, arrays)
    data = load_dataset("sprites", tmp_path, frames=True, characters=2)
    divisor = 255 if write is write_archive else 256
    expected = (frames_of(arrays) / divisor).astype(np.float32)
    assert data.data_shape == (64, 64, 3)
    np.testing.assert_array_equal(data.x_test, expected[3:].reshape(-1, 64, 64, 3))
    assert data.y_test.tolist() == np.arange(9).repeat(8).tolist() * 2
    assert training_samples(data) == sorted(
        (label, image.tobytes())
        for character in expected[:2]
        for label, clip in enumerate(character)
        for image in clip
    )


def test_frames_must_be_a_boolean(tmp_path, arrays):
    write_archive(tmp_path, arrays)
    with pytest.raises(
        ValueError, match="`frames` must be True or False. Received: .*4"
    ):
        load_dataset("sprites", tmp_path, frames=4)


@pytest.mark.parametrize("write", [write_archive, write_npy])
def test_clips_reach_training_in_the_order_of_the_epoch(tmp_path, arrays, write):
    write(tmp_path, arrays)
    data = load_dataset("sprites", tmp_path)
    y = data.y_train
    batches = EpochShuffledBatches(data.x_train, y, batch_size=5, seed=2)
    xs, ys = zip(*batches_of(batches), strict=True)
    order = batches.order(0)
    np.testing.assert_array_equal(np.concatenate(xs), np.asarray(data.x_train)[order])
    np.testing.assert_array_equal(np.concatenate(ys), y[order])


@pytest.mark.parametrize("option", ["characters", "test_characters"])
@pytest.mark.parametrize("count", [0, -1, 1.5, True, 4])
def test_characters_out_of_range(tmp_path, arrays, option, count):
    write_archive(tmp_path, arrays)
    with pytest.raises(ValueError, match=f"`{option}` must be"):
        load_dataset("sprites", tmp_path, **{option: count})


def test_folder_without_the_files(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        load_dataset("sprites", tmp_path)
    message = str(error.value)
    assert "\n" not in message
    for part in (str(tmp_path), "sprites_palette.npz", "walk_front_frames_train.npy"):
        assert part in message


def test_one_file_of_the_authors_is_missing(tmp_path, arrays):
    write_npy(tmp_path, arrays)
    (tmp_path / "slash_left_frames_test.npy").unlink()
    with pytest.raises(FileNotFoundError, match="lacks slash_left_frames_test.npy"):
        load_dataset("sprites", tmp_path)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"palette": None}, "lacks the arrays palette"),
        ({"index": np.zeros((3, 8, 8, 64, 64), np.uint8)}, "index must be uint8"),
        ({"index": np.zeros((3, 9, 8, 64, 64), np.int8)}, "index must be uint8"),
        ({"palette": np.zeros((9, 4), np.uint8)}, "palette must be uint8"),
        (
            {"palette": np.zeros((2, 3), np.uint8)},
            "index must lie within the 2 colours",
        ),
        ({"n_train": np.array(5)}, "n_train must be .* of the 5 characters"),
        ({"n_train": np.array(0)}, "n_train must be"),
        ({"n_train": np.array([1, 2])}, "n_train must be"),
        ({"n_train": np.array(0.5)}, "n_train must be"),
    ],
)
def test_archive_of_something_else(tmp_path, arrays, change, match):
    changed = {**arrays, **change}
    write_archive(tmp_path, {k: v for k, v in changed.items() if v is not None})
    with pytest.raises(ValueError, match=rf"sprites_palette\.npz: {match}"):
        load_dataset("sprites", tmp_path)


@pytest.mark.parametrize(
    "foreign",
    [
        np.zeros((3, 8, 64, 64, 3)),
        np.zeros((3, 8, 32, 32, 3), np.float32),
        np.zeros((0, 8, 64, 64, 3), np.float32),
    ],
)
def test_file_of_something_else(tmp_path, arrays, foreign):
    write_npy(tmp_path, arrays)
    np.save(tmp_path / "walk_left_frames_train.npy", foreign)
    with pytest.raises(ValueError, match="walk_left_frames_train.npy: must hold float"):
        load_dataset("sprites", tmp_path)


def test_damaged_file(tmp_path, arrays):
    write_npy(tmp_path, arrays)
    (tmp_path / "walk_left_frames_train.npy").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="walk_left_frames_train.npy: not a readable"):
        load_dataset("sprites", tmp_path)


def test_fewer_characters_in_one_file(tmp_path, arrays):
    write_npy(tmp_path, arrays)
    file = tmp_path / "walk_left_frames_train.npy"
    np.save(file, np.load(file)[:-1])
    with pytest.raises(ValueError, match="must hold equally many characters"):
        load_dataset("sprites", tmp_path)


@pytest.mark.slow
def test_real_clips(data_dir):
    raw = load_sprites(data_dir)
    assert (raw.x.shape[0], raw.x_test.shape[0]) == (9000, 2664)
    with np.load(data_dir / "sprites_palette.npz") as archive:
        index, palette = archive["index"], archive["palette"]
    for x, row, character, action in (
        (raw.x, 0, 0, 0),
        (raw.x, 8999, 999, 8),
        (raw.x_test, 13, 1001, 4),
    ):
        expected = palette[index[character, action]].astype(np.float32) / np.float32(
            255
        )
        np.testing.assert_array_equal(x[row], expected)
    assert raw.y[8999] == 8
    assert raw.y_test[13] == 4
