"""Every extension point is documented, has a test, and says what an answer and an exception mean."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import List, Tuple

import pytest

from accsyn_plugins import hookspecs
from accsyn_plugins.hookspecs import PROJECT

ROOT = Path(hookspecs.__file__).parents[1]
OTHERS = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path.name != Path(__file__).name]
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in [*OTHERS, ROOT / "accsyn_plugins/testing.py"])
PAGE = (ROOT / "hosts/README.md").read_text(encoding="utf-8")


def all_hooks() -> List[Tuple[str, object]]:
    return [(n, f) for n, f in inspect.getmembers(hookspecs, inspect.isfunction) if hasattr(f, f"{PROJECT}_spec")]


@pytest.mark.parametrize(("name", "hook"), all_hooks())
class TestHook:
    def test_the_page_names_it_with_its_arguments(self, name: str, hook: object) -> None:
        arguments = ", ".join(inspect.signature(hook).parameters)  # type: ignore[arg-type]
        assert f"`{name}({arguments})`" in PAGE

    def test_some_test_implements_or_asks_it(self, name: str, hook: object) -> None:
        assert f"def {name}(self" in TESTS or f"hook.{name}(" in TESTS or f'"{name}"' in TESTS

    def test_its_text_says_when_and_how_and_what_an_answer_means(self, name: str, hook: object) -> None:
        text = " ".join((inspect.getdoc(hook) or "").split())
        assert any(f"({kind})." in text for kind in ("question", "survey", "notification"))
        assert any(word in text for word in ("Asked", "Told", "Called"))
        is_question = getattr(hook, f"{PROJECT}_spec")["firstresult"]
        assert ("(question)." in text) == bool(is_question)
        if is_question:
            assert "None:" in text or "built-in answer" in text


def test_the_file_says_what_an_exception_does_in_each_style() -> None:
    assert "An exception in a question" in (hookspecs.__doc__ or "")
    assert "in a survey or a\nnotification it is logged" in (hookspecs.__doc__ or "")


def test_the_points_that_the_product_promises_are_there() -> None:
    promised = {
        "resolve_vendor",
        "collect_package",
        "collect_scene",
        "validate_package",
        "validate_publish",
        "choose_destination",
        "remap_document",
        "job_changed",
        "update_task",
        "notify_people",
    }
    assert promised <= {name for name, _ in all_hooks()}
