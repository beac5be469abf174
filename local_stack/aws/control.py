"""The switches of the local AWS over HTTP: what fails, what time it is for the schedules.

PUT {"throttle": "describe_step", "times": 3}      the next three such calls are refused
PUT {"kill_step": JOB, "times": 1}                 the next such step is killed; hold_step stops it for good
PUT {"refuse_taken": TABLE, "times": 1}            the next such commit of Glue is taken and refused; lose_answer: 500
PUT {"fail_boot": 2}                               the next two clusters do not come up; refuse_boot: are refused;
                                                   lose_cluster: are made, and the answer is a 500
PUT {"start_late": STACK, "times": 1}              its next change or end begins only after somebody has looked at it
PUT {"clear": true}                                nothing fails any more; answers what has not struck yet
PUT {"clock": T}, PUT {"advance_to": T}            the schedules' time; the second answers what was delivered
PUT {"deliver": SCHEDULE, "at": T, "times": 1}     the delivery of that instant, again
PUT {"authorise": true}                            calls are checked against the roles they run under, until false;
                                                   answers what was refused since the last time
"""

import json
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from local_stack.aws import authorisation, emr, faults, scheduler

CLOCK = scheduler.Clock()
KNOWN = (
    "throttle",
    *faults.STEP_FAULTS,
    *faults.TABLE_FAULTS,
    *faults.STACK_FAULTS,
    *faults.BOOT_FAULTS,
    faults.LOST,
    "clear",
    "clock",
    "advance_to",
    "deliver",
    "authorise",
)


class NotKnown(Exception):
    """Says what is."""


def serve() -> str:
    """Returns its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    Thread(target=server.serve_forever, daemon=True, name="control").start()
    return f"http://127.0.0.1:{server.server_port}"


def switch(wanted: dict[str, Any]) -> Any:
    """Raises NotKnown."""
    kind, times = next((each for each in KNOWN if each in wanted), ""), wanted.get("times", 1)
    match kind:
        case "throttle" if wanted[kind] in emr.ACTIONS:
            emr.THROTTLED[wanted[kind]] = times
        case _ if kind in (*faults.STEP_FAULTS, *faults.TABLE_FAULTS, *faults.STACK_FAULTS):
            faults.switch_on(kind, wanted[kind], times)
        case _ if kind in (*faults.BOOT_FAULTS, faults.LOST):
            faults.switch_on(kind, "", wanted[kind])
        case "clear":
            left = [*faults.clear(), *(f"throttle {name}" for name, times in emr.THROTTLED.items() if times)]
            emr.THROTTLED.clear()
            return left
        case "clock":
            CLOCK.set(datetime.fromisoformat(wanted[kind]))
        case "advance_to":
            return CLOCK.advance_to(datetime.fromisoformat(wanted[kind]))
        case "deliver":
            return scheduler.deliver(wanted[kind], datetime.fromisoformat(wanted["at"]), times)
        case "authorise" if isinstance(wanted[kind], bool):
            return authorisation.enforce(wanted[kind])
        case _:
            raise NotKnown(f"{wanted}; there are {', '.join(KNOWN)}; throttle is one of {', '.join(emr.ACTIONS)}")
    return []


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            code, answer = 200, json.dumps(switch(wanted))
        except NotKnown as error:
            code, answer = 501, f"no such switch: {error}"
        except Exception as error:  # noqa: BLE001  # the server's edge
            code, answer = 500, f"{type(error).__name__}: {error}"
        body = answer.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Requests are no news."""
