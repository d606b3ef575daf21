from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from plimsoll.canonical import digest
from plimsoll.config import ModelSettings, TargetSettings
from plimsoll.errors import ConfigError, UsageError
from plimsoll.registry import (
    Bundle,
    TamperedError,
    load_bundle,
    load_folder,
    make_bundle,
    materialise,
    read_bundle,
)
from plimsoll.registry.model_files import model_files
from plimsoll.registry.versions import keep_bundle
from plimsoll.testing.store import MemoryRegistryStore
from plimsoll.version import __version__

PROMPT = TargetSettings(prompt="prompts/answer.jinja2", model="local")
MODELS = {"local": ModelSettings(provider="openai", model="m", api_key="${OPENAI_API_KEY}")}


def workspace(root: Path, text: str = "Answer {{ question }}") -> Path:
    (root / "prompts").mkdir(parents=True, exist_ok=True)
    (root / "prompts" / "answer.jinja2").write_text(text)
    return root


def made(root: Path, text: str = "Answer {{ question }}") -> Bundle:
    return make_bundle(workspace(root, text), [Path("prompts/answer.jinja2")], PROMPT, MODELS)


def test_equal_content_has_one_digest_wherever_it_lies(tmp_path: Path) -> None:
    here, there = made(tmp_path / "a"), made(tmp_path / "b")
    assert here.digest == there.digest
    assert here == there
    absolute = make_bundle(tmp_path / "a", [tmp_path / "a" / "prompts" / "answer.jinja2"], PROMPT, MODELS)
    assert absolute.digest == here.digest


def test_any_change_of_file_settings_or_model_is_another_bundle(tmp_path: Path) -> None:
    first = made(tmp_path)
    files = dict(first.files)
    others = [
        made(tmp_path, "Answer {{ question }}!"),
        Bundle.of(PROMPT.model_copy(update={"parameters": {"temperature": 1}}), MODELS, files),
        Bundle.of(PROMPT, {"local": MODELS["local"].model_copy(update={"temperature": 0.5})}, files),
        Bundle.of(PROMPT, {}, files),
        Bundle.of(PROMPT, MODELS, {"prompts/other.jinja2": files["prompts/answer.jinja2"]}),
    ]
    assert len({first.digest, *(bundle.digest for bundle in others)}) == 6


def test_a_setting_that_is_written_out_with_its_default_changes_no_digest(tmp_path: Path) -> None:
    files = dict(made(tmp_path).files)
    spelt = TargetSettings(prompt="prompts/answer.jinja2", model="local", timeout=300.0)
    assert Bundle.of(spelt, MODELS, files).digest == Bundle.of(PROMPT, MODELS, files).digest


def test_a_materialised_bundle_reads_back_and_writing_it_again_changes_nothing(tmp_path: Path) -> None:
    bundle = made(tmp_path / "ws")
    folder = materialise(bundle, tmp_path / "out")
    back = load_folder(folder, bundle.digest)
    assert back == bundle
    assert (back.settings, back.models, back.kind) == (PROMPT, MODELS, "prompt")
    assert (folder / back.settings.prompt).read_text() == "Answer {{ question }}" if back.settings.prompt else False
    assert materialise(bundle, folder) == folder


def test_what_running_a_bundle_leaves_in_its_folder_is_no_tampering_and_an_added_module_is(tmp_path: Path) -> None:
    folder = materialise(made(tmp_path / "ws"), tmp_path / "out")
    (folder / "prompts" / "__pycache__").mkdir()
    (folder / "prompts" / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert load_folder(folder) == made(tmp_path / "ws")
    (folder / "prompts" / "json.py").write_text("")
    with pytest.raises(TamperedError, match=r"prompts/json\.py \(added\)"):
        materialise(made(tmp_path / "ws"), folder)


def test_half_a_bundle_is_never_left_in_its_place(tmp_path: Path) -> None:
    broken = Bundle.of(PROMPT, {}, {"a": b"1", "a/b": b"a file can't lie in a file"})
    with pytest.raises(OSError, match="a"):
        materialise(broken, tmp_path / "out" / "bundle")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    bundle = made(tmp_path / "ws")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty and holds no bundle"):
        materialise(bundle, tmp_path / "notes")
    materialise(made(tmp_path / "ws2", "other"), tmp_path / "other")
    with pytest.raises(UsageError, match="holds another bundle"):
        materialise(bundle, tmp_path / "other")


def test_every_mistake_in_what_is_to_be_bundled_is_told_at_once(tmp_path: Path) -> None:
    root = workspace(tmp_path / "ws", "key: sk-planted-123")
    (tmp_path / "outside.txt").write_text("x")
    with pytest.raises(ConfigError) as raised:
        make_bundle(
            root,
            [Path("prompts/answer.jinja2"), Path("prompts/gone.jinja2"), tmp_path / "outside.txt"],
            TargetSettings(prompt="prompts/answer.jinja2", parameters={"user": "sk-planted-123"}),
            {},
            {"OPENAI_API_KEY": "sk-planted-123"},
        )
    text = str(raised.value)
    assert "prompts/gone.jinja2: can't be read: No such file or directory" in text
    assert "outside.txt: lies outside the workspace" in text
    assert "prompts/answer.jinja2: holds the value of the environment variable OPENAI_API_KEY" in text
    assert "settings: holds the value of the environment variable OPENAI_API_KEY (write ${OPENAI_API_KEY}" in text
    assert "sk-planted" not in text


def test_a_password_that_is_a_word_is_refused_where_it_stands_alone(tmp_path: Path) -> None:
    secrets = {"A_PASSWORD": "desk-run", "B_KEY": "settings", "C_KEY": "sk-planted-0123456789"}

    def make(text: str) -> None:
        make_bundle(workspace(tmp_path, text), [Path("prompts/answer.jinja2")], PROMPT, MODELS, secrets)

    make("As desk-runner of mydesk-run.example say: {{ q }}, by the file_settings.")
    for text, name in (
        ("The password is desk-run.", "A_PASSWORD"),
        ("postgresql://ann:desk-run@db", "A_PASSWORD"),
        ("xsk-planted-0123456789x", "C_KEY"),
    ):
        with pytest.raises(ConfigError, match=f"holds the value of the environment variable {name}"):
            make(text)


def test_a_prompt_without_a_file_is_no_bundle_and_an_endpoint_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a prompt target without a file can't be bundled"):
        make_bundle(tmp_path, [], PROMPT, MODELS)
    endpoint = TargetSettings.model_validate({"http": {"url": "http://127.0.0.1/answer"}})
    assert make_bundle(tmp_path, [], endpoint, {}).kind == "http"


def test_what_differs_in_an_altered_bundle_is_named(tmp_path: Path) -> None:
    bundle = made(tmp_path)
    stored = bundle.written()
    path = "prompts/answer.jinja2"
    other = {**stored, path: b"other"}
    with pytest.raises(TamperedError, match=r"answer\.jinja2 \(changed\)"):
        read_bundle(other, bundle.digest, "here")
    with pytest.raises(TamperedError, match=r"answer\.jinja2 \(missing\)"):
        read_bundle({"bundle.json": stored["bundle.json"]}, bundle.digest, "here")
    with pytest.raises(TamperedError, match=r"extra\.py \(added\)"):
        read_bundle({**stored, "extra.py": b""}, bundle.digest, "here")
    with pytest.raises(TamperedError, match=r"no bundle\.json"):
        read_bundle({path: b""}, bundle.digest, "here")
    replaced = made(tmp_path, "wholly another")
    with pytest.raises(TamperedError, match="settings or list of files have the digest"):
        read_bundle(replaced.written(), bundle.digest, "here")
    newer = json.dumps({**bundle.content, "format": 2, "digest": ""}).encode()
    with pytest.raises(TamperedError, match=r"format 2; this version reads 1"):
        read_bundle({**stored, "bundle.json": newer}, None, "here")


@pytest.mark.parametrize("path", ["../escape", "/absolute", "a/../../b", "c:/windows", "..\\up"])
def test_a_path_that_leads_out_of_the_bundle_is_refused(path: str) -> None:
    bundle = Bundle.of(PROMPT, {}, {path: b"x"})
    with pytest.raises(TamperedError, match="a file's path leads out of the bundle"):
        read_bundle(bundle.written(), bundle.digest, "here")


def test_settings_that_another_version_wrote_keep_their_digest() -> None:
    # As if a default had been written out, which this version leaves away.
    content = {**Bundle.of(PROMPT, {}, {"a": b"x"}).content}
    content["settings"] = {**content["settings"], "timeout": 300.0}
    stored = {"a": b"x", "bundle.json": json.dumps({**content, "digest": digest(content)}).encode()}
    assert read_bundle(stored, digest(content), "here").settings == PROMPT


def test_a_bundle_is_stored_as_a_model_whose_environment_has_what_it_needs() -> None:
    flow = Bundle.of(TargetSettings(flow="f"), {}, {"f/flow.dag.yaml": b"x", "f/requirements.txt": b"numpy"})
    azure = ModelSettings.model_validate({"provider": "azure", "auth": "default_credential"})
    asked = Bundle.of(PROMPT, {"a": azure, "b": ModelSettings(provider="embedded")}, {"prompts/answer.jinja2": b"x"})
    found = model_files(flow)
    assert {path.removeprefix("bundle/"): data for path, data in found.items() if "/" in path} == flow.written()
    needed = [model_files(each)["requirements.txt"].decode().splitlines()[1:] for each in (flow, asked)]
    assert needed == [
        [f"plimsoll-llm[promptflow]=={__version__}", "-r bundle/f/requirements.txt"],
        [f"plimsoll-llm[embedded,azure]=={__version__}"],
    ]
    model = YAML(typ="safe").load(found["MLmodel"])
    assert model["flavors"]["python_function"]["config"] == {"digest": flow.digest}
    assert model["flavors"]["python_function"]["data"] == "bundle"


def test_a_version_of_the_first_layout_is_verified_and_kept(tmp_path: Path) -> None:
    store, bundle = MemoryRegistryStore(), made(tmp_path)
    folder = f"bundles/{bundle.digest.removeprefix('sha256:')}"
    store.put_files("desk", folder, bundle.written())
    store.create_record("desk", folder.replace("bundles/", "version."), str(store.create_version("desk", folder, {})))
    assert load_bundle(store, "desk", bundle.digest) == bundle
    assert keep_bundle(store, "desk", bundle) == 1
    store.put_files("desk", folder, {"prompts/answer.jinja2": b"evil"})
    with pytest.raises(TamperedError, match=r"answer\.jinja2 \(changed\)"):
        load_bundle(store, "desk", bundle.digest)


@given(st.data())
def test_no_changed_byte_of_a_stored_bundle_goes_unseen(data: st.DataObject) -> None:
    bundle = Bundle.of(PROMPT, MODELS, {"prompts/answer.jinja2": b"Answer {{ question }}", "b": b"\x00"})
    stored = bundle.written()
    name = data.draw(st.sampled_from(sorted(stored)))
    place = data.draw(st.integers(0, len(stored[name]) - 1))
    flipped = bytearray(stored[name])
    flipped[place] ^= data.draw(st.integers(1, 255))
    try:
        back = read_bundle({**stored, name: bytes(flipped)}, bundle.digest, "here")
    except TamperedError:
        return
    # White space or an equal spelling in the manifest is no other bundle.
    assert name == "bundle.json"
    assert back == bundle
