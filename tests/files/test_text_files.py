import pytest
import yaml

from ald_keras.files.atomic import atomic_path
from ald_keras.files.text_files import (
    read_csv,
    read_json,
    write_csv,
    write_json,
    write_yaml,
)


def write_half(path):
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyError


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    with pytest.raises(KeyError):
        write_half(path)
    assert read_json(path) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    write_json(path, {"new": 2})
    assert read_json(path) == {"new": 2}


def test_nothing_is_left_where_there_was_nothing(tmp_path):
    with pytest.raises(KeyError):
        write_half(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_tables_and_yaml(tmp_path):
    write_csv(tmp_path / "t.csv", {"epoch": [0, 1], "loss": [2.5, 1.0]})
    assert (tmp_path / "t.csv").read_text() == "epoch,loss\n0,2.5\n1,1.0\n"
    write_yaml(tmp_path / "c.yaml", {"b": 1, "a": "é\x85"})
    text = (tmp_path / "c.yaml").read_text("utf-8")
    assert text.startswith("b: 1\n")
    assert yaml.safe_load(text) == {"b": 1, "a": "é\x85"}


def test_damaged_json_names_the_file(tmp_path):
    (tmp_path / "run.json").write_text('{"a": ')
    with pytest.raises(ValueError, match="run.json holds no valid JSON"):
        read_json(tmp_path / "run.json")


def test_columns_of_numbers_are_read_back(tmp_path):
    columns = {"epoch": [0.0, 1.0], "loss": [2.5, 1e-7]}
    write_csv(tmp_path / "t.csv", columns)
    assert read_csv(tmp_path / "t.csv") == columns
    write_csv(tmp_path / "t.csv", {"epoch": [], "loss": []})
    assert read_csv(tmp_path / "t.csv") == {"epoch": [], "loss": []}


@pytest.mark.parametrize("text", ["", "a,b\n1", "a\nword\n"])
def test_other_columns_are_errors_that_name_the_file(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=r"t\.csv holds no columns of numbers"):
        read_csv(tmp_path / "t.csv")
