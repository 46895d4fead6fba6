"""SPRITES as a data set of TensorFlow Datasets, from files put there by hand."""

import pathlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds

from ald_keras.datasets.sprites_layout import (
    ACTIONS,
    CLIP_SHAPE,
    PARTS,
    check_clips,
    find_files,
    npy_name,
    read_palette,
)

_DESCRIPTION = """
1,296 animated game characters, made of layers of open pixel art, in nine actions: walk,
cast a spell, slash, each seen from the front, the left and the right. A sample is a
clip of 8 frames of 64 x 64 pixels. The test part holds characters that training does
not.
"""
_CITATION = """
@inproceedings{li2018disentangled,
  title={Disentangled Sequential Autoencoder},
  author={Li, Yingzhen and Mandt, Stephan},
  booktitle={International Conference on Machine Learning},
  year={2018}
}
"""


class Sprites(tfds.core.GeneratorBasedBuilder):
    """SPRITES (Li and Mandt, arXiv 1803.02991).

    Examples are mappings of `video`, uint8 of shape `(8, 64, 64, 3)`, `action`, a label
    `0 .. 8`, and `character`, its number within the part, from 0. Each character comes
    with all nine actions. The authors' floats become the bytes they were made of.

    ```python
    config = tfds.download.DownloadConfig(manual_dir="folder/with/the/files")
    builder = Sprites()
    builder.download_and_prepare(download_config=config)
    ```
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put into ~/tensorflow_datasets/downloads/manual (or the folder that you pass as
    `manual_dir` of `tfds.download.DownloadConfig`), or into its subfolder `sprites`,
    either `sprites_palette.npz`, or the authors' 18 files
    `{walk,spellcard,slash}_{front,left,right}_frames_{train,test}.npy`, described at
    https://github.com/YingzhenLi/Sprites.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "video": tfds.features.Video(shape=CLIP_SHAPE),
            "action": tfds.features.ClassLabel(names=ACTIONS),
            "character": tfds.features.Scalar(np.int64),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("video", "action"),
            homepage="https://github.com/YingzhenLi/Sprites",
            citation=_CITATION,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, object]:
        folder = dl_manager.manual_dir
        found = find_files(folder)
        if found is None:
            raise FileNotFoundError(
                f"No 'sprites' in {folder}: {self.MANUAL_DOWNLOAD_INSTRUCTIONS}"
            )
        return {part: self._generate_examples(found, part) for part in PARTS}

    def _generate_examples(
        self, path: pathlib.Path, part: str
    ) -> Iterator[tuple[str, dict[str, object]]]:
        clips = _from_npy(path, part) if path.is_dir() else _from_palette(path, part)
        for character, action, video in clips:
            yield (
                f"{part}_{character}_{ACTIONS[action]}",
                {"video": video, "action": action, "character": character},
            )


_Clips = Iterator[tuple[int, int, npt.NDArray[np.uint8]]]


def _from_palette(archive: pathlib.Path, part: str) -> _Clips:
    index, palette, n_train = read_palette(archive)
    index = index[:n_train] if part == "train" else index[n_train:]
    for character, actions in enumerate(index):
        for action, clip in enumerate(actions):
            yield character, action, palette[clip]


def _from_npy(folder: pathlib.Path, part: str) -> _Clips:
    for action, name in enumerate(ACTIONS):
        file = folder / npy_name(name, part)
        # Opened here: NumPy knows only the file systems of the operating system.
        with file.open("rb") as stream:
            clips = check_clips(str(file), np.load(stream, allow_pickle=False))
        for character, clip in enumerate(clips):
            yield character, action, _to_bytes(str(file), clip)


def _to_bytes(source: str, clip: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    if not (clip.min() >= 0 and clip.max() < 1):
        raise ValueError(
            f"{source}: values must lie in [0, 1). "
            f"Received: {clip.min()} to {clip.max()}"
        )
    return np.rint(clip * 256).astype(np.uint8)
