"""Where settings come from, and what is said of wrong ones."""

import os
from pathlib import Path

import pytest

from cortex_cli.errors import SetupError, UsageError
from cortex_cli.settings import Settings, load_settings, state_folder


def test_the_environment_goes_before_the_root_and_the_root_before_the_user(tmp_path: Path) -> None:
    user = tmp_path / "config"
    (user / "cortex").mkdir(parents=True)
    (user / "cortex" / "config.toml").write_text('color = "never"\nmax_parallel = 2\n')
    root = tmp_path / "root"
    root.mkdir()
    (root / "cortex.toml").write_text("max_parallel = 3\n")
    environ = {"XDG_CONFIG_HOME": str(user)}
    assert load_settings(environ, None) == Settings(color="never", max_parallel=2)
    assert load_settings(environ, root).max_parallel == 3
    given = {**environ, "CORTEX_MAX_PARALLEL": "4", "CORTEX_HOME": "/x", "CORTEX_COLOR": ""}
    assert load_settings(given, root) == Settings(color="never", max_parallel=4)


def test_nothing_set_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings({"HOME": str(tmp_path)}, tmp_path / "gone") == Settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1", "there is no setting 'colour'; did you mean 'color'?"),
        ('color = "blue"', "'blue' is no value for the setting 'color'"),
        ("color =", "not valid TOML"),
        (f"max_parallel = {'1' * 5_000}", "not valid TOML: Exceeds the limit"),
        (f"max_parallel = {'[' * 5_000}", "not valid TOML: its values are nested too deeply"),
    ],
)
def test_a_wrong_setting_names_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "cortex.toml").write_text(text)
    with pytest.raises(UsageError) as raised:
        load_settings({"HOME": str(tmp_path)}, tmp_path)
    assert message in str(raised.value)
    assert "cortex.toml" in str(raised.value)


def test_a_wrong_variable_names_itself(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="CORTEX_MAX_PARALLEL: '0'"):
        load_settings({"HOME": str(tmp_path), "CORTEX_MAX_PARALLEL": "0"}, None)


def test_a_file_that_cannot_be_read_is_an_error_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "cortex.toml").mkdir()
    with pytest.raises(SetupError, match="cannot be read"):
        load_settings({"HOME": str(tmp_path)}, tmp_path)


def test_a_pipe_in_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "cortex.toml")
    with pytest.raises(SetupError, match="cannot be read: it is not a file"):
        load_settings({"HOME": str(tmp_path)}, tmp_path)


def test_settings_of_more_than_a_mebibyte_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "cortex.toml").write_text("#" * (1024 * 1024 + 1))
    with pytest.raises(SetupError, match="larger than 1 MiB"):
        load_settings({"HOME": str(tmp_path)}, tmp_path)


def test_the_state_folder_follows_cortex_home_then_xdg_then_home() -> None:
    home = {"HOME": "/home/me"}
    assert state_folder(home) == Path("/home/me/.local/state/cortex")
    assert state_folder({**home, "XDG_STATE_HOME": "/state"}) == Path("/state/cortex")
    assert state_folder({**home, "XDG_STATE_HOME": "relative"}) == state_folder(home)
    assert state_folder({**home, "CORTEX_HOME": "/mine"}) == Path("/mine")
    assert state_folder({}) == Path.home() / ".local/state/cortex"


def test_servers_of_both_files_are_known_and_the_nearer_one_wins(tmp_path: Path) -> None:
    root, user = tmp_path / "root", tmp_path / ".config" / "cortex"
    root.mkdir()
    user.mkdir(parents=True)
    (user / "config.toml").write_text(
        '[mcp.servers.mine]\ncommand = "a"\n[mcp.servers.both]\ncommand = "b"\nargs = ["x"]\n'
    )
    (root / "cortex.toml").write_text('[mcp.servers.both]\nurl = "http://h/"\n')
    servers = load_settings({"HOME": str(tmp_path)}, root).mcp.servers
    assert servers["mine"].command == "a"
    assert (servers["both"].url, servers["both"].args) == ("http://h/", ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mcp = 1", "'1' is no value for the setting 'mcp'"),
        ("[mcp]\nservers = 1", "'1' is no value for the setting 'mcp.servers'"),
        ("[mcp]\nserver = 1", "there is no setting 'mcp.server'"),
        ("[mcp.servers.a]\n", "a server has either a 'command' or a 'url'"),
        ('[mcp.servers."a.b"]\ncommand = "x"', "is no value for the setting 'mcp.servers.a.b"),
        ("[mcp.servers.a]\ncommand = 'x'\nsecrets = {A = {}}", "taken from exactly one of"),
    ],
)
def test_a_server_that_is_wrong_names_its_place(tmp_path: Path, text: str, message: str) -> None:
    user = tmp_path / ".config" / "cortex"
    user.mkdir(parents=True)
    (user / "config.toml").write_text("[mcp.servers.fine]\ncommand = 'x'\n")
    (tmp_path / "cortex.toml").write_text(text)
    with pytest.raises(UsageError) as raised:
        load_settings({"HOME": str(tmp_path)}, tmp_path)
    assert message in str(raised.value)
    assert "cortex.toml" in str(raised.value)
