"""The mark of a hub's cookies."""

from __future__ import annotations

from pathlib import Path

from edge_agent.adapters.page_mark import page_mark


def test_a_mark_stays_and_is_the_hubs_own(tmp_path: Path) -> None:
    """Over restarts; another hub has another one; a file that was spoilt leaves nobody outside."""
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    mark = page_mark(folders[0])
    assert page_mark(folders[0]) == mark
    assert page_mark(folders[1]) != mark
    (folders[0] / "page-mark").write_text("x; path=/")
    assert page_mark(folders[0]).isalnum()
