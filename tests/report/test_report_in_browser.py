"""The page in headless Chromium: no error, no request, a choice shows the network."""

import pytest
from chromium import chromium, watched_pages
from tiny import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page_url(whole_report):
    return (whole_report.folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def open_page(browser, page_url):
    """Open the page with the given options; at the end, it must have made no error or request."""
    with watched_pages(browser, page_url, "data:", "blob:") as opened:
        yield opened


def shown(page):
    return page.locator("#network > article:visible").evaluate_all("all => all.map(a => a.id)")


def eventually(page, expression):
    """Wait until an expression is true (the page's policy forbids Playwright's own waiting)."""
    wait_until(lambda: page.evaluate(expression))


def place_of(page, trace, point):
    """Return where on the screen a point of the Pareto plot is now."""
    return page.evaluate(
        """([trace, point]) => {
            const plot = document.getElementById("plot-pareto");
            const { xaxis, yaxis } = plot._fullLayout;
            const box = plot.getBoundingClientRect(), data = plot.data[trace];
            return [box.x + xaxis._offset + xaxis.d2p(data.x[point]),
                    box.y + yaxis._offset + yaxis.d2p(data.y[point])];
        }""",
        [trace, point],
    )


def hovered(page, trace, point):
    """Move the mouse over a point of the Pareto plot and return what appears there, or nothing.

    A plot that is drawn once more takes the text away until the mouse moves again.
    """
    x, y = place_of(page, trace, point)
    page.mouse.move(x + 1, y)
    page.mouse.move(x, y)
    return page.evaluate("document.querySelector('#plot-pareto .hovertext')?.textContent")


def click_until_shown(page, trace, point, network):
    """Click a point of the Pareto plot until its network is shown."""

    def clicked():
        if hovered(page, trace, point):
            page.mouse.click(*place_of(page, trace, point))
        return shown(page) == [network]

    wait_until(clicked)


def test_a_click_on_a_point_shows_its_network(open_page):
    page = open_page()
    assert shown(page) == ["network-0"]  # the best trained one, at first
    click_until_shown(page, 1, 2, "network-2")
    assert page.locator("#network-2 svg.network").is_visible()
    assert page.locator("#network-2 h3").inner_text() == "Pareto member 2"


def test_hovering_shows_genotype_and_cost(open_page):
    page = open_page()
    words = wait_until(lambda: hovered(page, 1, 1))
    assert "f3e1.5w1 f3+t3e1.5w1" in words
    assert "MACs" in words


def test_the_keyboard_chooses_a_network_from_the_table(open_page):
    page = open_page()
    page.locator('button[data-network="4"]').focus()
    page.keyboard.press("Enter")
    assert shown(page) == ["network-4"]
    assert page.evaluate("document.activeElement.textContent") == "baseline"
    assert page.locator("#network-4 table.confusion").is_visible()


def test_the_cost_of_the_front_can_be_changed(open_page):
    page = open_page()
    options = page.locator("#cost option").evaluate_all("all => all.map(o => o.value)")
    assert options == ["macs", "params", "ram_bytes"]  # this run has no latencies
    page.select_option("#cost", "params")
    title = "document.getElementById('plot-pareto').layout.xaxis.title.text"
    eventually(page, f"{title}.startsWith('Parameters')")
    click_until_shown(page, 1, 3, "network-3")


CUT = """width => [...document.querySelectorAll("body *")].filter(element =>
    !element.closest(".scroll, .plot, svg") && element.getClientRects().length &&
    (element.getBoundingClientRect().right > width + 1 ||
     (element.matches("pre, p, td, dd, h1, h2, h3") &&
      element.scrollWidth > element.clientWidth + 1))
).map(element => element.outerHTML.slice(0, 200))"""
"""What reaches over the page's edge or its own, but for tables that scroll by themselves."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_cut_and_the_page_does_not_scroll_sideways(open_page, width, scheme):
    page = open_page(width, color_scheme=scheme)
    for button in page.locator("button[data-network]").all():
        button.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT, width) == []


def test_labels_stand_upright_over_the_confusions(open_page):
    page = open_page()
    boxes = page.locator("#network-0 .confusion thead span").evaluate_all(
        "all => all.map(a => [a.offsetWidth, a.offsetHeight])"
    )
    assert len(boxes) == 3
    assert all(width < height for width, height in boxes)


def test_limits_and_joined_scores_follow_the_cost(open_page):
    page = open_page()
    shapes = "document.getElementById('plot-pareto').layout.shapes"
    before = page.evaluate(f"{shapes}.map(s => s.x0)")
    assert len(before) == 1  # one network has both scores
    page.select_option("#cost", "params")
    eventually(page, f"{shapes}[0].x0 !== {before[0]}")


def test_plots_follow_the_page_to_dark(open_page):
    page = open_page(color_scheme="light")
    colour = "document.getElementById('plot-pareto').layout.font.color"
    before = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    eventually(page, f"{colour} !== '{before}'")
    assert page.evaluate(colour) == page.evaluate(
        "getComputedStyle(document.documentElement).getPropertyValue('--text').trim()"
    )


def test_a_hostile_label_does_not_run(open_page):
    page = open_page()
    assert page.title() == "whole: asc-nas report"
    assert "attacked" in page.locator("#data").inner_text()


def test_without_scripts_every_network_is_there(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator("#network > article").count() == 5
    assert page.locator("#network-3").is_visible()


def test_a_recording_of_a_mistake_can_be_played(open_page):
    page = open_page()
    seconds = page.evaluate(
        """() => new Promise((done, failed) => {
            const audio = document.querySelector("audio");
            audio.addEventListener("loadedmetadata", () => done(audio.duration));
            audio.addEventListener("error", () => failed(audio.error.message));
            audio.load();
        })"""
    )
    assert seconds == pytest.approx(1.0, abs=0.05)
