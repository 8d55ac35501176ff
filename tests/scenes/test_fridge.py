"""A fridge whose milk will spoil before it runs out, and whose yoghurt will run out before it spoils."""

from __future__ import annotations

from pathlib import Path

from edge_agent.core.messages import Propose
from tests.scenes.stage import home, kept, staged


def test_milk_that_spoils_first_and_yoghurt_that_runs_out_first(tmp_path: Path) -> None:
    """Five packs of milk for somebody who drinks one in four days: said to spoil, not bought. The yoghurt is."""
    fridge = home(kept("milk", packs=2, busy=0.3), kept("yoghurt", packs=1.2), busy={"fridge": 0.3})
    with staged(tmp_path, fridge) as scene:
        scene.buys = False
        scene.pass_days(0.5)
        scene.stock("milk").receive(4, now=scene.now)
        scene.tell("bought", "milk", 4 * 1_035)
        scene.pass_days(1.5)
        assert scene.stock("milk").packs > 4
        assert "spoils" in scene.codes("milk")
        assert "milk" not in {question.ware for question in scene.hub.questions()}
        assert isinstance(scene.found("yoghurt").decision, Propose) or scene.asked_for("yoghurt")
        assert "spoils" not in scene.codes("yoghurt")


def test_what_spoils_is_bought_again_in_time(tmp_path: Path) -> None:
    """What will be thrown away is no stock: the next milk is asked for before the date, not when the tray is empty."""
    fridge = home(kept("milk", packs=1, busy=0.3), busy={"fridge": 0.3})
    with staged(tmp_path, fridge) as scene:
        scene.pass_days(0.5)
        scene.stock("milk").receive(4, now=scene.now)
        scene.tell("bought", "milk", 4 * 1_035)
        before = len(scene.asked_for("milk"))
        scene.pass_days(11.5)  # the four packs are good for nine days
        again = scene.asked_for("milk")[before:]
        assert scene.stock("milk").spoiled_packs > 1
        assert again
        assert len(scene.stock("milk").out_days) <= 1
