"""Schemathesis over the description of one service: requests that are made of it, and answers held against it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from schemathesis import openapi
from schemathesis.core.failures import FailureGroup

from tests.support.examples import EXAMPLES_VARIABLE

EXAMPLES = int(os.environ.get(EXAMPLES_VARIABLE, "5"))
"""For each operation, beside those at the limits of its parameters. The same ones each time, unless said."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
)
EVERYWHERE = ("400", "405", "408", "413", "429", "503")
"""What any operation may be refused with; everything else must stand in its description."""
FROM_THERE = 0.9
"""How often a parameter has a value that means something there."""


@dataclass(frozen=True)
class Target:
    """A service to be asked."""

    url: str
    token: str = field(repr=False)
    values: Mapping[str, Sequence[str | int]]
    """Of parameters, by place and name (``path.file_id``): what is there to be asked for."""
    of_operations: Mapping[str, Mapping[str, Sequence[str | int]]] = field(default_factory=dict)
    """The same for single operations."""
    authorization: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of single operations, instead of the token."""


def strict(description: dict[str, Any]) -> dict[str, Any]:
    """The description without its ``default``, with which every answer would be described."""
    described = deepcopy(description)
    for methods in described["paths"].values():
        for operation in methods.values():
            default = operation["responses"].pop("default")
            for status in EVERYWHERE:
                operation["responses"].setdefault(status, default)
    return described


class Described:
    """The answers of a service as its description has them, for whoever makes the requests itself."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._paths = strict(description)["paths"]
        self._schema = openapi.from_dict(strict(description))

    def objection(self, endpoint: str, answer: httpx.Response) -> str | None:
        """What the description does not tell of an answer to ``METHOD /path``."""
        method, path = endpoint.split()
        if str(answer.status_code) not in self._paths[path][method.lower()]["responses"]:
            return f"{answer.status_code} is not described"
        answer.request.read()  # a form is kept only then, and the validation looks at it
        try:
            self._schema[path][method].validate_response(answer)
        except FailureGroup as failures:
            return "; ".join(str(failure) for failure in failures.exceptions)
        return None


def run(target: Target, description: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """Asks the service. In a process of its own, which gets the secrets by a file that nobody else can read."""
    (folder / "openapi.json").write_text(json.dumps(strict(description)), encoding="utf-8")
    configuration = folder / "schemathesis.toml"
    configuration.touch(mode=0o600)
    configuration.write_text(_configuration(target, description), encoding="utf-8")
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(configuration)),
        *("run", str(folder / "openapi.json"), "--url", target.url),
        *("--phases", "examples,coverage,fuzzing"),
        *("--checks", ",".join(CHECKS)),
        *("--max-examples", str(EXAMPLES)),
        # A longer run is for finding something new; its seed is in the output.
        *(() if EXAMPLES_VARIABLE in os.environ else ("--generation-deterministic",)),
        *("--continue-on-failure", "--no-color", "--warnings", "off", "--request-timeout", "30"),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _configuration(target: Target, description: dict[str, Any]) -> str:
    lines = [
        f"hooks = {_text(str(Path(__file__).with_name('schemathesis_hooks.py')))}",
        "[headers]",
        f"Authorization = {_text(f'Bearer {target.token}')}",
    ]
    lines += ["[cache]", "enabled = false", "[generation]", "with-security-parameters = false"]
    # Whoever sends nonsense to what is not there, or to what has changed meanwhile, may be told of that.
    lines += ["[checks.negative_data_rejection]", 'expected-statuses = ["4xx"]']
    for phase in ("coverage", "fuzzing"):
        # No ids of answers: some are those of the very account, person and keys that the requests are made with.
        lines += [f"[phases.{phase}.extra-data-sources]", "responses = false"]
    lines += ["[phases.coverage]", "unexpected-methods = []"]
    known = {_place(one) for path in description["paths"].values() for one in _parameters(path)}
    everywhere = {name: values for name, values in target.values.items() if name in known}
    parameters, dictionaries = _bound("all", everywhere)
    lines += ["[parameters]", *parameters]
    operations: list[str] = []
    for operation in sorted({*target.of_operations, *target.authorization}):
        operations += ["[[operations]]", f"include-name = {_text(operation)}"]
        if operation in target.authorization:
            operations.append(f"headers = {{ Authorization = {_text(target.authorization[operation])} }}")
        parameters, more = _bound(operation, target.of_operations.get(operation, {}))
        if parameters:
            operations += ["[operations.parameters]", *parameters]
        dictionaries += more
    return "\n".join([*lines, *dictionaries, *operations, ""])


def _bound(whose: str, values: Mapping[str, Sequence[str | int]]) -> tuple[list[str], list[str]]:
    """The lines that say where values come from, and those with the values."""
    parameters, dictionaries = [], []
    for name, those in values.items():
        dictionary = _text(f"{whose} {name}")
        parameters.append(f"{_text(name)} = {{ dictionary = {dictionary}, probability = {FROM_THERE} }}")
        dictionaries += [f"[dictionaries.{dictionary}]", f"values = {json.dumps(list(those))}"]
    return parameters, dictionaries


def _parameters(path: dict[str, Any]) -> list[dict[str, Any]]:
    return [parameter for operation in path.values() for parameter in operation.get("parameters", [])]


def _place(parameter: dict[str, Any]) -> str:
    return f"{parameter['in']}.{parameter['name']}"


def _text(value: str) -> str:
    """As TOML has strings, which are those of JSON."""
    return json.dumps(value)
