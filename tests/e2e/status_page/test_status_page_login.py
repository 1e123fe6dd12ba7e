"""Who sees the status page, in a real Chromium."""

import socket
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.reporting_databases import migrated_engine
from support.status_pages import FAILED_REQUEST, NOW, Clock, MakePage, run_axe, serve
from support.status_server import make_settings, serving
from support.status_site import fill

pytestmark = pytest.mark.slow


def test_a_wrong_password_is_refused_and_the_right_one_leads_to_the_tab(tmp_path: Path, make_page: MakePage) -> None:
    with migrated_engine("sqlite", tmp_path) as engine:
        fill(engine, NOW)
        for site in serve(engine, status_password="correct horse"):
            page = make_page(notes=FAILED_REQUEST)
            page.goto(f"{site.url}/status?tab=security")
            page.get_by_label("Password").fill("wrong")
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("alert")).to_have_text("That is not the password.")
            page.get_by_label("Password").fill("correct horse")
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("tab", selected=True)).to_have_text("Security")
            assert page.evaluate("document.cookie") == ""
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_label("Password")).to_be_visible()
            page.goto(f"{site.url}/status")
            expect(page.get_by_label("Password")).to_be_visible()


def test_axe_likes_the_login_too(tmp_path: Path, make_page: MakePage) -> None:
    with migrated_engine("sqlite", tmp_path) as engine:
        for site in serve(engine, status_password="correct horse"):
            page = make_page(notes=FAILED_REQUEST, bypass_csp=True)
            page.goto(f"{site.url}/status")
            assert run_axe(page) == []


def own_address() -> str | None:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: UDP
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address


def test_without_a_password_another_address_is_refused(tmp_path: Path, make_page: MakePage) -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    with (
        migrated_engine("sqlite", tmp_path) as engine,
        serving(make_settings(engine.url.render_as_string(), home=tmp_path), Clock(), host=address) as server,
    ):
        page = make_page(notes=(*FAILED_REQUEST, "The Cross-Origin-Opener-Policy header has been ignored"))
        answer = page.goto(f"{server.url}/status")
        assert answer is not None
        assert answer.status == 403
        expect(page.locator(".headline")).to_have_text("This page answers its own machine alone.")
        data = page.request.get(f"{server.url}/status/data/sync", headers={"X-Forwarded-For": "127.0.0.1"})
        assert data.status == 403
