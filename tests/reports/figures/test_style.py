import matplotlib
import pytest
from figure_checks import decode

from ald_keras.reports.figures import kl_figure, style, to_png

KL = [0.0, 2.5, 0.3, 0.0]


def test_a_figure_is_as_wide_as_readme_and_report_show_it():
    pixels = decode(to_png(kl_figure(KL, [1, 2])))
    assert pixels.shape[1] == style.WIDTH * style.DPI == 1200
    assert (pixels[0, 0] == 255).all()


def test_the_same_figure_is_the_same_file():
    assert to_png(kl_figure(KL, [1, 2])) == to_png(kl_figure(KL, [1, 2]))
    assert to_png(kl_figure(KL, [1, 2])) != to_png(kl_figure(KL, [1, 2, 3]))


def test_the_users_settings_neither_matter_nor_change():
    plain = to_png(kl_figure(KL, [1, 2]))
    mine = {"figure.facecolor": "black", "font.size": 30, "savefig.bbox": "tight"}
    with matplotlib.rc_context(mine):
        before = dict(matplotlib.rcParams)
        assert to_png(kl_figure(KL, [1, 2])) == plain
        assert dict(matplotlib.rcParams) == before


def test_no_figure_is_left_with_pyplot():
    from matplotlib import pyplot

    to_png(kl_figure(KL, [1, 2]))
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(
    ("positions", "chosen"),
    [([], []), ([5.0], [0]), ([0, 1, 2, 50, 99, 100], [2, 3, 5]), ([0, 100], [0, 1])],
)
def test_labels_keep_their_distance_and_the_last_one_stays(positions, chosen):
    assert style.spaced(positions, 0, 100, 0.045) == chosen


def luminance(color):
    values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_what_is_compared_differs_in_more_than_hue():
    # Contrast by WCAG 2: what is left where no hue can be seen.
    def contrast(one, other):
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    assert contrast(style.BLUE, style.VERMILLION) > 1.2
    assert contrast(style.INK, "#ffffff") > 7
    assert len(set(style.SERIES)) == 6
    assert len(set(style.CLASSES)) == len(set(style.MARKERS)) == 10
