"""Published tables against each other: the rules that only a join can see, in a Spark session of dagster-pyspark."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import dagster as dg
from emr_jobs.contracts import PARTITION_COLUMN, Contract
from emr_jobs.contracts.load import PLACEHOLDER
from emr_jobs.contracts.model import Bound, Query
from emr_jobs.core.errors import Remedy, samples
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain, domain_of
from emr_jobs.frame.session import table_name

from pipeline_assets.checks.spark import spark_session
from pipeline_assets.checks.verdict import Results, Verdict, check_spec, result, selected
from pipeline_assets.remedies import Place, place_of

if TYPE_CHECKING:
    from emr_jobs.publish.audit import Statement
    from pyspark.sql import SparkSession

AGREES = "agrees_with_inputs"
_PROVES = (
    "The published day still holds {} against the published days of {}: none of them was run again alone. "
    "Joins them in a Spark session. When it fails: `{}`."
)


@dataclass(frozen=True)
class Answer:
    rule: str
    bound: Bound
    number: float
    shown: tuple[object, ...] = ()

    @property
    def passed(self) -> bool:
        return self.bound.allows(self.number)

    def __str__(self) -> str:
        return f"{self.rule} {self.number:g}{samples(self.shown)}"


def join_checks(settings: Settings, partitions: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    found, place = domain_of(settings), place_of(settings)
    tables = [table for table in found.tables if _rules(table)]

    @dg.multi_asset_check(
        name="published_joins",
        specs=[check_spec(each, AGREES, _proves(each, place), partitions) for each in tables],
        can_subset=True,
        compute_kind="pyspark",
    )
    def published_joins(context: dg.AssetCheckExecutionContext) -> Results:
        with spark_session(settings, name=f"published_joins {context.partition_key}") as spark:
            for contract in selected(context, tables):
                answers = answers_of(spark, found, contract, context.partition_key)
                verdict = judge_rules(answers)
                yield result(contract, AGREES, verdict, partition=context.partition_key, place=place)

    return published_joins


def _proves(contract: Contract, place: Place) -> str:
    again = place.command("<day>", contract.id)
    return _PROVES.format(", ".join(_rules(contract)), ", ".join(contract.upstream), again)


def _rules(contract: Contract) -> dict[str, "Statement"]:
    """The contract's own SQL that blocks and names other datasets, by the check's name."""
    from emr_jobs.publish.audit import compiled

    wanted = [
        check
        for check in contract.checks
        if check.blocking and isinstance(check.rule, Query) and set(PLACEHOLDER.findall(check.rule.sql)) - {contract.id}
    ]
    return {check.name: statement for check in wanted if (statement := compiled(check, contract)) is not None}


def answers_of(spark: "SparkSession", found: Domain, contract: Contract, partition: str) -> list[Answer]:
    """What each rule of the contract gives on the published day."""
    from emr_jobs.publish.audit import view_name

    for dataset in (contract.id, *contract.upstream):
        day = spark.table(table_name(spark, found.contracts[dataset])).where(f"{PARTITION_COLUMN} = DATE'{partition}'")
        day.createOrReplaceTempView(view_name(dataset))
    answers = []
    for rule, statement in _rules(contract).items():
        # SQL of the contracts and nothing else
        row = spark.sql(f"SELECT CAST(({statement.sql}) AS DOUBLE) AS number").first()
        assert row is not None, "a SELECT without FROM has one row"
        answer = Answer(rule, statement.bound, row.number)
        if not answer.passed and statement.samples_sql:
            shown = spark.sql(statement.samples_sql).collect()
            answer = replace(answer, shown=tuple(each[0] for each in shown))
        answers.append(answer)
    return answers


def judge_rules(answers: Sequence[Answer]) -> Verdict:
    failed = [answer for answer in answers if not answer.passed]
    return Verdict(
        passed=not failed,
        expected=", ".join(f"{answer.rule} {answer.bound}" for answer in answers),
        found=", ".join(map(str, failed or answers)),
        fix="An input was published again, or a table changed by hand.",
        remedy=Remedy.RERUN,
        numbers={answer.rule: answer.number for answer in answers},
    )
