"""Completion (``dir``, Tab) of every public class offers the names documented for users alone.

Names that a class takes from another library's base (an exception's ``args``, a future's
``set_result``) are that library's, and left out.
"""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Final

import pytest

import jobactors as ja

# Names documented for users.
USERS: Final = {
    "Abandoned": "",
    "After": "job when",
    "Answer": "FINISHED STOPPED UNHEARD",
    "ArgumentProblem": "path severity text",
    "ArgumentsInvalid": "problems type",
    "AttemptLost": "error",
    "ClusterLost": "",
    "DaskRunner": (
        "address allow_restart can_abandon capacity client keep kill_workers name pack_message "
        "resources run shared_folder takes_slot waits_elsewhere workers"
    ),
    "Attempt": "abandon args context explain_wait function kwargs options started",
    "Runner": "can_abandon name run takes_slot",
    "AlreadyStarted": "",
    "BlockContext": (
        "acquire attempt cancel_checker cancel_event cancel_requested check checkpoint errors "
        "id inbox log name part progress_callback release set_result subject type "
        "wait_cancel_requested work_file work_folder write_log"
    ),
    "Bar": (
        "after end job_id lane name row seconds_at_work spans stages start started state subject "
        "type"
    ),
    "Batch": (
        "cancel counts delete discard done errors id jobs name pause progress restart_failed "
        "result results resume snapshot state system"
    ),
    "BatchSnapshot": (
        "by_state cancelled counted cut_off elapsed ended ends error failed id is_open is_paused "
        "lost name progress started_at state stopped_at subject submitted succeeded total type "
        "unread"
    ),
    "Chain": "check label name options phases run run_sync to_json to_python",
    "ChainFailed": "result",
    "ChainInvalid": "problems",
    "ChainProblem": "path phase places severity text",
    "ChainResult": (
        "completed errors message notes phases reason results resumed skipped status "
        "stopped_at success"
    ),
    "Checkpoint": (
        "created_at error_count errors fraction in_words items job_id part percent saved_at "
        "subject type value"
    ),
    "CheckpointFound": "",
    "Cron": "after in_words text zone",
    "Deadlock": "circle job_id",
    "DisplayHook": "mimebundle started",
    "DuplicateJob": "job_id key",
    "Durations": "count longest p50 p90 p99 total",
    "EngineFailed": "",
    "ErrorText": "message of traceback type",
    "Event": "at job_id",
    "EventRow": "at detail job_id kind",
    "Every": "items seconds",
    "Forever": "result",
    "Group": (
        "as_executor cancel counts delete discard done errors id jobs map name options pause "
        "progress restart_failed result results resume run snapshot state submit system"
    ),
    "Holding": "job_id operation units",
    "IllegalMove": "job_id",
    "IllegalVerb": "job_id",
    "Inbox": "drain receive receive_in_thread receive_nowait unread",
    "Interval": "after anchor in_words seconds",
    "ItemError": "error item",
    "Job": (
        "add_done_callback arguments ask cancel delete discard done events exception hold id "
        "info is_new jobs log_lines logs name pause release remove_done_callback restart result "
        "resume set_operation snapshot state stored tell to_dict update wait"
    ),
    "JobCancelled": "job_id partial reason",
    "JobCancelling": "at job_id reason",
    "JobContext": (
        "acquire attempt cancel_checker cancel_event cancel_requested check checkpoint errors "
        "id inbox log name part progress_callback release subject type wait_cancel_requested "
        "work_file work_folder write_log"
    ),
    "JobFailed": "job_id",
    "JobFinished": "at job_id outcome",
    "JobFuture": "job",
    "JobInfo": (
        "batch batch_size continues description from_checkpoint icon id index item key label "
        "label_to_save metadata name occurrence priority schedule subject submitted_at tags type"
    ),
    "JobInterrupted": "job_id reason",
    "JobLogged": "at cut job_id total",
    "JobPaused": "at job_id",
    "JobProgressed": "at job_id progress",
    "JobQueued": "at info job_id waiting",
    "JobRead": "at job_id",
    "JobRemoved": "at job_id unread why",
    "JobRequested": "at job_id reason request",
    "JobRequeued": "at job_id waiting",
    "JobRestated": "at job_id snapshot",
    "JobResumed": "at job_id",
    "JobRetried": "at due error job_id",
    "JobSnapshot": (
        "attempt changed_at due due_time elapsed error explanation finished_at finished_time id "
        "info keys log_cut log_lines name outcome paused_for progress read reason request runner "
        "started_at started_time state stuck subject submitted_time to_dict type waiting waits_for "
        "where"
    ),
    "JobStarted": "at attempt job_id runner where",
    "JobState": (
        "CANCELLED CANCELLING FAILED INTERRUPTED PAUSED QUEUED RUNNING SUCCEEDED is_active "
        "is_terminal"
    ),
    "JobStopped": "at job_id outcome",
    "JobStuck": "at job_id",
    "JobTimedOut": "job_id",
    "JobType": (
        "aliases category check description function icon label label_for name needs options "
        "problems schema title unique validate"
    ),
    "JobUpdated": "at info job_id",
    "JobWaiting": "at due job_id reason waiting waits_for",
    "JobactorsError": "",
    "Jobs": (
        "active add_template as_executor batch batches cancel checkpoints clear close "
        "drop_checkpoint drop_checkpoints forever get graph group history hold_dispatch latest "
        "list map merge metrics name on_change on_event options part_files queue registry "
        "release_dispatch resources resumable run scale schedule schedules select serve stats "
        "store submit subscribe template templates timeline vacuum"
    ),
    "JobsClosed": "",
    "JobsExecutor": "",
    "JobsServer": "close job login_url token url",
    "JobGraph": "caption critical_path edges html layers to_dict",
    "JobNode": "after job_id name seconds state",
    "JobMetrics": (
        "attempts cancelled ended failed items items_per_second of paused retries run succeeded "
        "success_rate to_dict waits"
    ),
    "JobsStatistics": (
        "by_state cancelled cancelling failed interrupted paused pruned_unread queued running "
        "succeeded total unread"
    ),
    "Keep": "age by_state by_type events jobs",
    "Limits": "cpu memory",
    "MailboxFull": "job_id",
    "MemoryStore": (
        "apply checkpoints close documents events finished get in_loop keep name occurrences open "
        "prune unfinished vacuum work_folder"
    ),
    "Moment": "after at in_words",
    "NoAnswer": "job_id",
    "NoJobSystem": "",
    "NoStore": "",
    "NotKept": "type",
    "NotResumable": "job_id",
    "OccurrenceRow": "at count detail job_id kind schedule",
    "OpenJob": "cancel_requested cancelled complete fail id job progress write_log",
    "Options": (
        "after changed checkpoint_every description fresh grace hold icon key limits log_limit "
        "mailbox metadata name on_busy on_checkpoint on_done on_duplicate priority private "
        "resources retry runner start_at start_deadline subject tags timeout"
    ),
    "Outcome": "answer cause_id error exception reason state value",
    "Phase": "after arguments enabled id name needs runner waiting weight work",
    "PhaseResult": "errors kept_from_before name status value",
    "Metrics": "prometheus to_csv to_dict",
    "Progress": "counters done fraction message pausable percent rate stages time_left total unit",
    "Question": "fail is_answered message reply",
    "Range": "as_text count file from_text index open part slice start stop track",
    "RangesUnfinished": "parts",
    "Reply": "is_answered result",
    "Request": "CANCEL INTERRUPT PAUSE RESUME TIME_OUT",
    "ResourceBusy": "holders name",
    "Rate": "count per",
    "ResourceState": "busy capacity free holders name per used",
    "ResourceStates": "is_busy",
    "ResultNotKept": "job_id",
    "Resumable": (
        "at changed discard fraction has_checkpoint in_words items job_id name obstacle part "
        "resume start_fresh state subject type"
    ),
    "Retention": "age by_type jobs read result_bytes",
    "Retry": "base delay_after factor jitter longest max on",
    "Schedule": ("history name next pause preview remove resume run_now state update"),
    "ScheduleDraft": "options submit",
    "ScheduleList": "",
    "ScheduleState": (
        "failures in_memory in_words label last missed name next reason rule runs standing subject "
        "type unfinished zone"
    ),
    "Selection": "cancel delete discard hold pause release resume",
    "Snooze": "delay",
    "Span": "end seconds start state waiting",
    "SqliteStore": (
        "apply apply_now busy_timeout checkpoints close documents events finished get in_loop keep "
        "last_written name occurrences open path prune quick unfinished vacuum work_folder"
    ),
    "StageSpan": "end label start",
    "Store": (
        "apply checkpoints close documents events finished get name occurrences open prune "
        "unfinished vacuum work_folder"
    ),
    "StoreBusy": "owner store",
    "StoreDamaged": "store",
    "StoreError": "store",
    "StoreFailed": "cure store why",
    "StoreLost": "store",
    "StoreState": "lost name offer trouble",
    "StoreTooNew": "store",
    "Submitter": "as_executor map options run submit",
    "SubscriberLagged": "",
    "Subscription": "close focus rest statistics",
    "SubscriptionStatistics": "backlog conflated cut_off delivered",
    "Template": ("arguments changed_at name options problem remove submit to_dict type update"),
    "TemplateList": "",
    "Timeline": "caption critical_path html lanes left_out now to_dict",
    "TooMuch": "name",
    "UnknownJob": "job_id",
    "UnknownJobType": "is_template known meant name",
    "UnknownSchedule": "known name",
    "UnknownTemplate": "known name",
    "ValueRefused": "cure store which why",
    "Waiting": "CLUSTER DEPENDENCY HOLD RATE RESOURCE RETRY SLOT START_TIME STORE",
    "WorkerDied": "exitcode",
    "WrongLoop": "",
    "WrongProcess": "",
    "WrongThread": "",
    "tqdm": (
        "clear close desc disable display initial iterable leave n postfix refresh reset "
        "set_description set_description_str set_postfix set_postfix_str total unit "
        "unit_scale unpause update write"
    ),
}


def public_classes() -> dict[str, type]:
    """Return the classes among the package's public names."""
    found = {name: getattr(ja, name) for name in ja.__all__}
    return {name: value for name, value in found.items() if inspect.isclass(value)}


def names_of(cls: type) -> set[str]:
    """Return the names that complete on an instance of ``cls``, without other libraries'."""
    ours = [base for base in cls.__mro__ if base.__module__.startswith("jobactors")]
    theirs = {name for base in cls.__mro__ if base not in ours for name in vars(base)}
    names = {name for base in ours for name in (*vars(base), *_assigned(base))} - theirs
    return {name for name in names if not name.startswith("_")}


def _assigned(cls: type) -> set[str]:
    """Return the attributes that a class gives its instances one by one, as ``self.name = …``."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


@pytest.mark.parametrize("name", public_classes())
def test_a_public_class_completes_to_its_documented_names(name: str) -> None:
    found = names_of(public_classes()[name])
    if issubclass(public_classes()[name], ja.Event):
        found -= {"leads_to"}  # documented once, for all events
    assert sorted(found) == sorted(USERS[name].split())


def test_no_class_is_listed_that_is_not_public() -> None:
    assert sorted(USERS) == sorted(public_classes())


@pytest.mark.parametrize(
    "part",
    [
        ja.current_job(),
        ja.current_job().inbox,
        ja.track([1]),
        ja.stage("one"),
        ja.batches([1]),
        ja.tracked("block"),
        ja.current_job().check(),
        ja.current_job().wait_cancel_requested(),
    ],
    ids=lambda part: type(part).__name__,
)
def test_what_a_job_holds_completes_to_documented_names(part: object) -> None:
    """Also the objects whose classes have no public name."""
    offered = {name for name in dir(part) if not name.startswith("_")}
    known = {"JobContext": USERS["JobContext"], "Inbox": USERS["Inbox"], "CancelRequest": "result"}
    assert offered == set(known.get(type(part).__name__, "").split())
