"""What axe finds on a page as it is now: nothing, or the rule and the elements that break it."""

from axe_playwright_python.sync_playwright import Axe


def faults(page):
    found = Axe().run(page).response["violations"]
    return [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in found]


def sticks_out(page):
    """Whether something is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
