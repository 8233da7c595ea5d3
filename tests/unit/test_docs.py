# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The documentation says what the code says."""

import dataclasses
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from recipe.care.config import CareConfig
from recipe.care.repair.choose import Representatives, rgr_metrics
from recipe.cli import COMMANDS
from verl_ext.step.alarms import ALARM_METRICS
from verl_ext.step.compute import compute_step
from verl_ext.step.records import RECORD_METRICS
from verl_ext.step.rollouts import Rollouts
from verl_ext.step.skip import SKIP_METRICS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCRIPTS = sorted((ROOT / "examples").rglob("*.sh"))

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@each_page
def test_generated_tables_are_up_to_date(page, generate):
    assert page.read_text() == generate.render(page.read_text()), "run: python docs/generate.py"


def settings(config, prefix="algorithm.care.") -> Iterator[tuple[str, object]]:
    """Every key of the configuration with its default."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from settings(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value


def test_configuration_page_lists_every_key_with_its_default():
    table = re.findall(r"^\| `(algorithm\.care\.[\w.]+)` \| [^|]+ \| `([^`]+)` \|", _page("configuration.md"), re.M)
    # As JSON writes them, but for the quotes; 1.0 is not true.
    expected = [(key, json.dumps(value).strip('"')) for key, value in settings(CareConfig())]
    assert sorted(table) == sorted(expected)


def test_metrics_page_lists_what_a_step_emits():
    table = re.findall(r"^\| `(care/[\w/<>]+)` \|", _page("metrics.md"), re.M)
    assert len(table) == len(set(table))
    emitted = {re.sub(r"^care/k_prime/\d+$", "care/k_prime/<n>", name) for name in _step_metrics()}
    emitted |= rgr_metrics([None], Representatives([], 0, 0, 0), 0, 0.0, 0.0).keys()
    assert set(table) == emitted | set(SKIP_METRICS) | set(RECORD_METRICS) | set(ALARM_METRICS)


class _Tokenizer:
    """One token per character of ASCII."""

    def get_vocab(self):
        return {chr(code): code for code in range(128)}

    def decode(self, token_ids, *, skip_special_tokens):
        return "".join(map(chr, token_ids))


def _step_metrics() -> dict[str, float]:
    texts = [f"<think>{'a' * n}</think><answer>{n}</answer>" for n in (1, 2, 3)]
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(list(text.encode())) for text in texts], batch_first=True)
    rollouts = Rollouts(
        keys=["p_0_0", "p_1_0", "p_2_0"],
        group=["p", "p", "p"],
        response_ids=ids,
        response_mask=(ids != 0).long(),
        response_len=(ids != 0).sum(dim=1),
        rewards=torch.tensor([1.0, 0.1, 0.1]),
        acc=torch.tensor([1.0, 0.0, 0.0]),
        left_out=[None, None, None],
        session_row=torch.arange(3),
        old_logp=-torch.ones(ids.shape),
        think_embeddings=torch.eye(3),
    )
    return compute_step(rollouts, _Tokenizer(), CareConfig()).metrics


def test_the_cpu_page_explains_every_setting():
    names = re.findall(r"^export (\w+)=", (ROOT / "examples" / "lib" / "cpu_stack.sh").read_text(), re.M)
    for file in (ROOT / "recipe" / "care" / "conf" / "cpu").iterdir():
        names += [name for name in _last_names(OmegaConf.to_container(OmegaConf.load(file))) if name != "defaults"]
    assert len(names) > 30
    for name in names:
        assert name in _page("cpu.md"), name


def _last_names(node: dict) -> list[str]:
    below = [_last_names(value) if isinstance(value, dict) else [name] for name, value in node.items()]
    return [name for names in below for name in names]


def test_the_installation_page_explains_every_dependency():
    pins = re.sub("#.*", "", (ROOT / "setup.py").read_text().split('"""')[2].split("setup(")[0])
    listed = re.findall(r'"([A-Za-z][\w-]*)[^"]*"', pins)
    assert {"verl", "filelock", "pytest-xdist", "TransferQueue"} <= set(listed)
    table = _page("install.md").split("## Why each dependency")[1].split("## Doctor")[0]
    for name in listed:
        assert name in table or re.match(r"types-|.*-stubs$", name), name


@each_page
def test_mentioned_metrics_exist(page):
    glossary = _page("metrics.md").replace("care/k_prime/<n>", "care/k_prime/1")
    # Not `docs/.../care/...`, which are files.
    for name in re.findall(r"(?<![\w/>])care/[a-z_]+(?:/[a-z_0-9]+)*", page.read_text()):
        assert f"`{name}" in glossary, f"{name} in {page.name}"


@each_page
def test_links_resolve(page):
    for path, fragment in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), path
        if fragment:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.M)
            assert fragment in [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@each_page
def test_mentioned_commands_and_files_exist(page):
    text = page.read_text()
    folders = "examples|tests|benchmarks|docs|recipe|verl_ext|data_prep"
    for script in re.findall(rf"\b((?:{folders})/[\w./-]+\.(?:sh|py|md))\b", text):
        assert (ROOT / script).is_file(), script
    for script in re.findall(r"bash ([\w./-]+)", text):
        assert (ROOT / script).is_file(), script
    for module in re.findall(r"(?:python|python3) -m ((?:recipe|verl_ext|data_prep)\.[\w.]+\w)", text):
        assert importlib.util.find_spec(module) is not None, module
    # At the start of a line or of a code span, or behind a folder.
    for name in re.findall(r"(?:^ *|`|bin/)care ([a-z][a-z0-9-]+)", text, re.M):
        assert name in COMMANDS or name == "completion", name


@pytest.mark.parametrize("page", [*PAGES, *SCRIPTS], ids=lambda page: page.name)
def test_mentioned_settings_exist(page):
    for key in re.findall(r"algorithm\.care\.([a-z_]+(?:\.[a-z_]+)?)", page.read_text()):
        if key == "preset":  # stands for others, and is no field
            continue
        node = CareConfig()
        for part in key.split("."):
            assert hasattr(node, part), f"algorithm.care.{key} in {page.name}"
            node = getattr(node, part)


@pytest.mark.parametrize("page", [*PAGES, *SCRIPTS], ids=lambda page: page.name)
def test_example_settings_are_accepted(page):
    """What one code span or line sets together is a valid configuration."""
    for example in re.split(r"`|(?<!\\)\n", page.read_text()):
        settings = re.findall(r"\+algorithm\.care\.([\w.]+)=([\w.]*\w)", example)
        CareConfig.from_omegaconf(OmegaConf.from_dotlist([f"{key}={value}" for key, value in settings]))


def test_every_page_is_linked_from_the_readme():
    readme = (ROOT / "README.md").read_text()
    for page in PAGES[1:]:
        assert f"](docs/{page.name})" in readme, page.name


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_the_paper_map_names_what_there_is():
    named = re.findall(r"`((?:method|repair|text|verl_ext)\.[\w.]+)`", _page("paper_map.md"))
    assert len(set(named)) > 15
    for name in named:
        package, _, last = (name if name.startswith("verl_ext") else f"recipe.care.{name}").rpartition(".")
        found = importlib.import_module(package)
        assert hasattr(found, last) or importlib.util.find_spec(f"{package}.{last}") is not None, name
