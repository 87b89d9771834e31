"""Settings: the environment, secret files, defaults, and refusals that a person can act on."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from artstore.kernel.settings import ServiceSettings, load


class ExampleSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="ARTSTORE_EXAMPLE_")

    database_url: SecretStr


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PORT": "8020",
        "REDIS_URL": "redis://:pass@localhost",
        "ADMIN_URL": "http://admin.example:8000/",
        "DATABASE_URL": "postgresql+psycopg://u:secret@localhost/x",
    }.items():
        monkeypatch.setenv(f"ARTSTORE_EXAMPLE_{name}", value)


class TestDefaults:
    def test_addresses(self) -> None:
        settings = load(ExampleSettings)
        assert settings.public_url == "http://127.0.0.1:8020"
        assert settings.admin_url == "http://admin.example:8000"
        assert settings.issuer == settings.admin_url

    def test_ipv6(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARTSTORE_EXAMPLE_HOST", "::1")
        assert load(ExampleSettings).public_url == "http://[::1]:8020"

    def test_empty_means_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARTSTORE_EXAMPLE_SHUTDOWN_SECONDS", "")
        assert load(ExampleSettings).shutdown_seconds == 10

    def test_given_ones_win(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARTSTORE_EXAMPLE_PUBLIC_URL", "https://files.example/")
        monkeypatch.setenv("ARTSTORE_EXAMPLE_ISSUER", "https://issuer.example")
        settings = load(ExampleSettings)
        assert settings.public_url == "https://files.example"
        assert settings.issuer == "https://issuer.example"


class TestCollector:
    @pytest.mark.parametrize("address", ["http://127.0.0.1:4318", "https://[::1]/base/", "http://collector/"])
    def test_address(self, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        monkeypatch.setenv("ARTSTORE_EXAMPLE_OTLP_ENDPOINT", address)
        assert load(ExampleSettings).otlp_endpoint == address.rstrip("/")

    def test_none(self) -> None:
        assert load(ExampleSettings).otlp_endpoint == ""

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1:4318",
            "grpc://collector:4317",
            "http://",
            "http://u:hunter2@collector",
            "http://collector/?token=hunter2",
            "http://collector/#hunter2",
            "http://[hunter2]/",
            "http://collector:hunter2",
        ],
    )
    def test_bad_address(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str
    ) -> None:
        monkeypatch.setenv("ARTSTORE_EXAMPLE_OTLP_ENDPOINT", address)
        with pytest.raises(SystemExit):
            load(ExampleSettings)
        told = capsys.readouterr().err
        assert told.startswith("artstore: bad settings: ARTSTORE_EXAMPLE_OTLP_ENDPOINT: ")
        assert "hunter2" not in told


class TestSecrets:
    def test_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("ARTSTORE_EXAMPLE_DATABASE_URL")
        (tmp_path / "artstore_example_database_url").write_text("postgresql+psycopg://from-file\n")
        monkeypatch.setenv("ARTSTORE_SECRETS_DIR", str(tmp_path))
        assert load(ExampleSettings).database_url.get_secret_value() == "postgresql+psycopg://from-file"

    def test_are_not_printed(self) -> None:
        assert "secret" not in repr(load(ExampleSettings))


class TestRefusal:
    def test_names_the_variable_and_not_its_value(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("ARTSTORE_EXAMPLE_PORT", "hunter2")
        monkeypatch.delenv("ARTSTORE_EXAMPLE_REDIS_URL")
        with pytest.raises(SystemExit) as exit_:
            load(ExampleSettings)
        assert exit_.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        assert [line.split(":")[2].strip() for line in lines] == [
            "ARTSTORE_EXAMPLE_PORT",
            "ARTSTORE_EXAMPLE_REDIS_URL",
        ]
        assert "hunter2" not in "".join(lines)

    def test_secrets_folder_that_is_not_there(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("ARTSTORE_SECRETS_DIR", str(tmp_path / "nowhere"))
        with pytest.raises(SystemExit) as exit_:
            load(ExampleSettings)
        assert exit_.value.code == 2
        assert "ARTSTORE_SECRETS_DIR" in capsys.readouterr().err
