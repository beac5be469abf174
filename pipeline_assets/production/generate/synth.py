"""The deployment as files: two CloudFormation templates, byte for byte the same for the same graph and settings.

Does not own: what stands in them. Invariant: nothing is written when a state machine does not fit together.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import DeploymentSettings, Production

from pipeline_assets.production.generate import daily_machine, machine_check, messages, side_machines
from pipeline_assets.production.generate.base_template import base_template
from pipeline_assets.production.generate.main.template import main_template
from pipeline_assets.production.generate.plan import Plan, explained, width
from pipeline_assets.production.generate.secrets import require_a_reader

BASE, MAIN = "base.template.json", "pipeline.template.json"
PLAN = "plan.txt"
README = "README.md"
NOTE = (
    "Written by `pipeline synth`, which empties this folder first: change the graph, the settings or the generator.\n"
)
INPUTS: Mapping[str, machine_check.Shape] = {
    "daily": {"scheduled_time": None},
    "reaper": {"detail": {"name": None, "status": None, "input": None}},
    "watch": {"scheduled_time": None},
}


@dataclass(frozen=True)
class Deployment:
    """What `synth` writes and `deploy` applies."""

    plan: Plan
    settings: DeploymentSettings
    daily_timeout_s: int | None = None  # None: derived from the plan

    @property
    def production(self) -> Production:
        return self.settings.production

    @cached_property
    def definitions(self) -> dict[str, dict[str, Any]]:
        """The state machines. Raises Misconfigured naming everything in them that does not fit."""
        _refuse_waiting_steps(self.plan, self.settings)
        require_a_reader(self.settings, self.plan.jobs)
        machines = {
            "daily": daily_machine.daily_machine(self.plan, self.settings, timeout_s=self.daily_timeout_s),
            "reaper": side_machines.reaper(self.settings),
            "watch": side_machines.watch(self.settings),
        }
        wrong = [
            *messages.too_long(self.production.name, _named(self.plan), at_once=width(self.plan.root)),
            *(
                f"{name}: {fault}"
                for name, machine in machines.items()
                for fault in machine_check.faults(machine, given=INPUTS[name])
            ),
        ]
        if wrong:
            raise Misconfigured(f"the state machines do not fit together: {'; '.join(wrong)}")
        return machines

    @cached_property
    def base(self) -> dict[str, Any]:
        return _plain(base_template(self.settings).to_json())

    @cached_property
    def main(self) -> dict[str, Any]:
        return _plain(main_template(self.plan, self.settings, self.definitions).to_json())

    @property
    def stacks(self) -> dict[str, dict[str, Any]]:
        """Template by stack name, in the order of deployment."""
        return {self.base_stack: self.base, self.production.name: self.main}

    @property
    def base_stack(self) -> str:
        return f"{self.production.name}-base"

    def files(self) -> dict[str, str]:
        return {
            BASE: text(self.base),
            MAIN: text(self.main),
            PLAN: explained(self.plan) + "\n",
            README: NOTE,
        }


def _named(plan: Plan) -> list[str]:
    """What the subject of a message may name."""
    return [*(job.name for job in plan.jobs), *daily_machine.NAMED, *side_machines.NAMED]


def _refuse_waiting_steps(plan: Plan, settings: DeploymentSettings) -> None:
    """A step that waits for its turn uses up its job's time."""
    limit, needed = settings.emr.step_concurrency, width(plan.root)
    if limit is not None and limit < needed:
        raise Misconfigured(
            f"settings: emr.step_concurrency is {limit}, and {needed} jobs run at once. Set it to {needed}, or leave "
            "it out: then it follows the jobs"
        )


def text(template: dict[str, Any]) -> str:
    return json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write(files: Mapping[str, str], folder: Path) -> None:
    """In the place of what an earlier synth wrote. Raises Misconfigured for a folder that is not its own."""
    if folder.exists() and any(folder.iterdir()):
        note = folder / README
        if not (note.is_file() and note.read_text() == NOTE):
            raise Misconfigured(f"{folder} has files that synth did not write; empty it, or name another: --out")
        for file in folder.iterdir():
            file.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)


def _plain(rendered: str) -> dict[str, Any]:
    return dict(json.loads(rendered))
