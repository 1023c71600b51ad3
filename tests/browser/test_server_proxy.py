"""The page behind Jupyter's login, through the real jupyter-server-proxy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jobactors_widgets.server_proxy import describe_server
from playwright.sync_api import expect

import jobactors as ja
from tests.browser.lab import run_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_page_works_under_jupyters_own_address(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its files, its stream and its commands go through the proxy; Jupyter asks who it is."""
    folder = tmp_path_factory.mktemp("proxied")
    store = folder / "jobs.db"
    jobs = ja.start(store=store, display=None, unread_failures="ignore")
    job = jobs.options(name="behind a hub").submit(len, "abc")
    job.result(60)
    job.stored().result(60)
    ja.stop(0)
    config = folder / "config"
    config.mkdir()
    settings = {
        "ServerApp": {"jpserver_extensions": {"jupyter_server_proxy": True}},
        "ServerProxy": {"servers": {"jobactors": describe_server()}},
    }
    (config / "jupyter_server_config.json").write_text(json.dumps(settings))
    env = {"JUPYTER_CONFIG_PATH": str(config), "JOBACTORS_STORE": str(store)}
    with run_server(folder / "server", "lab", env) as server:
        context = chromium.new_context()
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{server.url}/jobactors/", timeout=90_000)
        row = page.locator(f'.ja-row[data-job="{job.id}"]')
        expect(row).to_contain_text("succeeded")
        row.get_by_role("button", name="Details of").click()
        expect(row).to_contain_text("Result")
        row.hover()
        row.get_by_role("button", name="Dismiss").click()
        expect(row).to_contain_text("removed")  # it goes when the mouse does
        assert complaints == []
        context.close()
