"""Switches of what goes wrong on the local AWS; each strikes so many times and is off again."""

from collections import Counter
from threading import Lock

STEP_FAULTS = ("kill_step", "hold_step")  # SIGKILL, SIGSTOP, as soon as the step's process runs
BOOT_FAULTS = {  # and the reason that EMR gives
    "fail_boot": ("BOOTSTRAP_FAILURE", "On the master instance, application provisioning failed"),
    "refuse_boot": ("VALIDATION_ERROR", "The subnet has not enough free addresses"),
}
STACK_FAULTS = ("start_late",)  # CloudFormation begins what it was told only when somebody has looked
LOST = "lose_cluster"  # EMR makes it, and its answer does not arrive
TABLE_FAULTS = ("refuse_taken", "lose_answer")  # Glue takes a commit and says that it did not, or nothing
_pending: Counter[tuple[str, str]] = Counter()  # (fault, name of the job or table or nothing)
_lock = Lock()


def switch_on(fault: str, name: str, times: int) -> None:
    with _lock:
        _pending[fault, name] = times


def clear() -> list[str]:
    """What has not struck as often as it was to."""
    with _lock:
        left = [" ".join(each) for each, times in _pending.items() if times]
        _pending.clear()
        return left


def strikes(fault: str, name: str = "") -> bool:
    """Whether it hits what has this name, or one that begins with it; counts as one time."""
    with _lock:
        for each, prefix in _pending:
            if each == fault and name.startswith(prefix) and _pending[each, prefix] > 0:
                _pending[each, prefix] -= 1
                return True
    return False
