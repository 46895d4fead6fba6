"""Small made files of SPRITES, for the tests of loader and builder."""

import numpy as np

ACTIONS = [
    f"{action}_{direction}"
    for action in ("walk", "spellcard", "slash")
    for direction in ("front", "left", "right")
]
COLOURS = 7


def make_arrays(characters=3, n_train=2, seed=0):
    """An archive's arrays; each clip is told from all others by its corner."""
    random = np.random.default_rng(seed)
    index = np.zeros((characters, 9, 8, 64, 64), np.uint8)
    index[..., :2, :2] = random.integers(0, COLOURS, (characters, 9, 8, 2, 2))
    palette = random.integers(0, 256, (COLOURS, 3), np.uint8)
    return {"index": index, "palette": palette, "n_train": np.array(n_train)}


def frames_of(arrays):
    """Bytes of all clips, shape `(characters, 9, 8, 64, 64, 3)`."""
    return arrays["palette"][arrays["index"]]


def write_archive(folder, arrays):
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "sprites_palette.npz", **arrays)


def write_npy(folder, arrays):
    """The same clips as the authors keep them."""
    folder.mkdir(parents=True, exist_ok=True)
    frames, n_train = frames_of(arrays), int(arrays["n_train"])
    for part, clips in (("train", frames[:n_train]), ("test", frames[n_train:])):
        for number, action in enumerate(ACTIONS):
            floats = clips[:, number].astype(np.float32) / np.float32(256)
            np.save(folder / f"{action}_frames_{part}.npy", floats)
