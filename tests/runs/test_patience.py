"""Something is waited for as long as it is so without a break."""

from __future__ import annotations

from napari_dacapo.runs.patience import Patience


def test_it_ends_after_some_looks_in_a_row() -> None:
    patience = Patience(3)
    over = []
    for look in range(8):
        if look != 2:
            over.append(patience.is_over("torn"))
        patience.end_look()
    assert over == [False, False, False, False, True, True, True]


def test_things_are_waited_for_apart_and_each_as_long_as_asked() -> None:
    patience = Patience(2)
    assert patience.is_over("once", looks=1)
    assert not patience.is_over(("a", 1))
    patience.end_look()
    assert patience.is_over(("a", 1))
    assert not patience.is_over(("a", 2))
    assert not patience.is_over(("a", 2)), "twice at one look counts once"
