# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Say in uv's words where pip is configured to take packages from: lines of ``VARIABLE=value`` for the environment.

``python examples/lib/uv_settings.py CONSTRAINTS``, run by the Python whose pip is meant. uv does not read pip's
configuration. The exit status is 1, and nothing is printed, when that says something that uv cannot be told in the same
way; then pip has to do the work. Needs nothing that is not in a new environment.
"""

import ast
import subprocess
import sys

TRANSLATED = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "constraint": ("UV_CONSTRAINT", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
"""By pip's name, uv's variable and what stands between several values in it."""
OF_NO_EFFECT = {
    "cache-dir",
    "config-file",
    "default-timeout",
    "disable-pip-version-check",
    "no-cache-dir",
    "no-color",
    "no-input",
    "progress-bar",
    "quiet",
    "require-virtualenv",
    "retries",
    "root-user-action",
    "timeout",
    "verbose",
}
"""Settings of pip that change neither what is installed nor where it comes from."""


def pip_settings() -> dict[str, str]:
    """What ``pip install`` is configured to do: the environment before the command's section before the global one."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in lines:
        name, _, value = line.partition("=")
        section, _, key = name.partition(".")
        if section in sections:
            sections[section][key] = ast.literal_eval(value)
    return {**sections["global"], **sections["install"], **sections[":env:"]}


def uv_settings(pip: dict[str, str], constraints: str) -> dict[str, str] | None:
    """The same for uv, and the constraints besides; None when it cannot be said."""
    if pip.keys() - TRANSLATED.keys() - OF_NO_EFFECT or " " in constraints:
        return None
    # pip takes the best of all indexes; uv by default the first that has the package.
    settings = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_CONSTRAINT": constraints}
    for key, (variable, separator) in TRANSLATED.items():
        if key in pip:
            values = separator.join(pip[key].split())
            settings[variable] = f"{constraints} {values}" if variable == "UV_CONSTRAINT" else values
    return settings


if __name__ == "__main__":
    found = uv_settings(pip_settings(), sys.argv[1])
    if found is None:
        sys.exit(1)
    print("\n".join(f"{variable}={value}" for variable, value in found.items()))
