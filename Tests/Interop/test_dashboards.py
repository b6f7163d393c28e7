"""The dashboard in Chromium through each proxy: it comes back by itself, and never says Live while it is blind."""

import pytest
from proxies import ALL
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from topology import executable, wait_until
from world import World


class Page:
    """The dashboard in one tab."""

    def __init__(self, browser, url):
        self._browser = browser
        browser.get(url + "/")

    @property
    def phase(self):
        return self._browser.execute_script("return document.body.dataset.phase")

    def shows(self, text):
        return text in self._browser.execute_script("return document.body.innerText")

    def wait_for(self, condition, what):
        try:
            wait_until(lambda: condition(self), what)
        except AssertionError as failure:
            text = self._browser.execute_script("return document.body.innerText")
            raise AssertionError(f"{failure}; phase {self.phase}\n{text[:1000]}") from None


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = executable("chromium")
    # Test machines run as root in containers, where Chromium's own sandbox cannot start.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking",
                     "--no-first-run"):
        options.add_argument(argument)
    running = webdriver.Chrome(options=options, service=Service(executable("chromedriver")))
    yield running
    running.quit()


@pytest.fixture(params=ALL, ids=lambda each: each.name)
def proxy(request):
    return request.param


def post_and_see(world, page, title):
    world.post(title, title=title)
    page.wait_for(lambda each: each.shows(title) and each.phase == "live", f"{title} is shown live")


def test_the_only_replica_restarts_and_redis_goes(proxy, browser, tmp_path):
    with World(tmp_path, proxy, {}, replicas=1) as world:
        page = Page(browser, world.proxy.url)
        post_and_see(world, page, "seen-first")
        world.drain("replica-1")
        page.wait_for(lambda each: each.phase != "live", "the page says that it lost the feed")
        world.start("replica-1")
        post_and_see(world, page, "seen-after-the-restart")
        world.stop_redis()
        page.wait_for(lambda each: each.phase != "live", "the page says that it is blind")
        world.start_redis()
        post_and_see(world, page, "seen-after-redis")
        browser.get("about:blank")


def test_a_partitioned_replica(proxy, browser, tmp_path):
    with World(tmp_path, proxy, {}, replicas=2) as world:
        page = Page(browser, world.proxy.url)
        post_and_see(world, page, "seen-first")
        for name, other in (("replica-1", "replica-2"), ("replica-2", "replica-1")):
            world.relays[name].cut()
            title = f"seen-behind-{name}"
            world.post(title, world.address(other), title=title)
            page.wait_for(lambda each: each.shows(title) or each.phase != "live", "the page has it, or says it is blind")
            world.relays[name].mend()
            world.await_ready(name)
            page.wait_for(lambda each: each.shows(title) and each.phase == "live", f"{title} is shown live")
        browser.get("about:blank")
