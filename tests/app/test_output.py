"""Tables a person reads."""

from __future__ import annotations

import pytest

from counterpoise.app.output import print_table


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1_234_567.8, "1,234,568"),
        (-2.5e9, "-2,500,000,000"),
        (17807.15, "17,807.2"),
        (61712.5, "61,712.5"),
        (None, "-"),
        (0.5, "0.5"),
    ],
)
def test_amounts_are_written_out(value: float | None, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_table("money", ("what", "value"), [("total", value)])
    assert capsys.readouterr().out.splitlines()[2].split() == ["total", shown]
