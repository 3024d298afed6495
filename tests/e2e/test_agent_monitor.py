"""A supervisor watches a spoken turn appear and grow, finds it again by its words, and sees how the time was spent."""

import json
import time

from axe_playwright_python.sync_playwright import Axe

SAYS = "add buy milk to my todo list"
WITHIN_MS = 20
"""How exactly the stages add up to what the caller waited."""


def open_monitor(playwright_page, product):
    """The monitor in another browser window, with the owner logged in."""
    context = playwright_page.context.browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(product.staff_link())
    page.goto(f"{product.url}/agent-monitor/")
    return page
