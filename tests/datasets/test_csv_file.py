import csv

import numpy as np
import pytest
import sklearn.datasets

from ald_keras.datasets import load_dataset

IRIS = sklearn.datasets.load_iris()
NAMES = [*IRIS.feature_names, "species"]
SPECIES = [str(IRIS.target_names[label]) for label in IRIS.target]


def write(path, rows, **options):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, **options).writerows(rows)
    return path


def load(path, **options):
    return load_dataset("csv", path=path, **options)


def iris_rows(labels):
    return [[*x, y] for x, y in zip(IRIS.data.tolist(), labels, strict=True)]


def assert_is_iris(data):
    x = np.concatenate([data.x_train, data.x_val, data.x_test])
    y = np.concatenate([data.y_train, data.y_val, data.y_test])
    found = sorted([*map(float, row), label] for row, label in zip(x, y, strict=True))
    values = IRIS.data.astype(np.float32)
    expected = sorted(
        [*map(float, row), label]
        for row, label in zip(values, IRIS.target, strict=True)
    )
    assert found == expected


@pytest.mark.parametrize("label_column", ["species", 4, -1])
def test_named_columns_and_text_labels(tmp_path, label_column):
    path = write(tmp_path / "iris.csv", [NAMES, *iris_rows(SPECIES)])
    data = load(path, label_column=label_column)
    assert data.data_shape == (4,)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (121, 14, 15)
    assert data.class_names == ("setosa", "versicolor", "virginica")
    assert_is_iris(data)


@pytest.mark.parametrize("header", [None, False])
def test_without_header(tmp_path, header):
    rows = [[row[-1], *row[:-1]] for row in iris_rows(SPECIES)]
    path = write(tmp_path / "iris.csv", rows, delimiter=";")
    assert_is_iris(load(path, label_column=0, delimiter=";", header=header))


def test_quotes_blank_lines_and_byte_order_mark(tmp_path):
    rows = [[row[-1], *row[:-1]] for row in [NAMES, *iris_rows(SPECIES)]]
    path = write(tmp_path / "iris.csv", rows, quoting=csv.QUOTE_ALL)
    text = path.read_text(encoding="utf-8").replace("\n", "\n\n") + "\n\n"
    path.write_text(text, encoding="utf-8-sig")
    assert_is_iris(load(path, label_column="species"))


def test_numeric_labels_sort_as_numbers(tmp_path):
    path = write(tmp_path / "own.csv", [[i, i % 12] for i in range(60)])
    data = load(path, label_column=1)
    assert data.class_names == tuple(str(i) for i in range(12))
    np.testing.assert_array_equal(data.y_train, data.x_train[:, 0].astype(int) % 12)


def test_without_labels(tmp_path):
    data = load(write(tmp_path / "own.csv", [[i, 2.5] for i in range(40)]))
    assert data.data_shape == (2,)
    assert data.n_classes is None
    assert len(data.x_test) == 4


def test_header_of_numbers_has_to_be_announced(tmp_path):
    path = write(tmp_path / "own.csv", [[0, 1], *[[i, i] for i in range(20)]])
    parts = [load(path), load(path, header=True)]
    sizes = [len(d.x_train) + len(d.x_val) + len(d.x_test) for d in parts]
    assert sizes == [21, 20]


BAD_ROWS = [[i, 1.5] for i in range(20)]


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ([5, "abc"], "line 6, column 'b': must be a finite number. Received: 'abc'"),
        ([5, ""], "line 6, column 'b': must be a finite number. Received: ''"),
        (["nan", 1], "line 6, column 'a': must be a finite number. Received: 'nan'"),
        (["-inf", 1], "line 6, column 'a': .* Received: '-inf'"),
        ([5], "line 6: must hold 2 cells as the first row does. Received: 1"),
        ([5, 1, 2], "line 6: must hold 2 cells .* Received: 3"),
    ],
)
def test_bad_cell_is_named_by_line_and_column(tmp_path, bad, match):
    rows = [["a", "b"], *BAD_ROWS]
    rows[5] = bad
    with pytest.raises(ValueError, match=match) as error:
        load(write(tmp_path / "own.csv", rows))
    assert "own.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_columns_without_names_count_from_zero(tmp_path):
    rows = [*BAD_ROWS, [1, "x"]]
    with pytest.raises(ValueError, match="line 21, column '1'"):
        load(write(tmp_path / "own.csv", rows))


def test_large_numbers_must_fit_float32(tmp_path):
    rows = [*BAD_ROWS, [1, 1e200]]
    with pytest.raises(ValueError, match="finite in float32"):
        load(write(tmp_path / "own.csv", rows), val_fraction=0.5)


@pytest.mark.parametrize("label", ["", "  "])
def test_empty_label(tmp_path, label):
    with pytest.raises(ValueError, match="line 21: empty cell in 'b'"):
        load(
            write(tmp_path / "own.csv", [["a", "b"], *BAD_ROWS[:19], [3, label]]),
            label_column="b",
        )


def test_measurements_are_no_labels(tmp_path):
    with pytest.raises(ValueError, match="labels must be whole numbers or text"):
        load(write(tmp_path / "own.csv", BAD_ROWS), label_column=1)


def test_first_row_that_is_half_a_header(tmp_path):
    rows = [["1", "abc"], *BAD_ROWS]
    with pytest.raises(ValueError, match="not clear whether the first row"):
        load(write(tmp_path / "own.csv", rows))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"label_column": "c"}, ValueError, r"must name one column .*\(a, b\)"),
        ({"label_column": 2}, ValueError, "one of the 2 columns"),
        ({"label_column": -3}, ValueError, "one of the 2 columns"),
        ({"label_column": 1.0}, TypeError, "a name or a position"),
        ({"label_column": True}, TypeError, "a name or a position"),
        ({"label_column": "a", "header": False}, ValueError, "must be a position"),
        ({"header": "yes"}, TypeError, "`header` must be True or False"),
        ({"delimiter": ",,"}, ValueError, "`delimiter` must be one character"),
        (
            {"test_fraction": 0},
            ValueError,
            "`test_fraction` must be a finite number above 0",
        ),
    ],
)
def test_bad_options(tmp_path, options, error, match):
    path = write(tmp_path / "own.csv", [["a", "b"], *BAD_ROWS])
    with pytest.raises(error, match=match):
        load(path, **options)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "an empty file"),
        (b"\n\n", "an empty file"),
        (b"a,b\n", "must hold rows below its header"),
        (b"a\n1\n2\n", "at least one column beside the labels"),
        (b"\xff\xfe\x00\x01,\x80\n", "not a UTF-8 table"),
    ],
)
def test_files_without_a_table(tmp_path, content, match):
    path = tmp_path / "own.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=match):
        load(path, label_column=0)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file: .*own\.csv"):
        load(tmp_path / "own.csv")


@pytest.mark.parametrize("label_column", [0, ""])
def test_a_label_column_without_a_name(tmp_path, label_column):
    rows = [["", "a", "b"], *([i % 2, i, 0.5 * i] for i in range(20))]
    data = load(write(tmp_path / "own.csv", rows), label_column=label_column)
    assert data.data_shape == (2,)
    assert data.class_names == ("0", "1")


def test_a_label_by_position_where_names_repeat(tmp_path):
    rows = [["a", "b", "a"], *([i, 0.5 * i, i % 3] for i in range(30))]
    path = write(tmp_path / "own.csv", rows)
    data = load(path, label_column=2)
    assert [column.name for column in data.columns] == ["a", "b"]
    np.testing.assert_array_equal(data.x_train[:, 0] % 3, data.y_train)
    with pytest.raises(ValueError, match="`label_column` must name one column"):
        load(path, label_column="a")
