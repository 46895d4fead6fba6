import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ald_keras.metrics import SizeCurve
from ald_keras.metrics.sizes import paired_increase, sizes_at_edge, spaced_sizes


def curve(**changes):
    values = {
        "sizes": (1, 2, 4, 5),
        "increase": (50.0, 3.0, 0.1, 0.0),
        "standard_error": (2.0, 0.5, 0.05, 0.0),
        "metrics": {
            "loss": (150.0, 103.0, 100.1, 100.0),
            "silhouette": (0.2, 0.5, 0.5, 0.1),
        },
        "order": (7, 2, 3, 0, 11),
        "samples": 500,
        "baseline_nll": 300.0,
    }
    return SizeCurve(**{**values, **changes})


def test_paired_differences_agree_with_scipy():
    rng = np.random.default_rng(0)
    full = rng.normal(100.0, 20.0, 300)
    losses = full + rng.normal([[3.0], [0.5]], 1.0, (2, 300))
    increase, error = paired_increase(losses, full)
    for i in range(2):
        assert increase[i] == pytest.approx(np.mean(losses[i] - full))
        assert error[i] == pytest.approx(stats.sem(losses[i] - full))
        test = stats.ttest_rel(losses[i], full)
        assert increase[i] / error[i] == pytest.approx(test.statistic)


def test_the_smallest_size_within_a_tolerance():
    assert curve().gain == 200.0
    assert curve().smallest_size("0.5%") == 4  # 1 nat
    assert curve().smallest_size("2 %") == 2
    assert curve().smallest_size(0.05) == 5
    assert curve().smallest_size(60) == 1


def test_a_size_counts_only_if_all_larger_ones_do():
    bumpy = curve(increase=(50.0, 0.5, 5.0, 0.0))
    assert bumpy.smallest_size(1.0) == 5


def test_the_best_size_of_a_metric_is_the_smallest_of_equals():
    assert curve().best_size("silhouette", "max") == 2
    assert curve().best_size("loss", "min") == 5


@pytest.mark.parametrize("tolerance", ["x", "5", -1.0, np.nan, True, None, "-1%"])
def test_tolerances_that_are_none(tolerance):
    with pytest.raises(ValueError, match="`tolerance` must be"):
        curve().smallest_size(tolerance)


def test_a_share_needs_a_baseline():
    with pytest.raises(ValueError, match="`tolerance` must be in nats"):
        curve(baseline_nll=None).smallest_size("1%")


def test_metrics_that_were_not_measured():
    with pytest.raises(ValueError, match="`metric` must be a measured one"):
        curve().best_size("accuracy", "max")
    with pytest.raises(ValueError, match="`direction` must be"):
        curve().best_size("loss", "least")


@pytest.mark.parametrize("baseline", [300.0, None])
def test_it_survives_json_and_csv(baseline, tmp_path):
    before = curve(
        baseline_nll=baseline, increase=(1 / 3, np.pi, 1e-17, 0.0), samples=3
    )
    assert SizeCurve.from_dict(json.loads(json.dumps(before.to_dict()))) == before
    before.to_csv(tmp_path / "curve.csv")
    assert SizeCurve.from_csv(tmp_path / "curve.csv") == before


def test_a_csv_row_says_which_dimensions_are_added():
    columns = curve().columns()
    assert columns["size"] == [1, 2, 4, 5]
    assert columns["added_dimensions"] == ["7", "2", "3 0", "11"]
    assert columns["loss"] == [150.0, 103.0, 100.1, 100.0]


def test_a_frame_has_a_row_a_size():
    pandas = pytest.importorskip("pandas")
    frame = curve().to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["increase"].tolist() == [50.0, 3.0, 0.1, 0.0]


@pytest.mark.parametrize(
    "text", ["", "size\n", "size,loss\n1,2\n", "a,b\n1\n", 'size\n"', "size\nx\n"]
)
def test_files_that_hold_no_curve(text, tmp_path):
    (tmp_path / "curve.csv").write_text(text)
    with pytest.raises(ValueError, match=r"curve\.csv holds no size curve"):
        SizeCurve.from_csv(tmp_path / "curve.csv")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sizes": (2, 1, 4, 5)}, "`sizes` must be ascending"),
        ({"sizes": (0, 1, 4, 5)}, "`sizes` must be ascending"),
        ({"sizes": (1, 2, 3, 4)}, "`sizes` must be ascending"),
        ({"sizes": ()}, "`sizes` must be ascending"),
        ({"order": (7, 2, 3, 0, 0)}, "`order` must hold distinct"),
        ({"increase": (1.0,)}, "Each curve must hold"),
        ({"metrics": {"silhouette": (0.0,) * 4}}, "`metrics` must hold 'loss'"),
        ({"metrics": {"loss": (0.0,)}}, "Each curve must hold"),
    ],
)
def test_curves_that_do_not_agree(changes, named):
    with pytest.raises(ValueError, match=named):
        curve(**changes)


def test_another_mapping_is_no_curve():
    with pytest.raises(ValueError, match="`data` must be a mapping with the keys"):
        SizeCurve.from_dict({"sizes": [1]})


@given(st.integers(1, 5000))
def test_spaced_sizes_end_with_the_full_one(full):
    sizes = spaced_sizes(full)
    assert sizes[0] == 1
    assert sizes[-1] == full
    assert all(b > a for a, b in zip(sizes, sizes[1:], strict=False))
    assert set(range(1, min(full, 24) + 1)) <= set(sizes)
    assert len(sizes) < 50


@given(st.lists(st.floats(0.0, 10.0), min_size=5, max_size=5))
def test_the_edge_lies_between_measured_sizes(increase):
    sizes = (1, 4, 9, 60, 200)
    found = sizes_at_edge(sizes, increase, 1.0)
    assert not set(found) & set(sizes)
    assert len(found) <= 24
    if found:
        above = max(i for i, value in enumerate(increase) if value > 1.0)
        assert sizes[above] < found[0] <= found[-1] < sizes[above + 1]


def test_it_can_be_plotted():
    figure = curve().plot()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[1:] == ["Silhouette of the clusters"]
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "smallest size within the tolerance: 4" in legend
    curve(baseline_nll=None).plot()
