"""What Admin refuses to start with, beyond what each setting says by itself."""

import pytest

from artstore.admin.settings import AdminSettings
from artstore.kernel.settings import load


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PORT": "8000",
        "REDIS_URL": "redis://localhost",
        "DATABASE_URL": "postgresql+psycopg://u@localhost/x",
        "KEY_PASSPHRASE": "correct horse battery staple",
        "SERVICE_CLIENT_ID": "services",
        "SERVICE_CLIENT_SECRET": "x" * 20,
    }.items():
        monkeypatch.setenv(f"ARTSTORE_ADMIN_{name}", value)


class TestKeys:
    @pytest.mark.parametrize(
        ("rotation", "grace", "token"),
        [("86400", "5184000", "3600"), ("300", "0", "86400"), ("86400", str(49 * 86400), "3600")],
    )
    def test_more_than_may_be_good_at_once(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        rotation: str,
        grace: str,
        token: str,
    ) -> None:
        """The schedule would stand still, and no key would be followed by another."""
        monkeypatch.setenv("ARTSTORE_ADMIN_KEY_ROTATION_SECONDS", rotation)
        monkeypatch.setenv("ARTSTORE_ADMIN_KEY_GRACE_SECONDS", grace)
        monkeypatch.setenv("ARTSTORE_ADMIN_TOKEN_SECONDS", token)
        with pytest.raises(SystemExit):
            load(AdminSettings)
        assert "key_rotation_seconds is too short" in capsys.readouterr().err

    def test_as_many_as_may(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARTSTORE_ADMIN_KEY_ROTATION_SECONDS", "86400")
        monkeypatch.setenv("ARTSTORE_ADMIN_KEY_GRACE_SECONDS", str(49 * 86400 - 10))
        assert load(AdminSettings).key_times().published == 50

    def test_the_defaults_need_few(self) -> None:
        assert load(AdminSettings).key_times().published == 2
