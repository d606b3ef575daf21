"""Other sites, other machines and whatever a model may write: nothing of it gets in, out, or run."""

import itertools
import re
import socket
from html.parser import HTMLParser

import pytest
from tests.viewer.parts import RUN, Site, hostile_report, telling_report, write_run

from plimsoll.api.viewing import open_desk
from plimsoll.errors import InfrastructureError
from plimsoll.labels import LabelStore
from plimsoll.testing.reports import HOSTILE_TEXTS

PAGES = (
    "/",
    f"/runs/{RUN}",
    f"/runs/{RUN}/cases",
    f"/runs/{RUN}/cases/1",
    f"/runs/{RUN}/cases/1?against=v1",
    f"/runs/{RUN}/label",
    f"/runs/{RUN}/label/answers?metric=exact_match",
    f"/runs/{RUN}/label/answers?metric=exact_match&blind=1",
)
HOSTILE = " ".join((*HOSTILE_TEXTS, '"><svg onload=alert(1)>', "<a href='javascript:alert(3)'>x</a>"))


def refused_label(site, **headers):
    page = site.get(f"/runs/{RUN}/label/answers?metric=exact_match")
    form = {**page.hidden, "value": "pass"}
    return site.post(f"/runs/{RUN}/label/answers?metric=exact_match", {**form, **headers.pop("form", {})}, **headers)


def test_only_loopback_is_listened_on(site):
    [listening] = site.server._runner.addresses
    assert listening[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}", "[::1]:{port}"]
)
def test_a_name_that_is_not_ours_is_refused_on_every_page(workspace, site, host):
    write_run(workspace.state, telling_report())
    for path in (*PAGES, "/static/viewer.js", f"/runs/{RUN}/state"):
        got = site.get(path, Host=host.format(port=site.server.port))
        assert got.status == 421
        assert "answer number" not in got.words
    assert site.get("/", Host=f"localhost:{site.server.port}").status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": {"token": ""}},
        {"form": {"token": "guessed"}},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "evil.example"},
    ],
)
def test_what_changes_something_needs_our_token_and_comes_from_our_own_pages(workspace, site, wrong):
    write_run(workspace.state, telling_report())
    assert refused_label(site, **wrong).status in (403, 421)
    assert list(LabelStore(workspace.state)) == []
    assert refused_label(site, Origin=site.server.url, Sec_Fetch_Site="same-origin").status == 303
    assert len(list(LabelStore(workspace.state))) == 1


def test_a_token_is_of_one_server_and_in_no_address(workspace, visit):
    write_run(workspace.state, telling_report())
    path = f"/runs/{RUN}/label/answers?metric=tone"
    one, other = visit("Ada").get(path), visit("Ada").get(path)
    token = one.field("token")
    assert len(token) > 30
    assert token != other.field("token")
    assert not re.search(rf'(href|action|src)="[^"]*{re.escape(token)}', one.text)


def test_every_answer_carries_the_policy_also_refusals_and_files(workspace, site):
    write_run(workspace.state, telling_report())
    for path in (*PAGES, "/static/report.css", "/static/nothing", "/nothing", "/runs/none", f"/runs/{RUN}/state"):
        got = site.get(path)
        policy = got.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in got.headers


def test_pages_load_only_our_own_files_and_hold_no_code_of_their_own(workspace, site):
    write_run(workspace.state, telling_report())
    for path in PAGES:
        text = site.get(path).text
        loaded = re.findall(r'<(?:script|link)[^>]*(?:src|href)="([^"]*)"', text)
        assert loaded
        assert all(address.startswith("/static/") for address in loaded)
        assert all(site.get(address).status == 200 for address in loaded)
        assert not re.search(r"<style|<script>|\son\w+=|\sstyle=|javascript:", text)


class Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    @property
    def tags(self):
        return {tag for tag, _ in self.found}


def test_hostile_text_stays_text_on_every_page(workspace, site):
    write_run(workspace.state, telling_report())
    known = set().union(*(Elements(site.get(path).text).tags for path in PAGES))
    name = "20260401-000000000-ferry-desk-aaaa"
    write_run(workspace.state, hostile_report(HOSTILE), name)
    for path in (*PAGES, f"/runs/{RUN}/cases?text=%3Cscript%3E&slice=%3Cimg%3E&standing=%22%3E%3Cb%3E"):
        got = site.get(path.replace(RUN, name))
        assert got.status == 200, got.words
        page = Elements(got.text)
        assert page.tags <= known | {"ins", "del", "br", "ul", "li"}
        for _, attributes in page.found:
            assert not [each for each in attributes if each.startswith("on") or each in ("style", "srcset", "srcdoc")]
            addresses = [attributes[each] for each in ("href", "src", "action", "formaction") if each in attributes]
            assert all(re.match(r"[/?#]|$", str(address)) for address in addresses), addresses
            assert not any(str(address).startswith("//") for address in addresses)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028]", got.text)
    answer = site.get(f"/runs/{name}/cases/1")
    assert "<img src=x onerror=alert(2)>" in answer.words
    assert "⟨U+202E⟩" in answer.words


def test_every_page_can_be_read_aloud_and_used_by_keyboard(workspace, site):
    write_run(workspace.state, telling_report(30, repeats=2))
    for path in (*PAGES, f"/runs/{RUN}/cases?slice=times", "/nothing"):
        got = site.get(path)
        page = Elements(got.text)
        levels = [int(tag[1]) for tag, _ in page.found if re.fullmatch("h[1-6]", tag)]
        assert (levels[0], levels.count(1)) == (1, 1)
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), (path, levels)
        tags = [tag for tag, attributes in page.found if attributes.get("type") not in ("hidden", "submit", "checkbox")]
        fields = sum(tags.count(tag) for tag in ("input", "select", "textarea"))
        field = r"<label[^>]*>(?:(?!</label>).)*<(?:input(?! type=.checkbox)|select|textarea)"
        labelled = len(re.findall(field, got.text, re.DOTALL))
        assert fields == labelled, path
        assert tags.count("table") == tags.count("caption")
        ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
        assert len(ids) == len(set(ids))
        keys = [attributes["data-key"] for _, attributes in page.found if "data-key" in attributes]
        assert len(keys) == len(set(keys)), (path, keys)
        assert '<html lang="en">' in got.text


def test_labels_that_others_wrote_are_text_too(workspace, visit):
    write_run(workspace.state, telling_report())
    path = f"/runs/{RUN}/label/answers?metric=vibe&kind=label&labels=a,b"
    visit("<b>Mallory</b>").label(path, value="a", comment=HOSTILE, expected=HOSTILE)
    ada = visit("Ada")
    for page in (ada.get(f"/runs/{RUN}/cases/{place}") for place in range(1, 7)):
        assert "<b>" not in page.text
        assert "<svg onload" not in page.text
        assert "\u202e" not in page.text
    assert "<b>" not in ada.get(f"/runs/{RUN}/label").text


@pytest.mark.parametrize(
    "run",
    [
        "..",
        "%2e%2e",
        "..%2f..%2fsecret",
        "%2fetc",
        f"..%2fruns%2f{RUN}",
        f"{RUN}%2f..%2f{RUN}",
        f"{RUN}%00",
        ".",
        "%5c..",
    ],
)
def test_a_path_leads_nowhere_but_to_a_listed_run(workspace, site, run):
    write_run(workspace.state, telling_report())
    write_run(workspace.root, telling_report(), "secret")
    for rest in ("", "/cases", "/cases/1", "/state", "/label"):
        got = site.get(f"/runs/{run}{rest}")
        assert got.status in (404, 400)
        assert "answer number" not in got.words


@pytest.mark.parametrize("name", ["..%2fviewer.css", "%2e%2e%2fserver.py", "base.html.jinja2", "../server.py"])
def test_only_the_pages_own_files_are_served(site, name):
    assert site.get(f"/static/{name}").status == 404


def test_nothing_of_the_environment_is_shown(workspace, site, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "planted-secret-value")
    (workspace.root / ".env").write_text("OTHER_TOKEN=planted-secret-file\n")
    write_run(workspace.state, telling_report())
    for path in (*PAGES, "/nothing", "/runs/none"):
        assert "planted-secret" not in site.get(path).text


def test_what_is_sent_is_bounded(workspace, site):
    write_run(workspace.state, telling_report())
    assert refused_label(site, form={"comment": "x" * 300_000}).status == 413
    assert refused_label(site, form={"comment": "x" * 30_000}).status == 400
    assert list(LabelStore(workspace.state)) == []


@pytest.mark.parametrize(
    "query", ["page=x", "page=-1", "page=99999999999", "page=1.5", "page=" + "0" * 4400 + "1", "page=000000000099"]
)
def test_a_query_that_makes_no_sense_is_refused(workspace, site, query):
    write_run(workspace.state, telling_report())
    assert site.get(f"/runs/{RUN}/cases?{query}").status in (400, 404)


def test_a_port_that_is_taken_is_an_error_that_says_so(workspace):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InfrastructureError, match=f"127.0.0.1:{port} can't be opened: another program"):
            Site(open_desk(workspace, "Ada"), port).__enter__()
