"""A headless Chromium, driven over its pipe (DevTools protocol): pages at a width, what they measure, screenshots. Needs package chromium."""
import base64
import select

from gate import *

PROGRAM = shutil.which("chromium")


class Chromium:
    def __init__(self):
        to_r, self.to = os.pipe()
        self.back, back_w = os.pipe()

        def wire():                     # it reads 3 and writes 4
            a, b = os.dup(to_r), os.dup(back_w)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = popen([PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                              "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                              "--no-proxy-server", "--hide-scrollbars", "--user-data-dir=" + path("chromium"), "--remote-debugging-pipe", "about:blank"],
                             env={**ENV, "HOME": TMP}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             preexec_fn=wire, close_fds=True, pass_fds=(3, 4), start_new_session=True)
        os.close(to_r)
        os.close(back_w)
        self.buffer, self.n, self.events = b"", 0, []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Log", "Network":
            self.call(domain + ".enable")

    def message(self, end):
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise TimeoutError("chromium does not answer")
            data = os.read(self.back, 1 << 20)
            if not data:
                raise RuntimeError("chromium has ended")
            self.buffer += data
        m, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(m)

    def call(self, method, **params):
        self.n += 1
        m = {"id": self.n, "method": method, "params": params}
        if hasattr(self, "session"):
            m["sessionId"] = self.session
        os.write(self.to, json.dumps(m).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            got = self.message(end)
            if got.get("id") == self.n:
                if "error" in got:
                    raise RuntimeError("%s: %r" % (method, got["error"]))
                return got["result"]
            self.events.append(got)

    def open(self, url, width, height):
        """Load it at this width, and wait until it is there."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.events = []
        self.call("Page.navigate", url=url)
        end = time.monotonic() + PATIENCE
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self.message(end))

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def screenshot(self, file):
        with open(file, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]))

    def close(self):
        try:
            self.call("Browser.close")
        except (RuntimeError, TimeoutError, OSError):
            pass
        wait_for(lambda: self.process.poll() is not None, "chromium to end")
        os.close(self.to)
        os.close(self.back)
