"""Names in paths and queries, however they are encoded there."""

from __future__ import annotations

import pytest

from mask.ner.test_names import Finder, masked


@pytest.mark.parametrize(
    ("field", "text", "written"),
    [
        ("requestQuery", "name=Jane+Doe&page=2", "name=%5BPERSON%5D&page=2"),
        ("requestQuery", "q=ask%20Jane%20Doe%21&x=%2Fa", "q=ask%20%5BPERSON%5D%21&x=%2Fa"),
        ("requestQuery", "name=J%FCrgen+M%FCller", "name=%5BPERSON%5D"),
        ("requestQuery", "name=J%C3%BCrgen%20M%C3%BCller;Jane+Doe=1", "name=%5BPERSON%5D;%5BPERSON%5D=1"),
        ("requestPath", "/users/Jane%20Doe/orders", "/users/%5BPERSON%5D/orders"),
        ("requestPath", "/users/Jane Doe", "/users/%5BPERSON%5D"),
        ("requestPath", "/by/Jane-Doe", "/by/%5BPERSON%5D"),
        ("requestPath", "/by/the_Jane_Doe_Story", "/by/the_%5BPERSON%5D_Story"),
        ("requestPath", "/a/Jane+Doe", "/a/Jane+Doe"),
        ("requestPath", "/Rue%20de%20Rivoli%2012", "/%5BLOCATION%5D"),
        ("spanName", "GET /users/Jane%20Doe", "GET /users/%5BPERSON%5D"),
    ],
)
def test_a_name_in_a_url(field: str, text: str, written: str) -> None:
    (record,) = masked({field: text})
    assert record[field] == written


@pytest.mark.parametrize("text", ["a=%7E%2f+x&B=A%2BC", "Q=Some+words&=&&", "%", "%zz=A%ff%FE+B"])
def test_what_holds_no_name_stays_as_it_was_encoded(text: str) -> None:
    (record,) = masked({"requestQuery": text, "requestPath": f"/{text}/"})
    assert record["requestQuery"] == text
    assert record["requestPath"] == f"/{text}/"


def test_a_part_that_nobody_looked_at_is_withheld_alone() -> None:
    finder = Finder()
    (record,) = masked({"requestQuery": "a=Some+failure&b=Jane+Doe&c=3"}, finder=finder)
    assert record["requestQuery"] == "a=%5BWITHHELD%5D&b=%5BPERSON%5D&c=3"
    assert "Jane Doe" in finder.seen
    assert record["masking"]["dropped"] == [{"path": "requestQuery", "reason": "time-out"}]
