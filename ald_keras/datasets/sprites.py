"""SPRITES: short clips of animated game characters, nine actions."""

import pathlib

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_flag, check_integer
from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.lazy_samples import LazySamples, SampleStore
from ald_keras.datasets.sprites_layout import (
    ACTIONS,
    ARCHIVE,
    CLIP_SHAPE,
    PARTS,
    SUBFOLDER,
    check_clips,
    find_files,
    npy_name,
    read_palette,
)
from ald_keras.datasets.tfds_source import iterate_examples, naming_the_package


def load_sprites(
    data_dir: pathlib.Path | None,
    *,
    characters: int | None = None,
    test_characters: int | None = None,
    frames: bool = False,
) -> RawDataset:
    """Load SPRITES: 1,296 characters in nine actions, clips of 8 frames, 64 x 64 RGB.

    Source: Li and Mandt, arXiv 1803.02991. The first 1,000 characters are the training
    part, the other 296 the test part; the label is the action. The samples of a
    character follow each other, in the order of `class_names`.

    A folder may hold ``sprites_palette.npz`` (uint8 `index` of shape `(characters, 9,
    8, 64, 64)`, uint8 `palette` of shape `(colours, 3)`, `n_train`), or the authors' 18
    files ``{walk,spellcard,slash}_{front,left,right}_frames_{train,test}.npy`` (float32
    in [0, 1), used as they are: bytes divided by 256, not 255). The archive is taken
    first; each is looked for there and in the subfolder ``sprites``. The archive is
    kept in memory as indices (382 MB), the authors' files are read from disk batch by
    batch.

    Args:
        data_dir: The folder, or `None` for TensorFlow Datasets, which prepares the same
            files from its own folder for manual downloads and keeps bytes (1.1 GB).
        characters: Use only the first of the training characters. Defaults to `None`:
            all.
        test_characters: Use only the first of the test characters. Defaults to `None`:
            all.
        frames: Take each frame of a clip as a sample of its own, an image. Training and
            validation part then share clips; the test part has characters of its own.
            Defaults to `False`.

    Returns:
        A `RawDataset` with lazy samples of shape `(8, 64, 64, 3)`, or `(64, 64, 3)` as
        frames.

    Raises:
        FileNotFoundError: If the folder holds no such files, or some are missing.
        ValueError: If a file is damaged or holds something else, if there are fewer
            characters than asked for, or if `frames` is no boolean.
        ImportError: If TensorFlow Datasets is needed and not installed.
    """
    wanted = {"train": characters, "test": test_characters}
    if characters is not None:
        check_integer("characters", characters, 1)
    if test_characters is not None:
        check_integer("test_characters", test_characters, 1)
    check_flag("frames", frames)
    if data_dir is None:
        source, stores = _open_tfds(wanted)
    else:
        source, stores = _open_files(data_dir, wanted)
    repeats = 1
    if frames:
        stores = {part: _Frames(clips) for part, clips in stores.items()}
        repeats = CLIP_SHAPE[0]
    x, x_test = (LazySamples(stores[part], source) for part in PARTS)
    y, y_test = (np.arange(len(s)) // repeats % len(ACTIONS) for s in (x, x_test))
    return RawDataset(source, x, y, x_test, y_test, ACTIONS)


class _PaletteClips:
    """Clips as indices of colours."""

    def __init__(
        self, index: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]
    ) -> None:
        self._index = index.reshape(-1, *CLIP_SHAPE[:-1])
        self._palette = palette
        self.shape = (len(self._index), *CLIP_SHAPE)

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        return self._palette.take(self._index[rows], axis=0)


class _NpyClips:
    """Clips in nine files, one an action, read from disk when asked for."""

    def __init__(self, files: list[pathlib.Path], characters: int) -> None:
        self._files = files
        self.shape = (characters * len(files), *CLIP_SHAPE)

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        clips = np.empty((len(rows), *CLIP_SHAPE), np.float32)
        characters, actions = np.divmod(rows, len(self._files))
        for action in np.unique(actions):
            chosen = actions == action
            # Mapped for this read alone: pages that stay mapped count as memory used.
            clips[chosen] = _map_file(self._files[action])[characters[chosen]]
        return clips


class _Frames:
    """The frames of clips, one after another."""

    def __init__(self, clips: SampleStore) -> None:
        self._clips = clips
        self.shape = (clips.shape[0] * CLIP_SHAPE[0], *CLIP_SHAPE[1:])

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.generic]:
        clips, frames = np.divmod(rows, CLIP_SHAPE[0])
        chosen, places = np.unique(clips, return_inverse=True)
        return self._clips[chosen][places, frames]


def _open_files(
    data_dir: pathlib.Path, wanted: dict[str, int | None]
) -> tuple[str, dict[str, SampleStore]]:
    found = find_files(data_dir)
    if found is None:
        raise FileNotFoundError(
            f"No 'sprites' in {data_dir}: looked for {ARCHIVE} and for "
            f"{npy_name(ACTIONS[0], 'train')} and its 17 companions, there and in "
            f"{data_dir / SUBFOLDER}. The authors' files are described at "
            "https://github.com/YingzhenLi/Sprites"
        )
    source = str(found)
    if found.is_dir():
        return source, {part: _open_npy(found, part, wanted[part]) for part in PARTS}
    index, palette, n_train = read_palette(found)
    stores: dict[str, SampleStore] = {}
    for part, indices in (("train", index[:n_train]), ("test", index[n_train:])):
        count = _choose(source, part, len(indices), wanted[part])
        # A copy of the few, so that the many can go.
        few = count < len(indices)
        indices = indices[:count].copy() if few else indices
        stores[part] = _PaletteClips(indices, palette)
    return source, stores


def _open_npy(folder: pathlib.Path, part: str, wanted: int | None) -> SampleStore:
    files = [folder / npy_name(action, part) for action in ACTIONS]
    counts = {file.name: len(_map_file(file)) for file in files}
    if len(set(counts.values())) > 1:
        raise ValueError(
            f"{folder}: the files of the {part} part must hold equally many characters."
            f" Received: {counts}"
        )
    count = _choose(str(folder), part, counts[files[0].name], wanted)
    return _NpyClips(files, count)


def _map_file(file: pathlib.Path) -> npt.NDArray[np.float32]:
    try:
        clips = np.load(file, mmap_mode="r", allow_pickle=False)
    # Headers that are damaged or made up fail in ways of their own.
    except Exception as error:
        raise ValueError(f"{file}: not a readable npy file ({error})") from error
    return check_clips(str(file), clips)


def _open_tfds(wanted: dict[str, int | None]) -> tuple[str, dict[str, SampleStore]]:
    with naming_the_package("sprites"):
        from ald_keras.datasets.sprites_builder import Sprites
    builder = Sprites()
    if not builder.is_prepared():
        try:
            builder.download_and_prepare()
        # TensorFlow Datasets raises this for a folder that is missing or empty.
        except (AssertionError, FileNotFoundError) as error:
            instructions = " ".join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
            raise FileNotFoundError(
                "'sprites' is not on this machine. Pass the folder of its files as "
                f"`data_dir` (`--data-dir`), or prepare it once: {instructions}"
            ) from error
    source = f"TensorFlow Datasets {builder.info.full_name}"
    stores: dict[str, SampleStore] = {}
    for part in PARTS:
        available = builder.info.splits[part].num_examples // len(ACTIONS)
        count = _choose(source, part, available, wanted[part])
        clips = np.empty((count * len(ACTIONS), *CLIP_SHAPE), np.uint8)
        for example in iterate_examples(builder, part):
            if example["character"] < count:
                row = example["character"] * len(ACTIONS) + example["action"]
                clips[row] = example["video"]
        stores[part] = clips
    return source, stores


def _choose(source: str, part: str, available: int, wanted: int | None) -> int:
    if wanted is not None and wanted > available:
        name = "characters" if part == "train" else "test_characters"
        raise ValueError(
            f"`{name}` must be at most the {available} of the {part} part of {source}. "
            f"Received: {name}={wanted}"
        )
    return available if wanted is None else wanted
