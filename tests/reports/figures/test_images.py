import numpy as np
import pytest
from figure_checks import check_figure, decode

from ald_keras.reports.figures import (
    picture_kind,
    reconstruction_figure,
    samples_figure,
    to_png,
)
from ald_keras.reports.figures.tiles import some_frames, tile, to_unit


def data(*shape):
    return np.random.default_rng(0).random(shape).astype("float32")


def versions(*shape):
    return {
        name: data(*shape) * share
        for name, share in (("original", 1.0), ("masked", 0.5), ("compact", 0.25))
    }


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((5,), "vector"),
        ((8, 8), "image"),
        ((8, 8, 1), "image"),
        ((8, 8, 3), "image"),
        ((8, 8, 2), None),
        ((5, 8, 8, 3), "clip"),
        ((5, 8, 8, 4), None),
        ((2, 5, 8, 8, 3), None),
    ],
)
def test_kinds_of_samples(shape, kind):
    assert picture_kind(shape) == kind


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (64, 64, 3), (12, 40, 3)])
def test_images_stand_in_columns(shape):
    figure = reconstruction_figure(versions(12, *shape))
    check_figure(figure)
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        *("original", "masked", "compact")
    ]
    assert len(axes.get_xticks()) == 10
    page = axes.get_images()[0].get_array()
    height, width = (page.shape[0] + 2) // 3, (page.shape[1] + 2) // 10
    tiles = [
        page[i * height : (i + 1) * height - 2, : width - 2].mean() for i in range(3)
    ]
    assert tiles[0] / tiles[1] == pytest.approx(2, rel=1e-3)
    assert tiles[1] / tiles[2] == pytest.approx(2, rel=1e-3)


def test_frames_of_clips_stand_in_columns():
    figure = reconstruction_figure(versions(5, 8, 16, 16, 3))
    check_figure(figure)
    (axes,) = figure.axes
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert len(names) == 9
    assert names[3:5] == ["clip 2, original", "clip 2, masked"]
    assert [t.get_text() for t in axes.get_xticklabels()] == [
        str(i) for i in range(1, 9)
    ]
    assert axes.get_xlabel() == "frame"


def test_long_clips_show_ten_frames_from_first_to_last():
    frames = np.arange(31.0).reshape(31, 1, 1, 1)
    shown = some_frames(frames).ravel()
    assert (len(shown), shown[0], shown[-1]) == (10, 0, 30)


def test_vectors_are_lines():
    figure = reconstruction_figure(versions(6, 50))
    check_figure(figure)
    assert len(figure.axes) == 4
    for axes in figure.axes:
        assert [line.get_label() for line in axes.get_lines()] == [
            *("original", "masked", "compact")
        ]
        assert len({line.get_color() for line in axes.get_lines()}) == 3
        assert "value" in axes.get_ylabel()


@pytest.mark.parametrize("shape", [(40, 8, 8, 1), (7, 64, 64, 3), (40, 5, 8, 8, 1)])
def test_samples(shape):
    figure = samples_figure(data(*shape), data(*shape))
    figure.canvas.draw()
    assert len(figure.axes[0].get_images()) == 1
    assert decode(to_png(figure)).std() > 5


def test_samples_of_vectors_are_lines():
    figure = samples_figure(data(40, 9), data(3, 9))
    check_figure(figure)
    assert len(figure.axes) == 4


def test_other_samples_are_refused():
    with pytest.raises(ValueError, match=r"shape \(8, 8, 2\)"):
        reconstruction_figure(versions(3, 8, 8, 2))


def test_tiles_hold_the_images_with_white_between():
    rows = np.zeros((2, 3, 60, 60, 3), "float32")
    rows[1, 2] = (0.25, 0.5, 0.75)
    page = tile(rows)
    assert page.shape == (2 * 62 - 2, 3 * 62 - 2, 3)
    assert (page[62:, 124:] == (0.25, 0.5, 0.75)).all()
    assert (page[60:62] == 1).all()
    assert (page[:60, 60:62] == 1).all()
    assert (page[:60, :60] == 0).all()


def test_small_images_are_enlarged_by_a_whole_factor():
    rows = np.zeros((1, 1, 8, 8), "float32")
    rows[0, 0, 0, 0] = 0.5
    page = tile(rows)
    assert page.shape == (56, 56, 3)
    assert (page[:7, :7] == 0.5).all()
    assert page.sum() == 0.5 * 49 * 3


def test_values_are_shown_on_the_scale_of_the_data():
    images = np.array([-1.0, 0.0, 0.5, 2.0])
    np.testing.assert_array_equal(to_unit(images, np.array([0.2, 0.4])), [0, 0, 0.5, 1])
    scaled = to_unit(images, np.array([-1.0, 3.0]))
    np.testing.assert_array_equal(scaled, [0, 0.25, 0.375, 0.75])
    assert to_unit(np.array([7.0]), np.array([7.0])) == [0.0]
