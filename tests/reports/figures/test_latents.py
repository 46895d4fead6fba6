import numpy as np
import pytest
from figure_checks import check_figure

from ald_keras.reports.figures import codes_figure, kl_figure, traversal_figure


@pytest.mark.parametrize("n_dims", [1, 5, 64, 100])
@pytest.mark.parametrize("n_active", [1, 4, 14, 100])
def test_bars_are_sorted_and_pruned_ones_grey(n_dims, n_active):
    rng = np.random.default_rng(0)
    active = sorted(rng.choice(n_dims, min(n_active, n_dims), replace=False).tolist())
    kl = [float(rng.random()) if i in active else 0.0 for i in range(n_dims)]
    figure = kl_figure(kl, active)
    check_figure(figure)
    bars, stubs = figure.axes[0].containers
    heights = [bar.get_height() for bar in bars]
    assert heights == sorted((kl[i] for i in active), reverse=True)
    assert len(stubs) == n_dims - len(active)
    blue, grey = bars[0].get_facecolor(), (0.549, 0.549, 0.549, 1.0)
    assert blue != pytest.approx(grey, abs=0.01)
    assert all(bar.get_facecolor() == pytest.approx(grey, abs=0.01) for bar in stubs)
    assert all(0 < bar.get_height() < 0.03 * max(heights) for bar in stubs)
    names = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    if len(active) <= 32:
        assert names == [str(i) for i in sorted(active, key=lambda i: -kl[i])]
    assert "nats" in figure.axes[0].get_ylabel()
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[0].startswith(f"active: {len(active)} ({sum(kl):.1f} nats)")


def test_a_collapsed_model_has_bars_of_no_height():
    figure = kl_figure([0.0, 0.0, 0.0], [0, 1])
    check_figure(figure)
    assert [bar.get_height() for bar in figure.axes[0].containers[0]] == [0.0, 0.0]


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28), (16, 32, 3)])
@pytest.mark.parametrize("rows", [1, 20])
def test_a_row_of_traversals_is_named_by_its_dimension(shape, rows):
    images = np.random.default_rng(0).random((rows, 13, *shape))
    values = np.linspace(-3, 3, 13).tolist()
    dims, kl = list(range(rows, 0, -1)), [2.0 / (i + 1) for i in range(rows)]
    figure = traversal_figure(images, values, dims, kl, images)
    check_figure(figure)
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[0] == f"{rows}: 2.00 nats"
    assert len(names) == rows
    columns = [label.get_text() for label in axes.get_xticklabels()]
    assert columns[:2] + columns[6:8] == ["-3", "-2.5", "0", "+0.5"]
    assert len(axes.get_images()) == 1


@pytest.mark.parametrize("classes", [1, 3, 10, 20])
def test_each_class_has_its_own_look(classes):
    rng = np.random.default_rng(0)
    labels = [i % classes for i in range(200)]
    figure = codes_figure(rng.normal(size=(200, 2)), ("one (%)", "two (%)"), labels)
    check_figure(figure)
    (axes,) = figure.axes
    assert len(axes.collections) == classes
    looks = {
        (tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes())
        for c in axes.collections
    }
    assert len(looks) == classes
    assert sum(len(c.get_offsets()) for c in axes.collections) == 200
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [str(i) for i in range(classes)]


def test_classes_are_called_by_their_names():
    points = np.eye(4)[:, :2]
    names = ("HerbaceousVegetation", "Sea", "Lake")
    figure = codes_figure(points, ("one", "two"), [0, 1, 2, 2], names)
    check_figure(figure)
    assert [t.get_text() for t in figure.legends[0].get_texts()] == list(names)


@pytest.mark.parametrize("labels", [None, list(range(30))])
def test_without_classes_to_tell_apart_there_is_one_colour(labels):
    figure = codes_figure(
        np.zeros((30, 2)) + np.arange(30)[:, None], ("a", "b"), labels
    )
    check_figure(figure)
    assert len(figure.axes[0].collections) == 1
    assert figure.legends == []
