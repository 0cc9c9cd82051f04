"""The examples run and say something that makes sense."""

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_loop_of_ones_own_keeps_a_tenth_of_the_weights_and_learns(capsys):
    runpy.run_path(str(EXAMPLES / "own_training_loop.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert all(", 947 weights kept" in line for line in lines[:5])
    accuracy, robust = (float(part.split()[-1]) for part in lines[5].split(", ")[:2])
    assert accuracy > 0.9 > robust > 0.3


def test_the_custom_model_example_prints_falling_robust_accuracy(capsys):
    runpy.run_path(str(EXAMPLES / "custom_model.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    near, far = (float(line.split(": ")[1].split()[0]) for line in lines[:2])
    assert 0 <= far < near < 1
    assert lines[2].startswith("zeros 0.80, ")
