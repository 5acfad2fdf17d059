"""weighbridge api-keys: a key is shown once, and never again."""

import pytest

from evaluation.errors import ExitCode
from mlops.cli.main import main
from mlops.serving.access.keys import PATTERN, KeyFile, Keyring

POLICY = """\
model: lending
data: {train: train.csv, evaluate: holdout.csv, target: default}
train: train:train
gate: {checks: [{metric: roc_auc, at_least: 0.7}]}
"""


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("WEIGHBRIDGE_HOME", raising=False)
    (tmp_path / "weighbridge.yaml").write_text(POLICY)

    def run(*words, code=0):
        with pytest.raises(SystemExit) as left:
            main(["--project", str(tmp_path), "api-keys", *words])
        said = capsys.readouterr()
        assert left.value.code == code, said.err
        return said

    run.file = KeyFile.of(tmp_path / ".weighbridge")
    return run


def test_the_life_of_a_key(call):
    assert "no keys; next: weighbridge api-keys create" in call("list").out
    said = call("create", "--name", "shop", "--scope", "predict", "--scope", "feedback", "--expires", "90d")
    key = said.out.strip()
    assert PATTERN.fullmatch(key)
    assert key not in said.err
    assert "no server asks for it yet" in said.err
    assert Keyring(call.file.read()).check(key, 0).id == f"key:{key[3:15]}"
    listed = call("list").out
    assert "shop" in listed
    assert key[3:15] in listed
    assert "feedback, predict" in listed
    assert "in use" in listed
    assert key[16:] not in listed
    assert "counts no more" in call("revoke", key[3:15]).out
    assert "revoked" in call("list").out


def test_what_was_revoked_must_be_there(call):
    said = call("revoke", "0" * 12, code=ExitCode.USER_ERROR)
    assert "no key has this id" in said.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--scope", "predict"), "--name"),
        (("--name", "shop"), "--scope"),
        (("--name", "shop", "--scope", "all"), "'predict'"),
        (("--name", "a\nb", "--scope", "predict"), "cannot be a key's name"),
        (("--name", "shop", "--scope", "predict", "--expires", "soon"), "--expires soon"),
        (("--name", "shop", "--scope", "predict", "--expires", "0d"), "--expires 0d"),
        (("--name", "shop", "--scope", "predict", "--expires", "999999999d"), "--expires"),
    ],
)
def test_what_does_not_fit_makes_no_key(call, words, complaint):
    assert complaint in call("create", *words, code=ExitCode.USER_ERROR).err
    assert call.file.read() == ()
