"""The table of a talk: reading, the idle, the talk."""

from benchmarks.renders import talk


def test_a_talk_stands_beside_its_idle() -> None:
    rows = list(talk.measure_talk(0.5, 1, (300, 400)))
    assert [row.what for row in rows] == ["reading the sound", "idle", "talk"]
    assert rows[1].share == 1
    assert rows[2].seconds > rows[0].seconds
    assert {row.frames for row in rows} == {15}
    assert len(talk.table_line(rows[2]).split()) == 4
