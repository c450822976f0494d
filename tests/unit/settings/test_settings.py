"""Settings: which source wins, and how mistakes are told."""

from datetime import timedelta
from pathlib import Path

import pytest

from armchair.domain.errors import BadSettings
from armchair.settings import Loaded, ServeOptions, default_home, known_keys, load, shown


def loaded(tmp_path: Path, text: str = "", **environ: str) -> Loaded:
    if text:
        (tmp_path / "armchair.toml").write_text(text)
    return load(tmp_path, None, environ)


def refused(tmp_path: Path, text: str = "", **environ: str) -> dict[str, object]:
    with pytest.raises(BadSettings) as caught:
        loaded(tmp_path, text, **environ)
    return caught.value.params


def test_nothing_set_is_all_defaults(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert found.settings.gateway.listen == "127.0.0.1:8000"
    assert {origin for _, _, origin in found.rows()} == {"default"}
    assert [key for key, _, _ in found.rows()] == [key for key, _ in known_keys()]


def test_option_beats_environment_beats_file(tmp_path: Path) -> None:
    text = '[gateway]\nlisten = "127.0.0.1:1001"\nmaxconn = 5\n[accounts]\nlogin_lifetime = "2d"\n'
    variable = {"ARMCHAIR__GATEWAY__LISTEN": "127.0.0.1:1002", "ARMCHAIR__GATEWAY__MAXCONN": "6"}
    file = loaded(tmp_path, text)
    assert (file.settings.gateway.listen, file.origin("gateway.listen")) == (
        "127.0.0.1:1001",
        f"{tmp_path}/armchair.toml:2",
    )
    assert (file.settings.accounts.login_lifetime, file.origin("accounts.login_lifetime")) == (
        timedelta(days=2),
        f"{tmp_path}/armchair.toml:5",
    )
    both = loaded(tmp_path, text, **variable)
    assert (both.settings.gateway.maxconn, both.origin("gateway.maxconn")) == (6, "ARMCHAIR__GATEWAY__MAXCONN")
    option = ServeOptions(home=tmp_path, listen="127.0.0.1:1003").load(variable)
    assert (option.settings.gateway.listen, option.origin("gateway.listen")) == ("127.0.0.1:1003", "option --listen")


def test_lists_and_tables_from_the_environment(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        ARMCHAIR__GATEWAY__NETWORKS="10.0.0.0/8, 127.0.0.0/8",
        ARMCHAIR__LAUNCHERS__LOCAL__ENVIRONMENT='{"http_proxy": "http://p:1"}',
        ARMCHAIR__LAUNCHERS__LOCAL__GRACE="20s",
        ARMCHAIR__CATALOGUE__KITS_DIRECTORY="",
    )
    assert found.settings.gateway.networks == ("10.0.0.0/8", "127.0.0.0/8")
    assert found.settings.cluster_launchers()["local"][1]["environment"] == {"http_proxy": "http://p:1"}
    assert found.settings.launchers.local.grace == timedelta(seconds=20)
    assert found.settings.catalogue.kits_directory is None


def test_a_table_in_the_file_is_one_value(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[launchers.local.environment]\nA = "1"\nB = "2"\n')
    assert found.settings.launchers.local.environment == {"A": "1", "B": "2"}
    assert found.origin("launchers.local.environment").endswith(":1")


@pytest.mark.parametrize(
    ("text", "key", "line", "hint"),
    [
        ('[gateway]\nlisten = "x:1"\nmaxcon = 3\n', "gateway.maxcon", 3, "gateway.maxconn"),
        ('[gatway]\nlisten = "x:1"\n', "gatway.listen", 2, "gateway.listen"),
        ("maxconn = 3\n", "maxconn", 1, "gateway.maxconn"),
        ("[elsewhere]\nqqq = 1\n", "elsewhere.qqq", 2, "config show"),
    ],
)
def test_an_unknown_key_is_an_error_with_a_suggestion(tmp_path: Path, text: str, key: str, line: int, hint: str) -> None:
    params = refused(tmp_path, text)
    assert params["key"] == key
    assert params["origin"] == f"{tmp_path}/armchair.toml:{line}"
    assert hint in str(params["problem"])


def test_an_unknown_variable_too(tmp_path: Path) -> None:
    params = refused(tmp_path, ARMCHAIR__GATEWAY__LISTN="x")
    assert params["origin"] == "ARMCHAIR__GATEWAY__LISTN"
    assert "gateway.listen" in str(params["problem"])


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[gateway]\nmaxconn = -1\n", "gateway.maxconn"),
        ('[accounts]\nlogin_lifetime = "soon"\n', "accounts.login_lifetime"),
        ('[gateway]\nnetworks = "x"\nlisten = 5\n', "gateway.listen"),
        ("gateway = 5\n", "gateway"),
    ],
)
def test_a_bad_value_names_key_and_line(tmp_path: Path, text: str, key: str) -> None:
    params = refused(tmp_path, text)
    assert params["key"] == key
    assert str(params["origin"]).startswith(f"{tmp_path}/armchair.toml:")
    assert params["problem"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "TOML" in str(refused(tmp_path, "[gateway\n")["problem"])
    with pytest.raises(BadSettings):
        load(tmp_path, tmp_path / "absent.toml", {})


def test_values_are_shown_as_one_writes_them() -> None:
    assert shown(timedelta(hours=36)) == '"36h"'
    assert shown(timedelta(0)) == '"0s"'
    assert shown(("a", "b")) == '["a", "b"]'
    assert shown({"A": "1"}) == '{A = "1"}'
    assert shown(None) == '""'
    assert shown(1) == "1"


def test_the_home(tmp_path: Path) -> None:
    assert default_home({"ARMCHAIR_HOME": str(tmp_path)}) == tmp_path
    assert default_home({}).name == "armchair"


def test_every_setting_says_what_it_is_for() -> None:
    assert [key for key, field in known_keys() if not field.description] == []


def test_clusters_by_name(tmp_path: Path) -> None:
    text = '[launchers.local]\ngrace = "3s"\n[clusters.desk]\nlauncher = "local"\n'
    text += '[clusters.attic]\nlauncher = "local"\ngrace = "9s"\n'
    found = loaded(tmp_path, text).settings.cluster_launchers()
    assert {name: (launcher, values["grace"]) for name, (launcher, values) in found.items()} == {
        "desk": ("local", timedelta(seconds=3)),
        "attic": ("local", timedelta(seconds=9)),
    }


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ('[clusters.hpc]\nlauncher = "slurp"\n', "clusters.hpc.launcher", "local"),
        ('[clusters.hpc]\nlauncher = "local"\ngraze = "3s"\n', "clusters.hpc.graze", "clusters.hpc.grace"),
        ('[clusters.hpc]\nlauncher = "local"\nmemory = "much"\n', "clusters.hpc.memory", "auto"),
        ('[clusters.hpc]\nreach = "hub"\n', "clusters.hpc.reach", "Does [clusters.hpc] say its `launcher`?"),
        ('[clusters.HPC]\nlauncher = "local"\n', "clusters.HPC", "begins with a letter"),
    ],
)
def test_a_bad_cluster_names_key_and_line(tmp_path: Path, text: str, key: str, hint: str) -> None:
    params = refused(tmp_path, text)
    assert params["key"] == key
    assert str(params["origin"]).startswith(f"{tmp_path}/armchair.toml:")
    assert hint in str(params["problem"])
