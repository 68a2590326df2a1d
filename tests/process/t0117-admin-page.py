#!/usr/bin/python3
"""The page of listen.admin, and the metrics, when names, clients and log lines mean to be something else: both stay well-formed,
nothing runs. In a headless Chromium at the width of a phone and of a desktop: nothing is wider than the screen, and the page has all that
it should. SHOTS=DIR keeps the screenshots."""
import xml.etree.ElementTree as ElementTree

import chromium
from adminweb import *

tap = Tap()
latch = Latch()
g = Gate({"listen.admin": "127.0.0.1:0", "deadline.commands": "10m", "limit.sessions": "200", "service.idler.command": "sleep 1000000"},
         hooks=Hooks(pre_receive=hostile_hook(latch)).dir)
g.repo()
admin = Admin(g)


def page(what):
    """The page, as XML, which is stricter than HTML; its text."""
    status, headers, body = admin.get("/")
    tap.eq((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"), "%s: a page" % what)
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as e:
        tap.ok(False, "%s: it is well-formed" % what, e, *body.splitlines()[max(e.position[0] - 2, 0):e.position[0] + 1])
        return body, None
    tap.ok(True, "%s: it is well-formed" % what)
    return body, root


body, root = page("an idle gate")
tap.ok("Live sessions" in body and "none" in body and "ready: new clients are served" in body, "it says that nothing goes on")

# --- sessions of all kinds ------------------------------------------------------------------------------------------------

work = g.work("work")
git("clone", "-q", g.url("r.git"), path("clone"))
stuck = [Raw(g, request=False) for _ in range(3)]
killed, live = hostile_sessions(g, latch)
for s in stuck:
    s.rest()
wait_for(lambda: len(g.reaped(reason="init")) == 3, "the stuck ones to be ended")
more = [Raw(g) for _ in range(12)]
for s in more:
    s.advertisement()
p = g.push(work, "held")
latch.reached()
wait_for(lambda: len(g.sessions()) == 14, "them to be there")
wait_for(lambda: "14 of 200" in admin.get("/")[2], "the page to have them")

body, root = page("hostile text")
if root is not None:
    tags = {e.tag for e in root.iter()}
    allowed = {"html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "dl", "div", "dt", "dd", "svg", "g", "rect", "span", "bdi", "code",
               "pre", "article", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "footer", "a"}
    tap.eq(tags - allowed, set(), "no element that is not ours: no script, no picture")
    attributes = {k for e in root.iter() for k in e.attrib}
    tap.eq([a for a in attributes if a.lower().startswith("on") or a in ("src", "style", "srcset", "action")], [], "no attribute that does anything")
    tap.eq({e.attrib["href"] for e in root.iter() if "href" in e.attrib}, {"/?hold", "/metrics", "/readyz"}, "and no link that is not ours")
    text = "".join(root.itertext())
    tap.ok("<img src=x onerror=alert(1)>" in text, "the hostile name is there, as text")
    tap.ok("</pre><script>alert(3)</script> \\x1b[2J\\x07 \\u202e" in text, "so is the line of the log, its escapes visible")
    tap.ok("\\xff" in text, "and bytes that are no UTF-8")
    tap.eq(re.findall(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", body), [], "no control character, and nothing that turns the direction of writing")
    tap.ok(killed in text and "operator" in text and "deadline.init" in text, "who was ended, why, and which setting decides")
    tap.eq(len([e for e in root.iter("g") if e.attrib["class"] == "reaped"]), len(g.reaped()), "the time line has all that were ended by the gate")
    tap.ok(len([e for e in root.iter("g") if e.attrib["class"] == "live"]) == 14, "and those that live")
status, headers, _ = admin.get("/")
csp = headers["Content-Security-Policy"]
tap.ok("default-src 'none'" in csp and "script" not in csp and "unsafe" not in csp and "frame-ancestors 'none'" in csp, "the policy lets nothing in", csp)
metrics = admin.get("/metrics")[2]
promtool(tap, metrics, "metrics are well-formed too")
found = parse(metrics)[0]
tap.eq([k for k in found if "alert" in k or ".git" in k or "127.0.0.1" in k], [], "no label has what a client chose")

# --- in a browser ---------------------------------------------------------------------------------------------------------

if not chromium.PROGRAM:
    tap.skip("the page in a browser", "chromium is not installed")
else:
    browser = chromium.Chromium()
    for width, height in (390, 844), (1280, 800):
        what = "%d wide" % width
        browser.open("http://127.0.0.1:%d/?hold" % admin.port, width, height)
        tap.eq(browser.value("document.documentElement.scrollWidth"), width, "%s: nothing is wider than the screen" % what)
        # pre scrolls by itself, and must not need to
        tap.eq(browser.value("[...document.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 200))"), [],
               "%s: no element is" % what)
        tap.eq(browser.value("document.scripts.length + document.images.length"), 0, "%s: no script, no picture" % what)
        tap.ok(browser.value("document.styleSheets.length") == 1 and browser.value("getComputedStyle(document.querySelector('article')).borderLeftWidth") == "4px",
               "%s: the style is let in" % what)
        tap.ok(browser.value("document.querySelector('svg').getBoundingClientRect().width") > 0.8 * min(width, 1200) - 40, "%s: the time line is as wide" % what)
        tap.ok(browser.value("parseFloat(getComputedStyle(document.body).fontSize)") >= 14, "%s: letters that can be read" % what)
        browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
        tap.eq(browser.value("document.documentElement.scrollWidth"), width, "%s: nor with all evidence open" % what)
        asked = [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
        tap.eq([u for u in asked if not u.endswith("/?hold")], [], "%s: nothing else is fetched" % what)
        bad = [e for e in browser.events if e.get("method") in ("Page.javascriptDialogOpening", "Runtime.exceptionThrown") or
               (e.get("method") == "Log.entryAdded" and "favicon" not in str(e) and e["params"]["entry"]["level"] == "error")]
        tap.eq(bad, [], "%s: nothing ran, and the browser complains of nothing" % what)
        shot = os.path.join(os.environ.get("SHOTS", TMP), "page-%d.png" % width)
        browser.screenshot(shot)
        tap.ok(os.path.getsize(shot) > 10000, "%s: a screenshot" % what)
    browser.close()
latch.release()
tap.eq(end(p)[0], 0, "the push that was held")
for s in more + [live]:
    s.close()
finish(tap, g)
