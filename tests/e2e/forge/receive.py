"""The post-receive hook of a forge's repository: what GitHub does with a push, as far as a workflow can see it.

It checks the pushed commit out, writes the push event, and runs the workflows of that commit with act on this machine,
one push after the other. Git has taken the commits by then, whatever the run comes to.
"""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

_NONE = "0" * 40


def main(settings_path: Path) -> int:
    """Run the workflows for every pushed branch; 0 when all runs succeeded."""
    settings = json.loads(settings_path.read_text())
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
    results = []
    for line in sys.stdin:
        before, after, ref = line.split()
        if ref.startswith("refs/heads/") and after != _NONE:
            results.append(run(settings, before, after, ref))
    return max(results, default=0)


def run(settings: dict, before: str, after: str, ref: str) -> int:
    """One run in a numbered folder: the checkout, the event, act's log."""
    runs = Path(settings["runs"])
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / "lock").open("w") as lock:
        # act does not know `concurrency`.
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = runs / str(sum(1 for path in runs.iterdir() if path.is_dir()) + 1)
        source = folder / "source"
        check_out(settings, source, after, ref)
        event = folder / "event.json"
        event.write_text(json.dumps(push_event(settings["repository"], source, before, after, ref)))
        with (folder / "log.jsonl").open("wb") as log, (folder / "errors.txt").open("wb") as errors:
            code = subprocess.run(
                act(settings, folder, event),
                cwd=source,
                env=settings["environment"],
                stdout=log,
                stderr=errors,
                check=False,
            ).returncode
        (folder / "code").write_text(str(code))
    return code


def check_out(settings: dict, source: Path, after: str, ref: str) -> None:
    """Clone as a runner sees it: on the branch, with the address by which act finds out the repository's name."""
    git = ("git", "-C", source)
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", settings["bare"], source], check=True)
    subprocess.run([*git, "checkout", "--quiet", "-B", ref.removeprefix("refs/heads/"), after], check=True)
    subprocess.run(
        [*git, "remote", "set-url", "origin", f"https://github.com/{settings['repository']}.git"], check=True
    )


def push_event(repository: str, source: Path, before: str, after: str, ref: str) -> dict:
    """The payload of a push, in the fields that workflows read."""
    span = after if before == _NONE else f"{before}..{after}"
    listed = subprocess.run(
        ["git", "-C", source, "log", "--reverse", "--format=%H%x09%an%x09%s", span],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    commits = [
        {"id": sha, "author": {"name": author}, "message": message}
        for sha, author, message in (line.split("\t", 2) for line in listed.splitlines())
    ]
    return {
        "ref": ref,
        "before": before,
        "after": after,
        "repository": {"full_name": repository, "default_branch": "main"},
        "pusher": {"name": "someone"},
        "head_commit": commits[-1],
        "commits": commits,
    }


def act(settings: dict, folder: Path, event: Path) -> list[str]:
    """The command line: on the host, offline, remote actions from folders, one JSON line an event."""
    command = [settings["act"], "push", "--eventpath", str(event), "--json", "--rm", "--no-cache-server"]
    command += ["--action-offline-mode", "--workflows", settings["workflows"] or ".github/workflows"]
    for label in settings["labels"]:
        command += ["--platform", f"{label}=-self-hosted"]
    for action, place in settings["actions"].items():
        command += ["--local-repository", f"{action}={place}"]
    command += ["--secret-file", settings["secrets"], "--env", f"FORGE_ARTIFACTS={folder / 'artifacts'}"]
    return command


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
