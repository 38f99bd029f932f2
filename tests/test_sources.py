"""One reader of tables: what it takes, and what it says of what it cannot take."""

import gzip

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scenarios.sources import FrameSource, first_row, label, open_source, require, whole
from sim.errors import InputError

ROWS = "member,spend\na,1.5\nb,\n"


def text(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_fields_are_separated_by_what_the_header_says(tmp_path, separator):
    content = ("\ufeff" + ROWS.replace("spend", " spend ")).replace(",", separator).replace("\n", "\r\n")
    for path in (text(tmp_path, content), text(tmp_path, gzip.compress(content.encode()), "t.csv.gz")):
        found = whole(open_source(path))
        assert list(found.columns) == ["member", "spend"]
        assert found["member"].tolist() == ["a", "b"] and found["spend"].tolist()[0] == "1.5" and found["spend"].isna()[1]


def test_the_same_table_from_everywhere(tmp_path):
    frame = pd.DataFrame({"member": ["a", "b"], "points": [3, 4]}, index=[7, 9])
    frame.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    frame.to_parquet(tmp_path / "t.parquet")  # its index is kept as a column of its own
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        connection.execute("create table one as select * from frame")
        connection.execute("create table two as select 1 as x")
    places = [frame, tmp_path / "t.tsv", tmp_path / "t.parquet", f"{tmp_path / 't.duckdb'}#one"]
    found = [whole(open_source(place)).astype(str).to_dict("list") for place in places]
    assert found == [{"member": ["a", "b"], "points": ["3", "4"]}] * 4
    assert [first_row(open_source(place)) for place in places] == [1, 2, 1, 1]
    assert [label(open_source(place)) for place in places] == ["data frame", "t.tsv", "t.parquet", "t.duckdb#one"]
    assert open_source(FrameSource(frame, "mine")).name == "mine"


def test_a_separator_in_quotes_parts_nothing(tmp_path):
    found = whole(open_source(text(tmp_path, '"spend, list, EUR";member\n1,5;a\n')))
    assert found.to_dict("list") == {"spend, list, EUR": ["1,5"], "member": ["a"]}


def test_a_note_of_several_lines_is_one_cell(tmp_path):
    """Where a block ended within one the whole file was refused."""
    frame = pd.DataFrame({"member": range(30_000), "note": ["x" * 90 + '\n1,"two"\nthree,3,3'] * 30_000, "spend": 1})
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = whole(open_source(tmp_path / "t.csv"))
    assert (tmp_path / "t.csv").stat().st_size > 3_000_000
    assert found.astype(str).equals(frame.astype(str))


def test_whole_numbers_stay_whole_beside_empty_cells(tmp_path):
    """As floats two ids of 17 digits were one."""
    ids = [2**53, 2**53 + 1, None]
    pq.write_table(pa.table({"member": pa.array(ids)}), tmp_path / "t.parquet")
    assert whole(open_source(tmp_path / "t.parquet"))["member"].tolist() == ids


def test_cells_of_many_values_and_bytes_come_as_their_text(tmp_path):
    """Equal rows could not be looked for, and bytes that are no text were no id: both were tracebacks."""
    columns = {
        "items": pa.array([[1, 2], [], None]), "place": pa.array([{"x": 1}, {"x": 2}, None]),
        "name": pa.array([b"a", b"b", None]), "uuid": pa.array([b"\x80\xff", b"\x80 ", None], pa.binary(2)),
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    found = whole(open_source(tmp_path / "t.parquet"))
    assert found["items"].tolist()[:2] == ["[1, 2]", "[]"] and found["place"].tolist()[0] == "{'x': 1}"
    assert found["name"].tolist()[:2] == ["a", "b"] and found["uuid"].tolist()[:2] == ["80ff", "8020"]
    assert found.isna().iloc[2].all()


def test_a_header_without_rows_is_a_table_of_none(tmp_path):
    source = open_source(text(tmp_path, "member,spend\n\n"))
    assert list(source.blocks(["member"])) == [] and whole(source).columns.tolist() == ["member", "spend"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", r"t\.csv: is empty"),
        ("member,spend\na,1\nb,2,3\n", r"t\.csv, line 3: has 3 fields; the header names 2"),
        ("member,spend\na,1\nb\n", r"t\.csv, line 3: has 1 fields; the header names 2"),
        (b"member,spend\na,1\nb\xe9,2\n", r"t\.csv, line 3: found the byte 0xE9, allowed is UTF-8 text"),
        ("member,spend\na,1\n".encode("utf-16"), r"t\.csv, line 1: found the byte 0x00, allowed is UTF-8 text"),
        ("member,member\na,1\n", "two columns are called 'member'"),
    ],
)
def test_a_text_that_is_no_table_is_told_by_its_line(tmp_path, content, words):
    with pytest.raises(InputError, match=words) as caught:
        whole(open_source(text(tmp_path, content)))
    assert len(caught.value.problems) == 1


def test_files_that_are_not_what_they_are_called(tmp_path):
    with pytest.raises(InputError, match="is not a Parquet file, which begins and ends with PAR1"):
        open_source(text(tmp_path, "a,b\n", "t.parquet")).columns()
    with pytest.raises(InputError, match=r"is a folder; give a \.csv"):
        open_source(tmp_path)
    with pytest.raises(InputError, match=r"nobody\.db#t: there is no such file"):
        open_source(f"sqlite:///{tmp_path}/nobody.db#t").columns()
    assert not (tmp_path / "nobody.db").exists()


def test_a_missing_column_is_told_with_the_nearest_name(tmp_path):
    source = open_source(text(tmp_path, ROWS))
    words = r"column 'spent' \(what was paid\) is missing; the columns are member, spend; did you mean spend"
    with pytest.raises(InputError, match=words):
        require(source, {"spent": "what was paid", "member": "the member"})


def test_a_sign_in_a_files_name_is_no_name_of_a_table(tmp_path):
    path = tmp_path / "sales#1.csv"
    path.write_text("a\n1\n")
    assert open_source(path).columns() == ["a"]
    (tmp_path / "sales.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match=r"sales\.csv#t: .*sales\.csv holds one table; leave out #t"):
        open_source(tmp_path / "sales.csv#t")
