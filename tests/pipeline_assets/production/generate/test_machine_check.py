"""What the check of a state machine finds: the generated machines pass, and every planted fault is named."""

import copy
from typing import Any

import pytest

from pipeline_assets.deployment import deployment
from pipeline_assets.home import deployment_settings
from pipeline_assets.production.generate.machine_check import faults
from pipeline_assets.production.generate.synth import INPUTS

EMR = "arn:aws:states:::elasticmapreduce"


@pytest.fixture(scope="module")
def machines() -> dict[str, Any]:
    return deployment(deployment_settings()).definitions


@pytest.fixture
def daily(machines: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(machines["daily"])


def found(machine: dict[str, Any]) -> list[str]:
    return faults(machine, given=INPUTS["daily"])


def test_generatedmachines_fit(machines: dict[str, Any]) -> None:
    assert {name: faults(machine, given=INPUTS[name]) for name, machine in machines.items()} == {
        "daily": [],
        "reaper": [],
        "watch": [],
    }


def test_dangling_next(daily: dict[str, Any]) -> None:
    daily["States"]["RecordCluster"]["Next"] = "AtOnce2"
    assert found(daily) == ["RecordCluster: AtOnce2 does not exist"]


def test_dangling_catch_in_a_branch(daily: dict[str, Any]) -> None:
    daily["States"]["AtOnce1"]["Branches"][0]["States"]["ExtractLoans"]["Catch"][0]["Next"] = "Gone"
    assert found(daily) == ["AtOnce1 > ExtractLoans: Gone does not exist"]


def test_dangling_choice_where_a_branch_starts(daily: dict[str, Any]) -> None:
    """The branch still has its other ways to an end."""
    daily["States"]["AtOnce1"]["Branches"][0]["States"]["WantsExtractLoans"]["Choices"][0]["Next"] = "Gone"
    assert found(daily) == ["AtOnce1 > WantsExtractLoans: Gone does not exist"]


def test_unreachable_state(daily: dict[str, Any]) -> None:
    daily["States"]["Lonely"] = {"Type": "Succeed"}
    assert found(daily) == ["Lonely: not reachable"]


def test_misspelt_service_action(daily: dict[str, Any]) -> None:
    daily["States"]["Catalogue"]["Resource"] = f"{EMR}:addSteps.sync"
    (fault,) = found(daily)
    assert fault.startswith(f"Catalogue: service action {EMR}:addSteps.sync is not one of ")


def test_success_that_misses_the_end_of_the_cluster(daily: dict[str, Any]) -> None:
    daily["States"]["Maintain"]["Next"] = "Done"
    assert found(daily) == ["Done: misses the end of the cluster"]


def test_failure_that_misses_the_end_of_the_cluster(daily: dict[str, Any]) -> None:
    daily["States"]["CatalogueFailed"]["Next"] = "ReleaseDay"
    assert "Failed: misses the end of the cluster" in found(daily)


def test_another_cluster_while_there_is_one(daily: dict[str, Any]) -> None:
    daily["States"]["BootAgain"]["Next"] = "CreateCluster"
    assert found(daily) == [
        "EndFailedBoot: not reachable",
        "CreateCluster: a way to another one misses the end of the cluster",
    ]


def test_path_that_one_way_does_not_write(daily: dict[str, Any]) -> None:
    """Step Functions ends such an execution with States.Runtime, which nothing catches: the cluster would stay."""
    daily["States"]["ClaimDay"]["Catch"][1]["ResultPath"] = None
    assert found(daily) == ["ClaimFailed: $.error.Error is not written on every way to it"]


def test_branch_that_ends_without_what_is_read_after_the_join(daily: dict[str, Any]) -> None:
    del daily["States"]["AtOnce1"]["Branches"][1]["States"]["ExtractMembersFailedTold"]["Parameters"]["failed"]
    assert found(daily) == ["AtOnce1Ended: $.branches[1].failed is not written on every way to it"]


def test_branch_that_ends_without_what_is_read_of_all_branches(daily: dict[str, Any]) -> None:
    del daily["States"]["AtOnce1"]["Branches"][1]["States"]["AtOnce1Branch2Done"]["Result"]["names"]
    assert found(daily) == ["AtOnce1Failed: $.branches[*].names[*] is not written on every way to it"]


def test_retry_behind_one_that_matches_more(daily: dict[str, Any]) -> None:
    daily["States"]["Catalogue"]["Retry"].reverse()
    assert found(daily) == ["Catalogue: Retry: EMR.AmazonElasticMapReduceException stands behind one that matches it"]


def test_error_that_no_service_has(daily: dict[str, Any]) -> None:
    catch = daily["States"]["Catalogue"]["Catch"]
    catch.insert(0, catch[0] | {"ErrorEquals": ["EMR.ThrottlingException"]})
    known = (
        "DynamoDB.ConditionalCheckFailedException, EMR.AmazonElasticMapReduceException, "
        "States.ALL, States.TaskFailed, States.Timeout"
    )
    assert found(daily) == [f"Catalogue: Catch: error EMR.ThrottlingException is not one of {known}"]


def test_more_functions_than_step_functions_takes(daily: dict[str, Any]) -> None:
    nested = "$.day"
    for _ in range(11):
        nested = f"States.Format('{{}} of States.', {nested})"
    daily["States"]["WriteMessage"]["Parameters"]["message.$"] = nested
    assert found(daily) == ["WriteMessage: Parameters: 11 intrinsic functions in one value, at most 10"]


def test_too_large(daily: dict[str, Any]) -> None:
    daily["Comment"] = "x" * 1024 * 1024
    (fault,) = found(daily)
    assert "at most 1048576" in fault


@pytest.mark.parametrize("state", ["Maintain", "MarkPublished", "RecordCluster", "TerminateCluster"])
def test_failure_that_nothing_catches_misses_the_end_of_the_cluster(daily: dict[str, Any], state: str) -> None:
    caught = daily["States"][state].pop("Catch")
    assert caught[0]["ErrorEquals"] == ["States.ALL"]
    assert f"{state}: a failure of it misses the end of the cluster" in found(daily)


def test_catch_of_one_error_in_a_branch_is_not_enough(daily: dict[str, Any]) -> None:
    states = daily["States"]["AtOnce1"]["Branches"][0]["States"]
    states["ExtractLoans"]["Catch"][0]["ErrorEquals"] = ["States.Timeout"]
    assert found(daily) == ["AtOnce1 > ExtractLoans: a failure of it misses the end of the cluster"]


def test_branch_that_ends_in_a_failure(daily: dict[str, Any]) -> None:
    states = daily["States"]["AtOnce1"]["Branches"][0]["States"]
    states["ExtractLoansFailed"] = {"Type": "Fail", "Error": "x", "Cause": "y"}
    assert "AtOnce1 > ExtractLoansFailed: a failure of it misses the end of the cluster" in found(daily)


def test_path_that_only_a_map_or_a_comparison_reads_was_written(machines: dict[str, Any]) -> None:
    reaper = copy.deepcopy(machines["reaper"])
    reaper["States"]["EndUnrecorded"]["ItemSelector"]["name.$"] = "$.ended.nothing"
    reaper["States"]["MayListMore"]["Choices"][0] |= {"NumericLessThanPath": "$.page.count"}
    assert faults(reaper, given=INPUTS["reaper"]) == [
        "EndUnrecorded: $.ended.nothing is not written on every way to it",
        "MayListMore: $.page.count is not written on every way to it",
    ]
