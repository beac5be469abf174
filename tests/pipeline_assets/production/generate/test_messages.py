"""What the person on call reads: few lines, partition first, a subject that SNS takes whatever failed."""

from dataclasses import replace
from typing import Any

import pytest

from emr_jobs.core.errors import Misconfigured
from pipeline_assets.deployment import deployment
from pipeline_assets.home import deployment_settings
from pipeline_assets.production.generate import messages
from pipeline_assets.production.generate.daily_machine import NAMED
from pipeline_assets.production.generate.plan import plan
from pipeline_assets.production.generate.synth import Deployment
from tests.pipeline_assets.production.generate.intrinsics import evaluated, filled

LONGEST_NAME = "p" * 31  # that settings take
EXECUTION = "0b5e7a52-6c3f-4c0a-9d57-2f6b0a1c9e11"


@pytest.fixture(scope="module")
def generated() -> Deployment:
    return deployment(deployment_settings())


def named(made: Deployment, name: str) -> Deployment:
    assert made.settings.production is not None
    production = made.settings.production.model_copy(update={"name": name})
    return Deployment(made.plan, made.settings.model_copy(update={"production": production}))


def told(machine: dict[str, Any], outcome: dict[str, Any], **more: Any) -> dict[str, str]:
    """Subject and message of the daily run."""
    arn = f"arn:aws:states:us-east-1:123456789012:execution:library-daily:{EXECUTION}"
    parameters = {
        name: value.replace("$$.Execution.Id", "$.arn").replace("$$.Execution.Name", "$.execution")
        if isinstance(value, str)
        else value
        for name, value in machine["States"]["WriteMessage"]["Parameters"].items()
    }
    data = {"arn": arn, "execution": EXECUTION, "newline": "\n", "day": "2026-11-23", "of": {"partition": "2026-11-22"}}
    return filled(parameters, {**data, "cluster_line": {"text": ""}, "outcome": outcome, **more})


def outcome(names: list[str], report: str) -> dict[str, Any]:
    return {
        "names": names,
        "state": "not published",
        "readers": messages.READERS_WAIT,
        "report": report,
        "todo": f"When that is mended: pipeline trigger --resume {EXECUTION}",
    }


def test_whole_message_of_two_jobs(generated: Deployment) -> None:
    machine = generated.definitions["daily"]
    more = machine["States"]["Select"]["Parameters"]["more"]
    report = "extract_loans: BadInput: staged.loans: no day\nextract_reviews: States.Timeout, no word\n"
    found = told(machine, outcome(["extract_loans", "extract_reviews"], report), more=more)
    assert found["subject"] == "library 2026-11-22 not published: extract_loans +1"
    assert found["message"] == (
        "2026-11-22 is not published; its run was scheduled for 2026-11-23.\n"
        "extract_loans: BadInput: staged.loans: no day\n"
        "extract_reviews: States.Timeout, no word\n"
        "Readers still see the day before, or this day as it was published before.\n"
        "\n"
        f"More of it: pipeline show {EXECUTION}\n"
        f"When that is mended: pipeline trigger --resume {EXECUTION}\n"
        "Console: https://us-east-1.console.aws.amazon.com/states/home#/v2/executions/details/"
        f"arn:aws:states:us-east-1:123456789012:execution:library-daily:{EXECUTION}\n"
    )


def test_subject_fits_whatever_failed_under_the_longest_name(generated: Deployment) -> None:
    made = named(generated, LONGEST_NAME)
    machine = made.definitions["daily"]
    more = machine["States"]["Select"]["Parameters"]["more"]
    assert more == ["", " +1", " +2"]
    for name in [*(job.name for job in made.plan.jobs), *NAMED]:
        for count in range(1, len(more) + 1):
            subject = told(machine, outcome([name] * count, ""), more=more)["subject"]
            assert subject.isascii(), subject
            assert subject.isprintable(), subject
            assert len(subject) < 100, subject
    for side in ("reaper", "watch"):
        parameters = made.definitions[side]["States"]["Notify"]["Parameters"]
        ended = {"of": {"partition": "2026-11-22"}, "ended": {"status": "TIMED_OUT"}}
        subject = evaluated(parameters["Subject.$"], ended)
        assert subject.startswith(f"{LONGEST_NAME} 2026-11-22 not published: ")
        assert len(subject) < 100, subject


@pytest.mark.parametrize("name", ["extract_" + "x" * 40, "extract_bücher_von_heute"])
def test_job_whose_name_does_not_fit_into_a_subject_is_not_generated(generated: Deployment, name: str) -> None:
    jobs = [replace(job, name=name) if job.name == "catalogue" else job for job in generated.plan.jobs]
    edges = {
        (name if one == "catalogue" else one, name if other == "catalogue" else other)
        for one, other in generated.plan.edges
    }
    with pytest.raises(Misconfigured, match=rf"'{name}' does not fit into a message's subject"):
        _ = Deployment(plan(jobs, edges), named(generated, LONGEST_NAME).settings).definitions


def test_all_jobs_at_once_fail_in_at_most_fifteen_lines(generated: Deployment) -> None:
    machine = generated.definitions["daily"]
    more = machine["States"]["Select"]["Parameters"]["more"]
    names = [job.name for job in generated.plan.jobs][: len(more)]
    line = evaluated(
        machine["States"]["TellOfCluster"]["Parameters"]["text.$"],
        {
            "newline": "\n",
            "cluster": {"ClusterId": "j-1"},
            "cluster_says": {"Status": {"State": "TERMINATED", "StateChangeReason": {"Code": "INTERNAL_ERROR"}}},
        },
    )
    assert line == "cluster j-1: TERMINATED INTERNAL_ERROR\n"
    report = "".join(f"{name}: x\n" for name in names)
    found = told(machine, outcome(names, report), more=more, cluster_line={"text": line})
    assert len(found["message"].splitlines()) <= 15


def test_a_job_says_its_own_sentence_or_where_its_log_is(generated: Deployment) -> None:
    states = generated.definitions["daily"]["States"]
    read = states["CatalogueFailed"]
    assert read["Parameters"] == {
        "Bucket": "${RunsBucket}",
        "Key.$": "States.Format('runs/pipes/{}/catalogue/reason.txt', $$.Execution.Name)",
    }
    assert [(each["ErrorEquals"], each["Next"]) for each in read["Catch"]] == [
        (["States.ALL"], "CatalogueFailedSilent")
    ]
    data = {"newline": "\n", "said": {"reason": "BadInput: {x} 'y'"}, "error": {"Error": "States.Timeout"}}
    data["cluster"] = {"ClusterId": "j-1"}
    said = evaluated(states["CatalogueFailedTold"]["Parameters"]["report.$"], data)
    silent = evaluated(states["CatalogueFailedSilent"]["Parameters"]["report.$"].replace("${RunsBucket}", "runs"), data)
    assert said == "catalogue: BadInput: {x} 'y'\n"
    assert silent == "catalogue: States.Timeout without a word of the job. Its log: s3://runs/emr/j-1/steps/\n"


def test_free_text_of_amazon_is_in_no_message(generated: Deployment) -> None:
    """It has no limit and may hold anything."""
    for name, machine in generated.definitions.items():
        written = str(machine).replace("$.error.Error", "")
        assert "$.error.Cause" not in written, name
        assert "$.unsaid" not in written.replace("'ResultPath': '$.unsaid'", ""), name
