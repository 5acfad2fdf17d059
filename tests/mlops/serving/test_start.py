"""When a server refuses to start: one message, and the exit code that the command line promises."""

import shutil
import socket
import subprocess
import sys

import pytest


def start_in_vain(bundle, folder, *options):
    command = [sys.executable, "-m", "mlops.serving", str(bundle), "--log-dir", str(folder / "log"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


class TestRefusesToStart:
    def test_no_bundle(self, tmp_path):
        code, message = start_in_vain(tmp_path / "nothing", tmp_path, "--port", "0")
        assert code == 3
        assert message.startswith("error: ")
        assert "is not a bundle" in message
        assert "next:" in message

    @pytest.mark.parametrize(
        ("file", "text", "found"),
        [
            ("decision.json", ('"verdict":"pass"', '"verdict":"fail"'), "was changed"),
            ("model/MLmodel", ("mlflow_version", "mlflow_versioN"), "not the ones"),
        ],
    )
    def test_a_bundle_that_was_changed(self, tmp_path, bundle, file, text, found):
        shutil.copytree(bundle.path, tmp_path / "bundle")
        changed = tmp_path / "bundle" / file
        changed.write_text(changed.read_text().replace(*text))
        code, message = start_in_vain(tmp_path / "bundle", tmp_path, "--port", "0")
        assert code == 3
        assert found in message

    def test_a_port_that_is_taken(self, tmp_path, bundle):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = str(other.getsockname()[1])
            code, message = start_in_vain(bundle.path, tmp_path, "--port", port)
        assert code == 4
        assert f"cannot listen on 127.0.0.1:{port}" in message

    def test_a_log_that_cannot_be_written(self, tmp_path, bundle):
        (tmp_path / "log").write_text("")
        code, message = start_in_vain(bundle.path, tmp_path, "--port", "0")
        assert code == 4
        assert "the request log cannot be written" in message

    @pytest.mark.parametrize(
        ("options", "code"),
        [
            (("--host", "203.0.113.7", "--port", "0", "--open"), 4),
            (("--host", "no such host", "--port", "0", "--open"), 4),
            (("--port", "70000"), 3),
            (("--serve", '{"max_body_kb": 0}'), 3),
            (("--serve", '{"max_rows": 10}'), 3),
            (("--drain-s", "nan"), 3),
            (("--port", "many"), 3),
            (("--prot", "80"), 3),
        ],
    )
    def test_options_that_cannot_be(self, tmp_path, bundle, options, code):
        found, message = start_in_vain(bundle.path, tmp_path, *options)
        assert found == code
        assert "error:" in message


def test_the_help_is_quick_to_import():
    code = "import sys, mlops.serving.command; sys.exit(bool({'fastapi', 'mlflow', 'polars'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
